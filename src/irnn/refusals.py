"""Say in a few lines which override is wrong, and what would be accepted."""

import difflib
import re
from collections.abc import Sequence
from typing import Any

from hydra.errors import OverrideParseException

from irnn.config import Config, ConfigError
from irnn.groups import NUMERIC_GROUPS, group_names, options
from irnn.options import settings


def explained(error: Exception, overrides: Sequence[str]) -> ConfigError:
    """Say in a few lines which key and value are wrong and what would be accepted."""
    if isinstance(error, ConfigError):
        return error
    messages = []
    cause: BaseException | None = error
    while cause is not None:
        messages.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    text = "\n".join(messages)
    return ConfigError(
        _unreadable(error, text, overrides)
        or _missing_option(text)
        or _unknown_key(text, overrides)
        or _wrong_value(text, overrides)
        or _first_lines(text)
    )


def _unreadable(error: Exception, text: str, overrides: Sequence[str]) -> str | None:
    sweep = re.search(r"Sweep parameters '([^']+)'|Ambiguous value for argument '([^']+)'", text)
    if sweep:
        return f"{sweep[1] or sweep[2]}: several values are a sweep, which needs -m (--multirun)"
    added = re.search(r"Could not append to config. An item is already at '([^']+)'", text)
    if added:
        return f"{_as_given(added[1], overrides)}: already a setting; leave the + out"
    if "Config group override must be" in text:
        named = [o for o in overrides if o.partition("=")[0].lstrip("+") in group_names()]
        given = [o for o in named if not o.partition("=")[2].isidentifier()] or named
        given += [o for o in named if o.endswith("=null") and o not in given]
        return f"{' '.join(given)}: a group takes the name of one of its options; see --help"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read as key=value"
    return None


def _missing_option(text: str) -> str | None:
    if "Could not load 'hydra/launcher/submitit" in text:
        return "hydra/launcher=slurm: needs submitit: pip install 'irnn[slurm]'"
    found = re.search(r"Could not find '([\w/]+)/([^']*)'", text)
    if not found:
        return None
    group, name = found.groups()
    names = options(group)
    also = " or any number" if group in NUMERIC_GROUPS else ""
    return f"{group}={name}: no such option; {group} is one of {', '.join(names)}{also}"


def _unknown_key(text: str, overrides: Sequence[str]) -> str | None:
    found = re.search(r"Could not override '([^']+)'|Key '([^']+)' (?:is )?not in", text)
    if not found or "Error merging override" in text:
        return None
    full = re.search(r"full_key: (\S+)", text)
    key = found[1] or (full[1] if full else found[2])
    known = [setting.key for setting in settings(Config())]
    close = difflib.get_close_matches(key, [*known, *sorted(group_names())], n=3, cutoff=0.5)
    section = [name for name in known if name.startswith(key.split(".")[0] + ".")]
    meant = f"did you mean {' or '.join(close)}?" if close else "see --help for all settings"
    inside = f"\n  settings there: {', '.join(section)}" if "." in key and section else ""
    return f"{_as_given(key, overrides)}: no such setting; {meant}{inside}"


def _wrong_value(text: str, overrides: Sequence[str]) -> str | None:
    full = re.search(r"full_key: (\S+)", text)
    if not full:
        return None
    key = full[1]
    wanted = re.search(r"expected one of \[([^\]]*)\]", text)
    kind = re.search(r"could not be converted to (\w+)", text)
    if wanted:
        remedy = f"must be one of {wanted[1]}"
    elif "non-Optional" in text or "not Optional" in text:
        remedy = "must have a value"
    elif "not a valid bool" in text:
        remedy = "must be true or false"
    elif kind:
        names = {"Integer": "a whole number", "Float": "a number"}
        remedy = f"must be {names.get(kind[1], kind[1])}"
    else:
        remedy = _first_lines(text)
    docs = {setting.key: setting.doc for setting in settings(Config())}
    meaning = f" ({docs[key]})" if key in docs else ""
    return f"{_as_given(key, overrides)}: {remedy}{meaning}"


def _as_given(key: str, overrides: Sequence[str]) -> str:
    """The override that set a key, as its user wrote it; the bare key when none did."""
    for override in reversed(overrides):
        name = override.partition("=")[0].lstrip("+~")
        if name == key or NUMERIC_GROUPS.get(name) == key or key.startswith(f"{name}."):
            return override
    return key


def _first_lines(text: str, most: int = 3) -> str:
    lines: list[Any] = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n  ".join(lines[:most])
