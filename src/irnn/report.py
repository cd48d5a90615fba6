"""`python -m irnn.report`: report on run folders: a table on screen; with --out a page, figures."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

from irnn.system import exhausted, machine, screen


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command: 0 a report was made, 2 the request cannot be met, 1 no memory, or no screen for it."""
    with screen.guarded() as shown:
        command, refusals = partial(_report, argv, shown), (ValueError, OSError)
        status = exhausted.exit_status(command, "irnn-report", "report on fewer runs", refusals)
    return shown.status(status)


def _report(argv: Sequence[str] | None, shown: screen.Shown) -> int:
    if (refusal := machine.refusal_of(machine.NUMPY)) is not None:
        raise ValueError(refusal)
    from irnn.reporting.arguments import parse

    shown.is_all = True
    arguments = parse(argv)
    is_command = argv is None  # else somebody's program calls, whose NumPy is its own affair
    with _one_thread_for_algebra() if is_command else nullcontext():
        from irnn.reporting.command import report

    return report(arguments, argv, shown)


@contextmanager
def _one_thread_for_algebra() -> Iterator[None]:
    """Let NumPy, if it is imported within, load its algebra for one thread, unless the user says otherwise.

    Reports do not need it, and it would take memory for each core, or end the process.
    """
    name = "OPENBLAS_NUM_THREADS"
    if name in os.environ:
        yield
        return
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]


if __name__ == "__main__":
    sys.exit(main())
