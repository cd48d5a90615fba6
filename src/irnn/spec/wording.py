"""Sentences about an override that cannot work, and how to write it so that it can be pasted."""

import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from unicodedata import decimal, normalize

from irnn.spec.groups import NUMERIC_GROUPS
from irnn.spec.registry import GROUPS

_MOST = 100  # letters of a word that are shown


def shown(typed: str, most: int = _MOST) -> str:
    """Write what was typed so that any screen can show it, on one line and not for ever."""
    if not typed:
        return "''"
    safe = typed.encode("utf-8", "backslashreplace").decode()
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in safe)
    return safe if len(safe) <= most else f"{safe[: most // 2]}...({len(typed):,} characters)"


def pasted(word: str) -> str:
    """Write a word as a shell takes it."""
    return shown(shlex.quote(word) if re.search(r"[\s'\"\\$`()<>|&;*?\[\]{}~#!]", word) else word)


def choices_in_words(group: str, known: Sequence[str]) -> str:
    """Say what a group takes."""
    also = " or any number" if group in NUMERIC_GROUPS else ""
    own = ", and plugins=FOLDER for one of your own" if group in GROUPS else ""
    return f"{group} is one of {', '.join(known)}{also}; see --help{own}"


def unreadable(typed: str, error: Exception, *, is_text: bool, wanted: str | None = None) -> str:
    """Say what is wrong with a word that cannot be read as key=value.

    Args:
        typed: the word.
        error: what Hydra's grammar or functions raised about it.
        is_text: whether its setting takes any text.
        wanted: what else its setting takes, if that is known.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in typed):
        return "is no text in UTF-8; give it in UTF-8"
    key, equals, value = typed.partition("=")
    if typed.rstrip() != typed:
        return (
            "ends with white space, such as the line ends of Windows leave; write "
            f"{pasted(typed.rstrip())}"
        )
    if not is_text and (plain := _in_ascii(value)):
        is_number = any(each.isdigit() and not each.isascii() for each in value)
        what = "the digits are 0 to 9" if is_number else "the letters are a to z"
        return f"cannot be read as key=value; {what}: {pasted(f'{key}={plain}')}"
    bare = key.lstrip("-")
    if bare != key and re.fullmatch(r"[A-Za-z_][\w./]*", bare):
        return f"cannot be read as key=value; settings have no dashes: {pasted(f'{bare}={value}')}"
    if is_text and not re.match(r"['\"]", value):
        return f"cannot be read as key=value; put quotes around the value: {_in_quotes(key, value)}"
    if equals and key.strip() != key:
        written = pasted(f"{key.strip()}={value}")
        return f"cannot be read as key=value: no white space before =; write {written}"
    if re.search(r"\s[\w./]+=", value):
        return (
            "cannot be read as key=value: it is more than one setting; make each a word of its own"
        )
    if equals and re.match(r"[+~]{0,2}\w", key):
        # Of a function Hydra says what is wrong with it; of anything else, where its grammar gave up.
        why = f": {_innermost(error)}" if not wanted or re.search(r"\w\(", value) else ""
        remedy = f"the value {wanted}" if wanted else f"text needs quotes: {_in_quotes(key, value)}"
        return f"cannot be read as key=value{why}; {remedy}"
    return "cannot be read as key=value, as in seed=3"


def _in_ascii(value: str) -> str | None:
    """Write a value's letters and digits of other scripts or widths plainly; None where that is no help."""
    letters = normalize("NFKC", value)
    plain = "".join(str(decimal(each)) if each.isdecimal() else each for each in letters)
    helps = plain != value and re.fullmatch(r"[.,+-]*\w[\w.,+-]*", plain, re.ASCII)
    return plain if helps else None


def _innermost(error: Exception) -> str:
    """Give what Hydra says of a value, on one line, without where it was when it found it."""
    line = " ".join(str(error).split()) or type(error).__name__
    return shown(re.sub(r"^\w+ while evaluating '.*?': ", "", line))


def _in_quotes(key: str, value: str) -> str:
    """Quote for Hydra, and that for a shell."""
    mark = '"' if '"' not in value else "'"
    escaped = value.replace(mark, f"\\{mark}")
    return shlex.quote(f"{key}={mark}{escaped}{mark}")


def meant_by(key: str, known: Sequence[str], groups: Sequence[str]) -> str | None:
    """Give the key that another spelling can only mean: lr is optim.lr, batch-size is batch_size."""
    plain = key.replace("/", ".").replace("-", "_")
    if plain in known or plain in groups:
        return plain
    same_end = [name for name in known if name.rpartition(".")[2] == plain]
    return same_end[0] if len(same_end) == 1 else None


def bare_word(word: str, groups: Mapping[str, Sequence[str]], known: Sequence[str]) -> str:
    """Say how a word that is no key=value may be meant: as an option of a group, or as a key.

    Args:
        word: as it was typed.
        groups: options of each group.
        known: all settings.
    """
    chosen = [f"{group}={word}" for group, options in groups.items() if word in options]
    if chosen:
        return f"; did you mean {' or '.join(chosen[:3])}?"
    if word in groups:
        return f"; {choices_in_words(word, groups[word])}"
    key = meant_by(word, known, [*groups])
    return f"; did you mean {key}=VALUE?" if key else ", as in seed=3"


def unknown_key(key: str, typed: str, known: Sequence[str], groups: Sequence[str]) -> str:
    """Say what is near a key that is none."""
    value = typed.partition("=")[2]
    inside = [name for name in known if name.startswith(f"{key}.")]
    if inside:
        return f"has settings of its own: {', '.join(inside)}"
    dotted = key.replace("/", ".")
    same_end = [name for name in known if name.rpartition(".")[2] == dotted.rpartition(".")[2]]
    if (exact := meant_by(key, known, groups)) and "=" in typed:
        return f"no such setting; did you mean {pasted(f'{exact}={value}')}?"
    several = same_end if "." not in dotted else []
    close = several or difflib.get_close_matches(dotted, [*known, *groups], n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(close)}?" if close else "see --help for all settings"
    section = [name for name in known if name.startswith(dotted.split(".")[0] + ".")]
    settings_there = f"\n  settings there: {', '.join(section)}"
    return f"no such setting; {meant}{settings_there if '.' in key and section else ''}"
