"""Command lines of argparse: what they refuse stays short, and a path is a path."""

import argparse
import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from irnn.system.paths import expanded
from irnn.system.quoting import short


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command line, as other refusals are said."""

    def error(self, message: str) -> NoReturn:
        """End the command."""
        self.exit(2, f"{self.prog}: {short(message)}; see --help\n")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Read a command line; of words that are left over, say what may be meant."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}{self._meant(rest[0])}")
        return found

    def _meant(self, word: str) -> str:
        """Say which option a word may be: `seq_len=30`, as irnn-train takes it, is `--seq-len=30`."""
        key, equals, value = word.partition("=")
        named = f"--{re.split('[./]', key)[-1].lstrip('-').replace('_', '-')}"
        known = [flag for flag in self._option_string_actions if flag.startswith("--")]
        setting = equals or word.startswith("-")
        close = difflib.get_close_matches(named, known, n=1, cutoff=0.7) if setting else []
        return f"; did you mean {close[0]}{equals}{value}?" if close else ""


def whole(text: str) -> int:
    """Read an option that is a whole number.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not re.fullmatch(r"[+-]?[0-9][0-9_]*", text):
        raise argparse.ArgumentTypeError(f"{text} is no whole number, as 10 is")
    return int(text)


def path(text: str) -> Path:
    """Read an option that is a path.

    Raises:
        argparse.ArgumentTypeError: It begins with the home folder of nobody.
    """
    try:
        return expanded(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
