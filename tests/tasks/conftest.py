"""Small images in the files of a data set, and runs on them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.spec.composition import Composer
from irnn.spec.config import Config
from tests.conftest import SMALL
from tests.tasks.idx_files import SIDE, write_files

WORDS = ["task=pixels", *SMALL, f"task.seq_len={SIDE * SIDE}", "task.test_size=40"]
QUICK = Composer()
"""Composes without looking for the words to blame."""
Pixels = Callable[..., Config]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_files(tmp_path / "mnist")


@pytest.fixture
def pixels(root: Path, tmp_path: Path) -> Pixels:
    """Compose a small run on small images."""

    def compose(*words: str) -> Config:
        return QUICK.attempt([*WORDS, f"task.root={root}", f"runs_dir={tmp_path}/runs", *words])

    return compose
