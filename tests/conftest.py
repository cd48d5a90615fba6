"""Fixtures of all tests.

PyTorch and Hydra are imported where they are used: the process that only hands out the tests reads this file,
too, before the processes that run them can start.
"""

import gc
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import warm

if TYPE_CHECKING:
    from irnn.spec.composition import Composer
    from irnn.spec.config import Config

SMALL = (
    "task.seq_len=12",
    "task.train_size=96",
    "task.test_size=64",
    "model.hidden_size=8",
    "batch_size=8",
    "budget.updates=40",
    "evaluate.every=10",
    "checkpoint.every=5",
    "runtime.threads=1",
    "tracker=none",
)
"""A run of a fraction of a second."""

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell starts what it puts in the background so, and commands respect it: they would not be
    # interrupted by the tests either.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what collecting makes, since all of it stays; nor ever after."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: what was written is there as long as the machine has power."""
    monkeypatch.setattr(os, "fsync", os.fstat)


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    """A class that a test registers is gone after it, or another test finds its name taken."""
    before = _registered()
    yield
    assert _registered() == before, "see tests/forgetting.py"


def _registered() -> set[tuple[str, str]]:
    from irnn.spec import registry

    return {
        (group, name)
        for group, classes in registry._registry.classes.items()
        for name, kind in classes.items()
        if not kind.__module__.startswith("irnn.")
    }


_once = cache(cache)
"""Give the function that asks another only once for each argument, itself made once."""


@pytest.fixture
def with_pictures() -> None:
    """Let quick runs draw their pictures."""


@pytest.fixture
def quick_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs in this process ask git once for all, and draw no picture, which takes longer than they do."""
    from irnn.runs import curve, provenance

    monkeypatch.setattr(provenance, "git_state", _once(provenance.git_state))
    if "with_pictures" not in request.fixturenames:
        monkeypatch.setattr(curve, "draw", lambda *_: None)


@cache
def _composer(_: tuple[tuple[str, str], ...]) -> "Composer":
    from irnn.spec.composition import Composer

    return Composer()


@pytest.fixture
def hangups_count() -> Iterator[None]:
    """Do not ignore SIGHUP, as whatever began the tests with nohup wants it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def small(tmp_path: Path) -> "Callable[..., Config]":
    """Compose a small run that would live in the test's own folder, quickly, as `compose_config` would."""

    def compose(*overrides: str) -> "Config":
        variables = tuple((k, v) for k, v in os.environ.items() if k.startswith(("IRNN", "WANDB")))
        words = [*SMALL, f"runs_dir={tmp_path}/runs", *overrides]
        return _composer(variables).compose(words)

    return compose


Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run `python -m irnn.MODULE ARGS` in the test's own folder, as a user would."""

    def run(
        module: str, *arguments: str, env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        surroundings = {**os.environ, "WANDB_SILENT": "true", **(env or {})}
        command = [f"irnn.{module}", *arguments]
        if not warm.suits(surroundings):
            return subprocess.run(
                [sys.executable, "-m", *command],
                cwd=tmp_path,
                env=surroundings,
                capture_output=True,
                text=True,
                timeout=120,
            )
        folder = tmp_path_factory.mktemp("said")
        with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
            started = warm.launch(
                command[0], command[1:], tmp_path, surroundings, out.fileno(), err.fileno()
            )
            with started:
                started.communicate(timeout=120)
        said = [(folder / name).read_text() for name in ("out", "err")]
        assert started.returncode is not None
        return subprocess.CompletedProcess(command, started.returncode, *said)

    return run


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """Run a command as `cli` does, but in this process: the server of its jobs starts once for all tests."""

    def run(
        module: str, *arguments: str, env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        monkeypatch.chdir(tmp_path)
        for name, value in {"WANDB_SILENT": "true", **(env or {})}.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        status = importlib.import_module(f"irnn.{module}").main([*arguments])
        return subprocess.CompletedProcess(arguments, status, *capsys.readouterr())

    return run


@pytest.fixture
def ulimit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Callable[..., None]":
    """Let this process have taken so many megabytes, and a shell allow so many more or fewer."""
    import resource

    from irnn.system import machine

    def limit(name: str, megabytes: int, taken: int = 0) -> None:
        status = tmp_path / "status"
        status.write_text(f"Name:\tx\nVmSize:\t{taken * 1000} kB\nVmData:\t{taken * 1000} kB\n")
        monkeypatch.setattr(machine, "_OWN_STATUS", status)
        number = getattr(resource, name)
        before = resource.getrlimit

        def now(asked: int) -> tuple[int, int]:
            return (megabytes * 10**6, resource.RLIM_INFINITY) if asked == number else before(asked)

        monkeypatch.setattr(resource, "getrlimit", now)

    return limit
