"""Settings of runs: flat keys, which of them vary, and expressions that choose runs by them."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from irnn.reporting.text import printable
from irnn.runs.layout import NOT_SCIENCE, PLACES

Value = str | int | float | bool | None
Settings = Mapping[str, Value]
T = TypeVar("T")

# Nothing under these keys changes what a run computes, or (seed) is what a report pools; the
# precision alone of the run-time settings does.
ALWAYS_SHOWN = ("runtime.dtype",)
NOT_SHOWN = ("seed", *NOT_SCIENCE, *PLACES, "hydra")
SECTIONS = (
    "task",
    "model",
    "init",
    "optim",
    "clip",
    "budget",
    "stop",
    "evaluate",
    "checkpoint",
    "divergence",
    "runtime",
    "tracker",
    "sweep",
)
IN_A_FILE = ("task", "seed", "runs_dir")
"""What every config.yaml has; runs_dir stands after all that can change a result."""
ALIASES = {"clip": "clip.max_norm", "init_scale": "init.gain"}
LABELS = {full: short for short, full in ALIASES.items()}
ABSENT = "absent"
SEQ_LEN = "task.seq_len"
_LARGEST = 2**63
UNCLEAR_ALONE = ("budget", "evaluate", "stop", "divergence")  # every, updates: of what?


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Turn nested mappings into one with dotted keys; lists become text, nested lists go.

    Numbers that are not finite, or too large for a table to hold, become text.
    """
    flat: dict[str, Value] = {}
    for key, value in tree.items():
        name = f"{prefix}{printable(key)}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{name}."))
        elif isinstance(value, list | tuple):
            if any(isinstance(item, Mapping | list | tuple) for item in value):
                continue
            flat[name] = printable(" ".join(str(item) for item in value))
        elif value is None or isinstance(value, bool):
            flat[name] = value
        elif isinstance(value, int | float):
            flat[name] = value if -_LARGEST < value < _LARGEST else str(value)
        else:
            text = printable(str(value))
            flat[name] = parse_value(text) if _looks_like_float(text) else text
    return flat


def check_config(config: object, name: str, needed: Sequence[str] = ()) -> dict[str, Any]:
    """Give the configuration of a run, if it can be one; `name` is where it was read.

    Raises ValueError saying what is wrong: a file cut short reads as another, shorter configuration.
    """
    if not isinstance(config, dict) or not config:
        raise ValueError(f"{name} is empty or holds no settings")
    if not all(isinstance(key, str) for key in config):
        raise ValueError(f"{name} has a name that is no text")
    for section in SECTIONS:
        if not isinstance(config.get(section, {}), dict):
            raise ValueError(f"{name} is damaged: {section} is no section of settings")
    missing = [key for key in needed if key not in config]
    if missing:
        raise ValueError(f"{name} is damaged or cut short: it lacks {', '.join(missing)}")
    return config


def _looks_like_float(text: str) -> bool:
    """YAML 1.1 reads 1e-4 as text; the configuration meant the number."""
    return "e" in text.lower() and isinstance(parse_value(text), float)


def parse_value(text: str) -> Value:
    """Read a value as written on a command line: null and none, booleans, numbers, else text."""
    lowered = text.strip().lower()
    if lowered in ("null", "none", "~"):
        return None
    if lowered in ("true", "false"):
        return lowered == "true"
    for kind in (int, float):
        try:
            value = kind(lowered)
        except ValueError:
            continue
        return value if math.isfinite(value) else text
    return text.strip()


def show(value: Value) -> str:
    """Write a value as the command line would take it, floats in their shortest form."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def order(value: Value) -> tuple[int, float, str]:
    """Sort key over mixed values: numbers by size, then text, then none."""
    if value is None:
        return (2, 0.0, "")
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, value)


def is_shown(key: str) -> bool:
    """Whether a key distinguishes experiments, so that a table may show it."""
    return key in ALWAYS_SHOWN or not {key, key.split(".")[0]} & {*NOT_SHOWN}


def varying_keys(settings: Sequence[Settings]) -> list[str]:
    """List the shown keys whose values differ between runs, in the order of the configuration."""
    keys = filter(is_shown, dict.fromkeys(key for one in settings for key in one))
    return [key for key in keys if len({_identity(one.get(key, ABSENT)) for one in settings}) > 1]


def _identity(value: Value) -> tuple[str, Value]:
    """True and 1 are different settings though they compare equal; 1 and 1.0 are the same."""
    return ("bool" if isinstance(value, bool) else "", value)


def split_dependent(
    keys: Sequence[str], settings: Sequence[Settings]
) -> tuple[list[str], dict[str, str]]:
    """Part `keys` into free ones and those that a name of the same section already decides.

    `optim.momentum` says nothing beside `optim.name` when all sgd runs share one value. Returns
    the free keys and {dependent key: the name key that decides it}.
    """
    free: list[str] = []
    dependent: dict[str, str] = {}
    for key in keys:
        name = f"{key.rsplit('.', 1)[0]}.name"
        if key != name and name in keys and _decided(key, [name], settings):
            dependent[key] = name
        else:
            free.append(key)
    return free, dependent


def naming_keys(keys: Sequence[str], settings: Sequence[Settings]) -> list[str]:
    """List the keys that a group's name needs: not those that names and the task's length decide.

    `init=split_identity` says all when only its runs have `optim.recurrent_lr_scale=0.1`, and so does
    `seq_len=400` of a rate that falls with the length. What the task is, its length above all, is
    always said.
    """
    names = [key for key in keys if key.endswith(".name")]
    lengths = [key for key in keys if key == SEQ_LEN]
    return [
        key
        for key in keys
        if key in names
        or key.startswith("task.")
        or not _decided(key, [*names, *lengths], settings)
    ]


def _decided(key: str, deciders: Sequence[str], settings: Sequence[Settings]) -> bool:
    """Whether runs that agree in all the deciders agree in `key` too."""
    seen: dict[tuple[Value, ...], Value] = {}
    return bool(deciders) and all(
        seen.setdefault(tuple(one.get(name, ABSENT) for name in deciders), one.get(key, ABSENT))
        == one.get(key, ABSENT)
        for one in settings
    )


def labels(keys: Iterable[str]) -> dict[str, str]:
    """Give each key its shortest unambiguous name: optim for optim.name, seq_len, lr."""
    keys = list(keys)
    short = {key: LABELS.get(key, _last(key)) for key in keys}
    counts = list(short.values())
    return {key: name if counts.count(name) == 1 else key for key, name in short.items()}


def _last(key: str) -> str:
    section, _, last = key.rpartition(".")
    if section in UNCLEAR_ALONE:
        return key
    return section if last == "name" and section else last


def resolve(name: str, known: Iterable[str]) -> str:
    """Find the full key that `name` means; raises ValueError naming what would be accepted."""
    known = list(dict.fromkeys(known))
    for candidate in (name, ALIASES.get(name, ""), f"{name}.name"):
        if candidate in known:
            return candidate
    ending = [key for key in known if key.endswith(f".{name}")]
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise ValueError(f"{name!r} could be any of {', '.join(ending)}; write the full key")
    short = [_last(key) for key in known]
    close = difflib.get_close_matches(name, known + short, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(dict.fromkeys(close))}?" if close else "see config.yaml"
    raise ValueError(f"{name!r} is a setting of no run found; {hint}")


def parse_condition(text: str, known: Iterable[str]) -> dict[str, tuple[Value, ...]]:
    """Read `key=value[,value...][,key=value...]` into {full key: accepted values}."""
    known = list(known)
    conditions: dict[str, tuple[Value, ...]] = {}
    key = ""
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals:
            key = resolve(name.strip(), known)
        elif not key:
            raise ValueError(f"{text!r} is no condition; write key=value, as in optim=adam")
        conditions[key] = (*conditions.get(key, ()), parse_value(value if equals else part))
    return conditions


def told_values(settings: Sequence[Settings], keys: Iterable[str]) -> str:
    """Say which values of some keys there are."""
    found = []
    for key in keys:
        values = sorted({one.get(key, ABSENT) for one in settings}, key=order)
        found.append(f"{key} is {', '.join(map(show, values))}")
    return "; ".join(found)


def meets(settings: Settings, conditions: Mapping[str, tuple[Value, ...]]) -> bool:
    """Whether the settings hold one of the accepted values of every key."""
    return all(
        any(_identity(settings.get(key, ABSENT)) == _identity(value) for value in accepted)
        for key, accepted in conditions.items()
    )
