"""How a command names plug-ins: `plugins=my_lab` among its words, an option, or the variable IRNN_PLUGINS."""

import argparse
import os
import re
from collections.abc import Sequence

from irnn.spec.errors import PluginError

VARIABLE = "IRNN_PLUGINS"
_WORD = re.compile(r"\+{0,2}plugins=(.*)", re.DOTALL)


def without_plugins(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take `plugins=` out of overrides: those that are left, and what was named.

    Raises:
        PluginError: It names nothing.
    """
    kept: list[str] = []
    named: list[str] = []
    for word in words:
        if not (found := _WORD.fullmatch(word)):
            kept.append(word)
            continue
        value = found[1].strip()
        inside = value[1:-1] if re.fullmatch(r"\[.*\]", value, re.DOTALL) else value
        names = [each.strip().strip("'\"") for each in inside.split(",")]
        if not all(names):
            raise PluginError(f"{word}: must name a folder, a file or a package: plugins=my_lab")
        named += names
    return kept, named


def named_by_variable() -> list[str]:
    """Give what the variable IRNN_PLUGINS names."""
    return [each for each in re.split(rf"[,{os.pathsep}]", os.environ.get(VARIABLE, "")) if each]


def add_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Give a command the option --plugins; `parse` reads it."""
    parser.add_argument("--plugins", metavar="FOLDER", action="append", default=[], help=what)


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """Read a command line that may say `plugins=my_lab` as well as `--plugins my_lab`.

    Returns:
        `plugins` among it are words, as `with_plugins` takes them.
    """
    words = [word for word in argv if _WORD.fullmatch(word)]
    arguments = parser.parse_args([word for word in argv if word not in words])
    arguments.plugins = [*words, *(f"plugins={each}" for each in arguments.plugins)]
    return arguments
