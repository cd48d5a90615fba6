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
        status = exhausted.caught(
            partial(_report, argv, shown), "irnn-report", "report on fewer runs"
        )
    return shown.status(status)


def _report(argv: Sequence[str] | None, shown: screen.Shown) -> int:
    if (refusal := machine.refusal_of(machine.NUMPY)) is not None:
        screen.complain(f"irnn-report: {refusal}")
        return 2
    from irnn.reporting.arguments import parse

    shown.is_all = True
    try:
        arguments = parse(argv)
    except SystemExit as ended:  # argparse's: it has said what there is to say
        return int(ended.code or 0)
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
