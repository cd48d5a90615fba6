"""What `--version` says: version, kernel and instruction set, without importing torch."""

import argparse
import platform
from collections.abc import Sequence
from typing import Any

from irnn.kernels.loading import FORCED, Library, load
from irnn.runs.provenance import package_versions


def text() -> str:
    """Name what decides how fast runs are and what their last bits are."""
    versions = package_versions()
    head = (
        f"irnn {versions['irnn']}, PyTorch {versions['torch']}, Python {platform.python_version()}"
    )
    library = load()
    if not isinstance(library, Library):
        return f"{head}\nkernel torch: {library}"
    try:
        taken, best = library.variant(), next(iter(library.variants))
    except ValueError as error:
        return f"{head}\nkernel native, but {error}"
    chosen = taken if taken == best else f"{taken}, by {FORCED}"
    runs = f"of {', '.join(library.variants)} on this processor"
    return f"{head}\nkernel native, instruction set {chosen} ({runs}), built by {library.compiler}"


class ShowVersion(argparse.Action):
    """The option `--version` of a command; looks at the kernel only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        about = "show version, kernel and instruction set"
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=about)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it and end."""
        print(text(), flush=True)
        parser.exit()
