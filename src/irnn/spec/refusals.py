"""Find by trial which overrides a refusal is about, and say it in a few lines."""

import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from irnn.spec import preset_files
from irnn.spec.errors import ConfigError, SettingError
from irnn.spec.groups import Groups
from irnn.spec.known import known_settings, wrong_as
from irnn.spec.rewriting import rewritten
from irnn.spec.wording import shown

Attempt = Callable[[Sequence[str]], Any]


def explained(
    error: Exception, overrides: Sequence[str], attempt: Attempt, groups: Groups
) -> ConfigError:
    """Say which overrides cannot work, and why.

    Args:
        error: what came of them.
        overrides: all that were given.
        attempt: tries some of them, and raises what comes of it.
        groups: where options are from.
    """
    guilty, error = to_blame(error, overrides, attempt)
    return ConfigError(_sentence(error, guilty, groups))


def to_blame(
    error: Exception, overrides: Sequence[str], attempt: Attempt
) -> tuple[list[str], Exception]:
    """Leave out overrides while the same fault stays; what is left is the fault, in its fewest words.

    None is left where the fault is in none of them, but in a variable or in irnn's own files.
    """
    kept, fault, before = list(overrides), _fault(error), -1
    while before != len(kept):  # what another one needed may be left out once that one is
        before = len(kept)
        for word in list(kept):
            fewer = [each for each in kept if each != word]
            try:
                attempt(fewer)
            except Exception as other:  # anything at all may be said about what a user gives
                if _fault(other) == fault:
                    kept, error = fewer, other
    return kept, error


def _fault(error: Exception) -> tuple[Any, ...]:
    """Tell one fault from another."""
    if isinstance(error, SettingError):
        return (SettingError, error.key, error.value, re.sub(r"[\d.]+", "0", error.remedy))
    innermost = _innermost(error)
    return (type(innermost), getattr(innermost, "full_key", None) or _first_line(innermost))


def _sentence(error: Exception, guilty: Sequence[str], groups: Groups) -> str:
    if isinstance(error, SettingError):
        setters = [word for word in guilty if _sets(word, error.key)]
        others = [word for word in guilty if word not in setters[-1:]]
        if setters:
            beside = f" (with {' '.join(map(shown, others))})" if others else ""
            return f"{shown(setters[-1])}{beside}: {error.remedy}"
        message = str(error)
    else:
        message = preset_files.fault(guilty, groups) or _library(error)
    return f"{' '.join(map(shown, guilty))}: {message}" if guilty else message


def _library(error: Exception) -> str:
    """Say in one line what OmegaConf or Hydra say in many."""
    if isinstance(error, ConfigError):
        return str(error)
    text = " ".join(str(each) for each in _chain(error))
    if "Could not load 'hydra/launcher/submitit" in text:
        return "needs submitit: pip install 'irnn[slurm]'"
    innermost = _innermost(error)
    key = getattr(innermost, "full_key", None)
    message = _first_line(innermost)
    missing = re.search(r"Could not find '([^']+)'", text)
    if missing:
        return f"there is no option {missing[1]}; see --help"
    if re.match(r"hydra\.(sweeper|launcher)\.", str(key or message)) or (
        key and key.startswith("hydra.")
    ):
        message = message.replace("is not in struct", "is no setting of what was chosen")
        return f"{message}; irnn-train --cfg hydra --package hydra.sweeper shows what there is"
    if variable := re.search(r"\$\{oc\.env:(\w+)[^}]*\}': (.*)", message):
        name, reason = variable.groups()
        value = os.environ.get(name, "")
        wrong = wrong_as(key, value) if key in known_settings() else None
        return f"the variable {name}={shown(value)}: {wrong[0] if wrong else reason} (for {key})"
    if isinstance(innermost, RecursionError):
        return "refers to itself; give it a value"
    named = message if not key or key in message else f"{key}: {message}"
    return f"{named}; give it a value that can be worked out"


def _sets(word: str, key: str) -> bool:
    """Whether an override is about a setting, by any of its names."""
    name = rewritten([word])[0].partition("=")[0].lstrip("+~")
    return name == key or f"{name}.name" == key


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _innermost(error: BaseException) -> BaseException:
    """Give the error that says most: OmegaConf's own, which names a key, else the first of all."""
    chain = _chain(error)
    about = [each for each in chain if isinstance(each, OmegaConfBaseException) and str(each)]
    if about:
        return about[0]
    spoken = [each for each in chain if str(each).strip()]
    return spoken[-1] if spoken else chain[-1]


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return shown(lines[0], 400) if lines else type(error).__name__
