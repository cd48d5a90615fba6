"""The words of `irnn-train`: flags, and the overrides beside them."""

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from irnn.spec.config import ConfigError
from irnn.spec.groups import CONFIG_NAME, Groups, added_folders
from irnn.spec.known import known_settings
from irnn.spec.overrides import searchpath
from irnn.spec.plugins import with_plugins
from irnn.spec.wording import meant_by, pasted, shown

_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
_NOT_HERE = {
    "config_path": "irnn's own groups would be missing; --config-dir=FOLDER adds a folder to them",
    "experimental_rerun": "a run's command is in its provenance.json; type it again",
}


@dataclass(frozen=True)
class Command:
    """What was asked for.

    Args:
        words: all of it, as it was typed.
        overrides: what is set; never a flag.
        groups: where options are from.
        multirun: whether it is a sweep.
        show: what Hydra is to show instead of running anything: a flag of its own and its value.
    """

    words: tuple[str, ...]
    overrides: tuple[str, ...]
    groups: Groups
    multirun: bool = False
    show: tuple[str, Any] | None = None
    package: str | None = None
    resolve: bool = False


def flags_of(groups: Groups) -> list[str]:
    """Give the words that add folders to irnn's groups, beside the overrides of one run."""
    name = [] if groups.config_name == CONFIG_NAME else [f"--config-name={groups.config_name}"]
    plugins = [f"plugins=[{','.join(groups.plugins)}]"] if groups.plugins else []
    return [*searchpath(groups), *name, *plugins]


class _Parser(argparse.ArgumentParser):
    def flags(self) -> set[str]:
        return {flag for action in self._actions for flag in action.option_strings}

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see --help")


def read_command(words: Sequence[str]) -> Command:
    """Tell flags from overrides.

    Raises:
        ConfigError: A flag is not known, or does not go with another.
    """
    parser = _parser()
    for word in words:
        if word.startswith("-") and "=" in word and word.partition("=")[0] not in parser.flags():
            raise ConfigError(f"{shown(word)}: no such flag; {_without_dashes(word, [])}")
    flags, rest = parser.parse_known_args(list(words))
    for word in rest:
        if word.startswith("-"):
            after = words[list(words).index(word) + 1 :]
            raise ConfigError(f"{shown(word)}: no such flag; {_without_dashes(word, after)}")
    for name, reason in _NOT_HERE.items():
        if getattr(flags, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')}: {reason}")
    shows = [
        (f"--{name.replace('_', '-')}", getattr(flags, name))
        for name in ("cfg", "info", "hydra_help", "shell_completion")
        if getattr(flags, name)
    ]
    asked = [*(flag for flag, _ in shows), *(["--run"] if flags.run else [])]
    if len(asked) > 1:
        raise ConfigError(f"{asked[1]}: not together with {asked[0]}; leave out one of them")
    if flags.multirun and asked and asked[0] != "--cfg":
        raise ConfigError(f"{asked[0]}: not together with -m; leave out one of them")
    if (flags.resolve or flags.package) and asked != ["--cfg"]:
        flag = "--resolve" if flags.resolve else "--package"
        raise ConfigError(f"{flag}: goes with --cfg only, as in --cfg job {flag}")
    overrides, found = _without_searchpath(rest)
    groups = Groups(
        added_folders([*(flags.config_dir or ()), *found]), flags.config_name or CONFIG_NAME
    )
    if flags.shell_completion:
        typed = os.environ.get("COMP_LINE", "").split()
        overrides += [word for word in typed if word.startswith("plugins=")]
    overrides, groups = with_plugins(overrides, groups)
    if not groups.has_main():
        raise ConfigError(
            f"--config-name={shown(groups.config_name)}: no such file; name one of a folder given with "
            "--config-dir, without its .yaml"
        )
    return Command(
        tuple(words),
        tuple(overrides),
        groups,
        flags.multirun,
        shows[0] if shows else None,
        flags.package,
        flags.resolve,
    )


def _without_dashes(word: str, after: Sequence[str]) -> str:
    """Say how a setting is written that began like a flag: -init=x would be read as -i nit=x.

    Args:
        word: as it was typed.
        after: the words that follow it, the first of which may be its value: --lr 0.01.
    """
    key, equals, value = word.lstrip("-").partition("=")
    meant = meant_by(key, [*known_settings()], sorted(Groups().names()))
    if not equals:
        value = next((each for each in after[:1] if not re.search("^-|=", each)), "VALUE")
    if not equals and meant is None:
        return "see --help"
    return f"settings have no dashes: {pasted(f'{meant or key}={value}')}"


def _parser() -> _Parser:
    parser = _Parser("irnn-train", add_help=False, allow_abbrev=False)
    parser.add_argument("--multirun", "-m", action="store_true")
    parser.add_argument("--run", "-r", action="store_true")
    parser.add_argument("--config-dir", "-cd", action="append")
    parser.add_argument("--config-name", "-cn")
    parser.add_argument("--config-path", "-cp")
    parser.add_argument("--cfg", "-c", choices=["job", "hydra", "all"])
    parser.add_argument("--package", "-p")
    parser.add_argument("--resolve", action="store_true")
    parser.add_argument("--info", "-i", nargs="?", const="all", choices=_INFO)
    parser.add_argument("--hydra-help", action="store_true")
    parser.add_argument("--shell-completion", "-sc", action="store_true")
    parser.add_argument("--experimental-rerun")
    return parser


def _without_searchpath(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take Hydra's setting for folders out of overrides."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    kept: list[str] = []
    folders: list[str] = []
    for word in words:
        if not re.match(r"\+{0,2}hydra\.searchpath=", word):
            kept.append(word)
            continue
        try:
            value = OverridesParser.create().parse_override(word).value()
        except Exception as error:
            raise ConfigError(_not_folders(word)) from error
        for folder in value if isinstance(value, list) else [value]:
            if not isinstance(folder, str):
                raise ConfigError(_not_folders(word))
            folders.append(folder)
    return kept, folders


def _not_folders(word: str) -> str:
    return f"{shown(word)}: must be a list of folders: 'hydra.searchpath=[file:///my/conf]'"
