"""Say what is wrong in a YAML file of a user's own, and in which line."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

from irnn.runs.reading import read_bytes
from irnn.spec import hydra_settings
from irnn.spec.errors import PresetError
from irnn.spec.groups import Groups, conf_dir
from irnn.spec.kinds import is_text
from irnn.spec.known import known_settings, wrong_as
from irnn.spec.wording import unknown_key

_TEXT, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
_PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)\s*$", re.MULTILINE)
_OVERRIDDEN = "a preset changes a choice that is made already: write"


def check(choices: Mapping[str, Any], groups: Groups) -> None:
    """Refuse what is wrong in the files of a user that a run is composed from.

    Raises:
        PresetError: The message names the file and the line.
    """
    for group, option in choices.items():
        path = groups.file(group, str(option))
        found = None if path is None or _is_ours(path) else fault_in(path, group, groups)
        if found:
            raise PresetError(found)


def fault(overrides: Sequence[str], groups: Groups) -> str | None:
    """Say what is wrong in the files that overrides choose; None if it is not in them."""
    for word in overrides:
        group, _, option = word.partition("=")
        path = groups.file(group, option.strip("'\"[]"))
        if path is not None and not _is_ours(path) and (found := fault_in(path, group, groups)):
            return found
    return None


def _is_ours(path: Path) -> bool:
    return path.is_relative_to(conf_dir())


def fault_in(path: Path, group: str, groups: Groups) -> str | None:
    """Say what is wrong in the file of an option; None if nothing is."""
    try:
        text = read_bytes(path).decode()
    except (OSError, ValueError) as error:
        return f"{path}: cannot be read: {error}"
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r" *\t", line):
            return f"{path}, line {number}: begins with a tab; YAML is indented with spaces"
    try:
        loader: Any = get_yaml_loader()(text)
        root = loader.get_single_node()
        found = next(_faults(root, text, group, groups, loader.construct_object), None)
    except yaml.YAMLError as error:
        return f"{path}{yaml_fault(error)}"
    except RecursionError:
        return f"{path}: refers to itself, or is too deep"
    return f"{path}{found}" if found else None


def yaml_fault(error: yaml.YAMLError) -> str:
    """Say in which line YAML could not be read, and why."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f", line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{place}: {problem}; is it indented as its neighbours are?"


def _faults(
    root: Any, text: str, group: str, groups: Groups, value_of: Callable[..., Any]
) -> Iterator[str]:
    if root is None:
        if not _PACKAGE.search(text):
            yield ": is empty; it begins with '# @package _global_', and has settings, KEY: VALUE"
        return
    if not isinstance(root, yaml.MappingNode):
        yield f", line {root.start_mark.line + 1}: must hold settings, KEY: VALUE"
        return
    yield from _repeated_keys(root)
    yield from _forgotten_override(root, groups)
    package = _PACKAGE.search(text)
    name = package[1] if package else group.replace("/", ".")
    prefix = "" if name == "_global_" else f"{name.replace('_group_', group)}."
    leaves = [*_leaves(root)]
    if not package and group not in ("hydra/sweeper", "hydra/launcher"):
        globally = [key for key, _ in leaves if _is_known(key)]
        if globally and not any(_is_known(f"{prefix}{key}") for key, _ in leaves):
            yield (
                f", line 1: the first line must be '# @package _global_'; without it {globally[0]} "
                f"means {prefix}{globally[0]}"
            )
    for key, node in leaves:
        wrong = _wrong_leaf(f"{prefix}{key}", node, groups, value_of)
        if wrong:
            yield f", line {node.start_mark.line + 1}: {prefix}{key}: {wrong}"


def _wrong_leaf(key: str, node: Any, groups: Groups, value_of: Callable[..., Any]) -> str | None:
    if key.startswith("hydra."):
        return hydra_settings.refusal(key, multirun=True)
    setting = known_settings().get(key)
    if setting is None:
        return unknown_key(key, key, [*known_settings()], sorted(groups.names()))
    if (
        isinstance(node, yaml.ScalarNode)
        and is_text(setting.type)
        and node.tag not in (_TEXT, _NULL)
    ):
        return f"{node.value} is no text in YAML; write '{node.value}'"
    wrong = wrong_as(key, value_of(node, deep=True))
    return wrong[0] if wrong else None


def _is_known(key: str) -> bool:
    return key in known_settings() or key.startswith("hydra.")


def _leaves(node: yaml.MappingNode, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.value:
        full = f"{prefix}{key.value}"
        if full == "defaults":
            continue
        if isinstance(value, yaml.MappingNode):
            yield from _leaves(value, f"{full}.")
        else:
            yield full, value


def _repeated_keys(node: Any) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                yield f", line {line}: {key.value} is there already, in line {seen[key.value]}"
            seen[key.value] = line
            yield from _repeated_keys(value)


def _forgotten_override(root: yaml.MappingNode, groups: Groups) -> Iterator[str]:
    defaults = next((value for key, value in root.value if key.value == "defaults"), None)
    for entry in getattr(defaults, "value", ()):
        if not isinstance(entry, yaml.MappingNode):
            continue
        for key, value in entry.value:
            line, words = key.start_mark.line + 1, key.value.split()
            group = words[-1].lstrip("/") if words else ""
            chosen = getattr(value, "value", "")
            if group not in groups.names() and not group.startswith("hydra/"):
                yield f", line {line}: there is no group {group}; see --help"
            elif words[0] != "override" or not words[-1].startswith("/"):
                yield f", line {line}: {_OVERRIDDEN} '- override /{group}: {chosen}'"
            elif group in groups.names() and chosen not in groups.options(group):
                known = ", ".join(groups.options(group))
                yield f", line {line}: {group} has no option {chosen}; it is one of {known}"
