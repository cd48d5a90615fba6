"""A full disk under standard output: who only says something fails, who leaves files does not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from irnn import predict, report, train
from irnn.spec.composition import compose_config
from irnn.system import screen
from irnn.system.writer import Writer
from irnn.training.session import run
from tests.conftest import SMALL


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one finished run, read only."""
    root = tmp_path_factory.mktemp("lost") / "runs"
    run(compose_config([*SMALL, f"runs_dir={root}"]))
    return root


@contextmanager
def full_disk() -> Iterator[None]:
    """Put a full disk under standard output; within a test, for pytest sets its own before it."""
    with Path("/dev/full").open("w") as stream, pytest.MonkeyPatch.context() as patch:
        for name in ("stdout", "__stdout__"):
            patch.setattr(sys, name, stream)
        patch.setattr(
            screen, "Writer", lambda number: Writer(stream.fileno() if number == 1 else number)
        )
        yield


SAYING = [
    (train, "--help"),
    (train, "--version"),
    (train, "--cfg job"),
    (predict, "--help"),
    (predict, "--version"),
    (predict, "{run}"),
    (report, "--help"),
    (report, "{root}"),
]


def _words(line: str, root: Path, tmp_path: Path) -> list[str]:
    (run,) = root.glob("irnn-*")
    return line.format(run=run, root=root, out=tmp_path / "out.csv").split()


@pytest.mark.parametrize(
    ("command", "line"), SAYING, ids=[f"{c.__name__}-{line}" for c, line in SAYING]
)
def test_a_text_that_is_all_and_is_lost_is_a_failure(
    command: Any, line: str, root: Path, tmp_path: Path
) -> None:
    with full_disk():
        assert command.main(_words(line, root, tmp_path)) == 1


def test_a_run_and_a_file_of_answers_are_none_the_worse_for_a_lost_screen(
    root: Path, tmp_path: Path
) -> None:
    with full_disk():
        assert train.main([*SMALL, f"runs_dir={root}"]) == 0
        assert predict.main(_words("{run} --output {out}", root, tmp_path)) == 0
        assert predict.main(_words("{root} --output {out}", root, tmp_path)) == 2


def test_a_reader_that_has_read_enough_is_no_failure() -> None:
    assert screen.Shown(is_all=True, lost=None).status(0) == 0
    assert screen.Shown(is_all=True, lost=OSError(28, "full")).status(0) == 1
    assert screen.Shown(is_all=True, lost=OSError(28, "full")).status(2) == 2
    assert screen.Shown(is_all=False, lost=OSError(28, "full")).status(0) == 0
