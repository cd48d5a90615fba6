"""The digest of a plug-in is of what runs: code moves it, a comment or another Python does not."""

import hashlib
from pathlib import Path

import pytest

from irnn.spec.meaning import meaning
from irnn.spec.source_code import Source

EVERY_SYNTAX = Path(__file__).parent / "every_syntax.txt"
GAIN = """
from irnn.extend import option


class Gain:
    gain: float = option(0.5, "factor", at_least=0)

    def recurrent(self, shape):
        return self.gain * shape.hidden + 1
"""


def digest(text: str) -> str:
    return Source("", "", {"gain.py": text.encode()}).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n\n\n", "\n# a remark\n\n"),
        ("class Gain:\n", 'class Gain:\n    """What it is."""\n\n'),
        ("(self, shape):\n", '(self, shape):\n        "What it does."\n'),
        ("self.gain * shape.hidden + 1", "(self.gain * shape.hidden) + (\n            1  # why\n        )"),
        ('"factor"', "'fac' 'tor'"),
        ("0.5", "5e-1"),
        ("    ", "\t"),
        ("\n", "\r\n"),
    ],
)  # fmt: skip
def test_comments_docstrings_and_layout_are_not_in_a_digest(old: str, new: str) -> None:
    assert old in GAIN
    assert digest(GAIN.replace(old, new)) == digest(GAIN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.5", "0.6"),
        ("+ 1", "- 1"),
        ("+ 1", "+ 1.0"),
        ("+ 1", "+ True"),
        ("self.gain *", "shape.gain *"),
        ("at_least", "above"),
        ("gain: float", "gain: int"),
        ('"factor"', 'b"factor"'),
        ("from irnn.extend", "from .irnn.extend"),
        ("+ 1", "+ 1\n\n    def more(self): pass"),
        ("class Gain:", "class Gain(object):"),
    ],
)
def test_every_change_of_code_is_in_a_digest(old: str, new: str) -> None:
    assert old in GAIN
    assert digest(GAIN.replace(old, new)) != digest(GAIN)


def test_files_and_their_names_are_in_a_digest() -> None:
    one = Source("", "", {"a.py": b"x = 1", "b.py": b"y = 2"})
    assert one.digest != Source("", "", {"a.py": b"x = 1"}).digest
    assert one.digest != Source("", "", {"a.py": b"x = 1", "c.py": b"y = 2"}).digest
    assert one.digest == Source("elsewhere", "other", {"b.py": b"y = 2", "a.py": b"x = 1"}).digest


def test_every_version_of_python_makes_the_same_of_the_same_code() -> None:
    """Made by 3.11; other versions cut f-strings and dump trees differently. CI runs this on all of them."""
    content = meaning(EVERY_SYNTAX.read_bytes())
    assert hashlib.sha256(content).hexdigest()[:16] == "e82d3af1dbc553c2"


def test_long_sums_and_huge_numbers_are_code_as_well() -> None:
    long = "x = " + " + ".join(["1"] * 900) + f"\ny = {'9' * 4000}\n"
    assert digest(long) != digest(long.replace("9", "8"))


def test_text_written_twice_differs_from_text_and_name() -> None:
    """Words of the writing cannot be taken for those of the code."""
    assert digest("x = ' id='") != digest("x = id")
    assert digest("f(')', '(Name')") != digest("f(')(Name')")
