"""One process mirrors runs: it ends by itself, fails for one run alone, and is replaced where it died."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import MetricsFile
from irnn.runs.mirrors import Mirrors

WANDB = """
import os, pathlib
class Run:
    def __init__(self, settings):
        self.out = pathlib.Path(settings["dir"], "seen")
        self.summary = {}
        if settings["id"] == "dies": os.abort()
    def log(self, record, step):
        with self.out.open("a") as out: out.write(f"{step}\\n")
    def __enter__(self): return self
    def __exit__(self, *_): pass
def init(**settings): return Run(settings)
"""

Folder = Callable[[str], RunDirectory]


@pytest.fixture
def mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    """Mirror to a module of our own."""
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "wandb.py").write_text(WANDB)
    monkeypatch.syspath_prepend(str(tmp_path / "fake"))
    with (tmp_path / "errors").open("wb") as errors:
        mirrors = Mirrors(errors)
        yield mirrors
        mirrors.close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Make the folder of a run with one record."""

    def make(name: str) -> RunDirectory:
        (tmp_path / name).mkdir()
        directory = RunDirectory(tmp_path / name)
        MetricsFile(directory.metrics).append({"step": 0, "test_mse": 1.0})
        return directory

    return make


def seen(directory: RunDirectory) -> list[str]:
    return (directory.path / "seen").read_text().split()


def test_the_process_ends_by_itself_once_all_is_passed_on(mirrors: Mirrors, folder: Folder) -> None:
    run = folder("run")
    mirrors.begin(run.path, {"id": "run"})
    mirrors.end(run.path)
    assert mirrors.wait(30) == {run.path: True}
    begun = time.monotonic()
    assert mirrors.close() == 0
    assert time.monotonic() - begun < 2.5  # it is killed after 3
    assert seen(run) == ["0"]


def test_a_folder_that_cannot_be_mirrored_is_no_other_s_affair(
    mirrors: Mirrors, folder: Folder
) -> None:
    good, bad = folder("good"), folder("bad")
    (bad.path / "wandb").touch()  # where W&B's folder is made
    mirrors.begin(good.path, {"id": "good"})
    mirrors.begin(bad.path, {"id": "bad"})
    while not (good.path / "seen").exists():
        time.sleep(0.01)
    MetricsFile(good.metrics).append({"step": 10, "test_mse": 1.0})
    mirrors.end(bad.path)
    mirrors.end(good.path)
    assert mirrors.wait(30) == {good.path: True, bad.path: False}
    assert seen(good) == ["0", "10"]


def test_a_process_that_died_is_begun_anew_for_the_next_run(
    mirrors: Mirrors, folder: Folder
) -> None:
    first, second = folder("first"), folder("second")
    mirrors.begin(first.path, {"id": "dies"})
    assert mirrors.wait(30) == {first.path: False}
    mirrors.begin(second.path, {"id": "second"})
    mirrors.end(second.path)
    assert mirrors.wait(30) == {first.path: False, second.path: True}
