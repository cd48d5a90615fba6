"""Command lines of argparse: what they refuse stays short, and a path is a path."""

import argparse
from pathlib import Path
from typing import NoReturn

from irnn.system.paths import expanded
from irnn.system.quoting import short


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command line, as other refusals are said."""

    def error(self, message: str) -> NoReturn:
        """End the command."""
        self.exit(2, f"{self.prog}: {short(message)}; see --help\n")


def path(text: str) -> Path:
    """Read an option that is a path.

    Raises:
        argparse.ArgumentTypeError: It begins with the home folder of nobody.
    """
    try:
        return expanded(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None
