"""Every command on the front page, in the tutorial and on the page about setting up a run works."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from irnn.prediction import command as predict
from irnn.reporting import arguments
from irnn.runs.identity import run_id
from irnn.spec.command import read_command
from irnn.spec.composition import Composer, compose_config
from irnn.spec.help import GROUPS
from irnn.sweeps.request import read_request
from tests.forgetting import registrations_forgotten

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/tutorial.md", "docs/configuration.md")


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


ONE_THREAD = {key: text for key, text in os.environ.items() if not key.startswith("IRNN_")}
ONE_THREAD["OMP_NUM_THREADS"] = "1"
EXTENDING = (ROOT / "docs" / "extending.md").read_text()
OTHERS = [
    page
    for page in sorted((ROOT / "docs").glob("*.md"))
    if f"docs/{page.name}" not in (*PAGES, "docs/extending.md")
]
_TYPED = re.compile(
    r"^(?: {4}|\$ )?(?:python -m irnn\.|irnn-)((?:train|report|predict) .*)$", re.MULTILINE
)
_NOT_LITERAL = re.compile(r"\[--|\bRUN\b|…|task\.root=|^irnn-train: ")
"""A synopsis, something left out, files of the reader's own, or a message."""


def typed_on(page: Path) -> list[list[str]]:
    """Commands in other blocks of code, with what is said about them on the line left out."""
    code = re.findall(r"^```.*?^```|^ {4}\S.*?$", page.read_text(), re.DOTALL | re.MULTILINE)
    lines = [line for block in code for line in _TYPED.findall(block)]
    literal = [line for line in lines if not _NOT_LITERAL.search(line)]
    return [shlex.split(re.split(r"\s{3,}", f"irnn-{line}")[0], comments=True) for line in literal]


def plug_in() -> str:
    """The initialization that docs/extending.md adds, whose commands a test of its own runs."""
    (block,) = re.findall(
        r"^`my_lab/gain.py`:\n\n```python\n(.*?)^```", EXTENDING, re.DOTALL | re.MULTILINE
    )
    return str(block)


_IN_A_LINE = re.compile(r"`((?:irnn-(?:train|report|predict)|make) [^`]*)`")
ALL = [(page, words) for page in PAGES for words in commands(page)]
ALL += [
    ("README.md", shlex.split(line))
    for line in _IN_A_LINE.findall((ROOT / "README.md").read_text())
]
ALL += [(page.name, words) for page in OTHERS for words in typed_on(page)]


@pytest.mark.parametrize(("page", "words"), ALL, ids=[" ".join(words) for _, words in ALL])
def test_a_command_of_a_page_is_one(page: str, words: list[str]) -> None:
    program, *rest = words
    if program == "make":
        assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif "plugins=my_lab" in rest:
        assert "init=orthogonal_gain" in rest
        assert '@initialization("orthogonal_gain")' in plug_in()
    elif program == "irnn-train" and rest not in (["--help"], ["--version"]):
        with registrations_forgotten():  # of a plug-in
            command = read_command(rest)
            if command.multirun:
                assert read_request(command.overrides, Composer(command.groups)).jobs
            else:
                compose_config(command.overrides, command.groups)
    elif program == "irnn-predict":
        predict.parse(rest)
    elif program == "irnn-report":
        arguments.parser().parse_args(rest)
    else:
        assert words[-1] in ("--help", "--version", ".venv/bin/activate")


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_a_run_that_a_page_asks_is_one_that_it_trained_before(page: str) -> None:
    trained = set()
    for program, *rest in commands(page):
        if program == "irnn-train" and not {"-m", "--help", "plugins=my_lab"} & set(rest):
            trained.add(run_id(compose_config(rest)))
        if program == "irnn-predict":
            assert rest[0] in trained


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_a_pages_commands_run_one_after_another(page: str, tmp_path: Path) -> None:
    (tmp_path / "my_lab").mkdir()
    (tmp_path / "my_lab" / "gain.py").write_text(plug_in())
    for program, *rest in commands(page):
        if program in ("make", "."):
            continue
        command = [str(Path(sys.executable).with_name(program)), *rest]
        ended = subprocess.run(
            command, cwd=tmp_path, env=ONE_THREAD, capture_output=True, text=True, timeout=300
        )
        assert ended.returncode == 0, (command, ended.stderr)
    for block in blocks(page, "python"):
        script = tmp_path / "script.py"
        script.write_text(block)
        ended = subprocess.run(
            [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=300
        )
        assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "report" / "report.html").is_file()


SMALLER = (
    "seed=0 budget.updates=4 evaluate.every=2 task.train_size=64 task.test_size=64 tracker=none"
)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sweeps_that_a_line_of_the_readme_names_run_with_a_smaller_budget(tmp_path: Path) -> None:
    """They take an hour; here one seed of ten has four updates and 64 sequences, all else is as typed."""
    lines = _IN_A_LINE.findall((ROOT / "README.md").read_text())
    sweeps = [words for words in map(shlex.split, lines) if words[0] == "irnn-train"]
    assert [words[-1] for words in sweeps] == ["sweep=lengths", "sweep=fast_lengths"]
    for program, *rest in sweeps:
        command = [str(Path(sys.executable).with_name(program)), *rest, *SMALLER.split()]
        ended = subprocess.run(
            command, cwd=tmp_path, env=ONE_THREAD, capture_output=True, text=True, timeout=300
        )
        assert ended.returncode == 0, (command, ended.stderr)
    assert len([*tmp_path.glob("runs/*/result.json")]) == 8


def test_the_settings_page_has_every_group() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    assert [group for group in GROUPS if f"### {group}\n" not in text] == []
