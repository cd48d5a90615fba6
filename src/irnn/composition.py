"""From command-line overrides to a `Config`: the only module, besides the entry point, that knows Hydra."""

import difflib
import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from irnn.checks import check
from irnn.config import Config, ConfigError, settings

CONFIG_NAME = "train"
MOST_CHECKED = 24
"""Combinations of a sweep that are checked beforehand; composing one takes a tenth of a second."""
NUMERIC_GROUPS = {"seq_len": "task.seq_len", "clip": "clip.max_norm", "init_scale": "init.gain"}
"""Groups in whose place a number works, and the setting that the number is for."""

_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)
_ABOUT_OVERRIDES = (
    HydraException,
    OmegaConfBaseException,
    ValueError,
    TypeError,
    AssertionError,
    OverflowError,
)  # what Hydra is known to raise about an override that it did not expect
_NUMERIC_SWEEP = re.compile(r"(range|interval)\(.*\)")


def conf_dir() -> Path:
    """Find the configuration groups: inside the installed package, else at the checkout's top.

    Raises:
        ConfigError: There is neither.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "conf", package.parents[1] / "conf"):
        if (candidate / f"{CONFIG_NAME}.yaml").is_file():
            return candidate
    raise ConfigError(f"no conf/{CONFIG_NAME}.yaml beside {package}: install irnn again")


def register_schema() -> None:
    """Make the dataclasses the schema that Hydra composes onto, and `${over:A,B}` mean A / B in YAML."""
    OmegaConf.register_new_resolver("over", lambda a, b: a / b, replace=True)
    ConfigStore.instance().store(name="schema", node=_writable(OmegaConf.structured(Config)))


def _writable(node: DictConfig) -> DictConfig:
    """Thaw a frozen dataclass's node and all below it, so that YAML can be merged onto them."""
    OmegaConf.set_readonly(node, False)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig):
            _writable(child)
    return node


def rewrite_numbers(overrides: Sequence[str]) -> list[str]:
    """Let any number stand in place of an option of a numeric group, in sweeps too.

    `clip=5` becomes `clip.max_norm=5` and `seq_len=150,175` becomes `task.seq_len=150,175`: a number
    means that number, whether or not a file of its name exists. Names are left to Hydra.
    """
    return [_rewrite_number(override) for override in overrides]


def _rewrite_number(override: str) -> str:
    group, equals, value = override.partition("=")
    if not equals or group not in NUMERIC_GROUPS:
        return override
    parts = [part.strip().strip("'\"") for part in value.split(",")]
    numbers = [part for part in parts if _NUMBER.fullmatch(part)]
    rest = set(parts) - set(numbers)
    if rest <= {"none", "null"} and (numbers or rest == {"null"}):
        written = ",".join("null" if part in rest else part for part in parts)
        return f"{NUMERIC_GROUPS[group]}={written}"
    if _NUMERIC_SWEEP.fullmatch(value.strip()):
        return f"{NUMERIC_GROUPS[group]}={value}"
    return override


def compose_config(overrides: Sequence[str]) -> Config:
    """Compose one run from overrides and check it.

    Raises:
        ConfigError: It cannot work; the message is for the user.
    """
    register_schema()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            composed = compose(CONFIG_NAME, overrides=rewrite_numbers(overrides))
        return to_config(composed)
    except _ABOUT_OVERRIDES as error:
        raise _explained(error, overrides) from error


def check_sweep(overrides: Sequence[str]) -> None:
    """Check the jobs of a sweep before any of them starts.

    Up to MOST_CHECKED combinations are all checked; of more, every value once, with the first values of
    the others (the rest is checked when its job starts).

    Raises:
        ConfigError: One of them cannot work.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(rewrite_numbers(overrides))
    except HydraException as error:
        if "ConfigLoader is not set" in str(error):
            return  # glob() needs what only Hydra has
        raise _explained(error, overrides) from error
    axes = []
    for override in parsed:
        if override.is_discrete_sweep():
            key = override.get_key_element()
            axes.append([f"{key}={value}" for value in override.sweep_string_iterator()])
            if not axes[-1]:
                raise ConfigError(f"{override.input_line}: a sweep over nothing")
        elif not override.is_sweep_override() and not override.is_hydra_override():
            axes.append([override.input_line or ""])
    if math.prod(len(axis) for axis in axes) <= MOST_CHECKED:
        for combination in itertools.product(*axes):
            compose_config(combination)
        return
    first = [axis[0] for axis in axes]
    for place, axis in enumerate(axes):
        for value in axis:
            compose_config([*first[:place], value, *first[place + 1 :]])


def to_config(composed: DictConfig) -> Config:
    """Turn what Hydra composed into a checked `Config`; keys that the schema lacks are refused."""
    values = OmegaConf.to_container(composed, resolve=True)
    merged = OmegaConf.merge(_writable(OmegaConf.structured(Config)), values)
    config = OmegaConf.to_object(merged)
    assert isinstance(config, Config)
    check(config)
    return config


def load_config(path: Path) -> Config:
    """Read a run folder's `config.yaml`.

    Raises:
        ConfigError: It is not a configuration of this version of irnn.
    """
    try:
        loaded = OmegaConf.load(path)
        assert isinstance(loaded, DictConfig)
        return to_config(loaded)
    except (
        OmegaConfBaseException,
        YAMLError,
        ValueError,
        AssertionError,
        OSError,
        RecursionError,
    ) as error:
        raise ConfigError(f"{path}: not a configuration that this irnn knows ({error})") from error


def _explained(error: Exception, overrides: Sequence[str]) -> ConfigError:
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
        groups = {path.name for path in conf_dir().iterdir() if path.is_dir()}
        named = [o for o in overrides if o.partition("=")[0].lstrip("+") in groups]
        given = [o for o in named if not o.partition("=")[2].isidentifier()] or named
        given += [o for o in named if o.endswith("=null") and o not in given]
        return f"{' '.join(given)}: a group takes the name of one of its options; see --help"
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read as key=value"
    return None


def _missing_option(text: str) -> str | None:
    found = re.search(r"Could not find '([\w/]+)/([^']*)'", text)
    if not found:
        return None
    group, name = found.groups()
    names = sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))
    also = " or any number" if group in NUMERIC_GROUPS else ""
    return f"{group}={name}: no such option; {group} is one of {', '.join(names)}{also}"


def _unknown_key(text: str, overrides: Sequence[str]) -> str | None:
    found = re.search(r"Could not override '([^']+)'|Key '([^']+)' (?:is )?not in", text)
    if not found or "Error merging override" in text:
        return None
    full = re.search(r"full_key: (\S+)", text)
    key = found[1] or (full[1] if full else found[2])
    known = [setting.key for setting in settings(Config())]
    groups = [path.name for path in conf_dir().iterdir() if path.is_dir()]
    close = difflib.get_close_matches(key, known + groups, n=3, cutoff=0.5)
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
