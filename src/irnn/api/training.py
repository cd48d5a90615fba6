"""Train one run from Python."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irnn.api.configuration import compose, overrides_of
from irnn.api.run import Run
from irnn.spec.config import Config
from irnn.system import screen
from irnn.training.display import Display

if TYPE_CHECKING:
    from irnn.tasks.base import Task

_ONE_AT_A_TIME = threading.Lock()
"""PyTorch has one number of threads, and one choice of algorithms, for the whole process."""


def train(config: Config | Sequence[str], *, progress: bool = True) -> Run:
    """Train a run to its end, continuing where it stands; a finished one is answered from its folder.

    The process keeps its signal handlers, PyTorch's number of threads and its random state. While a run
    trains in the main thread, Ctrl-C (in a notebook: interrupt the kernel) ends it after its current update.
    Of two threads that train, one waits for the other.

    Args:
        config: from `compose`, or the overrides that make one.
        progress: show how the run is doing, in a notebook or on a terminal.

    Returns:
        The finished run; it may be "solved", "exhausted" or "diverged".

    Raises:
        ConfigError: The configuration cannot work; nothing was made.
        BusyError: Another process trains this run.
        StorageError: The disk is full; the last checkpoint is good.
        ExhaustedError: Memory or threads ran out; the last checkpoint is good.
        KeyboardInterrupt: Ctrl-C; the checkpoint is written, and the same call continues.
    """
    if isinstance(config, Config):
        overrides = overrides_of(config)
    else:
        overrides = [config] if isinstance(config, str) else list(config)
        config = compose(*overrides)
    _let_user_configure_matplotlib()
    from irnn.runs.directory import RunDirectory
    from irnn.training.loop import Interrupted
    from irnn.training.session import run

    display, say = _displays(progress)
    with _ONE_AT_A_TIME, _process_settings_kept():
        try:
            run(config, overrides, display, say=say, ending=_ending())
        except Interrupted as interruption:
            raise KeyboardInterrupt(str(interruption)) from None
    return Run(RunDirectory.of(config).path)


def _ending() -> list[signal.Signals]:
    """Take Ctrl-C where it is Python's, which raises wherever it comes; a program's own handlers stay."""
    if threading.current_thread() is not threading.main_thread():
        return []
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return [signal.SIGINT] if ours else []


class _ScriptDisplay(Display):
    request = "the same call"


class _SilentDisplay(_ScriptDisplay):
    """Only the log is written."""

    def __init__(self, log: Path, total: int | None, task: "Task") -> None:
        super().__init__(log, total, task, live=False)

    def _show(self, text: str) -> None:
        pass


def _displays(progress: bool) -> Any:
    """Choose what shows a run, and what shows the summary of one that is finished already."""
    if not progress:
        return _SilentDisplay, lambda text: None
    shell = _notebook()
    if shell is None:
        return _ScriptDisplay, screen.say
    from irnn.api.notebook import NotebookDisplay

    return NotebookDisplay, print


def _notebook() -> Any:
    """Give IPython's shell where it belongs to a notebook; None on a terminal and in a script."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    shell = get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


def _let_user_configure_matplotlib() -> None:
    """Import matplotlib as the user would: our pictures would import it without a notebook's backend."""
    with suppress(Exception):  # of a broken matplotlibrc; then it is imported without
        import matplotlib  # noqa: F401


@contextmanager
def _process_settings_kept() -> Iterator[None]:
    """Put back what a run sets in PyTorch for the whole process."""
    import torch

    threads, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    tf32 = torch.backends.cudnn.allow_tf32
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = tf32
        if torch.are_deterministic_algorithms_enabled() != exact:
            torch.use_deterministic_algorithms(exact, warn_only=warns)
