import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from irnn.composition import compose_config
from irnn.config import Config

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


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Config]:
    """Compose a small run that would live in the test's own folder."""

    def compose(*overrides: str) -> Config:
        return compose_config([*SMALL, f"runs_dir={tmp_path}/runs", *overrides])

    return compose


Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run `python -m irnn.MODULE ARGS` in the test's own folder, as a user would."""

    def run(
        module: str, *arguments: str, env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", f"irnn.{module}", *arguments],
            cwd=tmp_path,
            env={**os.environ, "WANDB_SILENT": "true", **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
