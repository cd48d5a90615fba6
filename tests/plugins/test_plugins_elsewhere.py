"""A plug-in goes where its runs go: into the trials of a search, and through Slurm to another process."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import SMALL, Cli
from tests.slurm_cluster import cluster

GAIN = '''
from irnn.extend import Initialization, initialization, option
from .shapes import square


@initialization("my_gain")
class MyGain(Initialization):
    """A constant matrix times a gain."""

    gain: float = option(0.5, "factor on my matrix", at_least=0)

    def recurrent(self, shape, generator):
        return self.gain * square(shape)
'''
SHAPES = "def square(shape):\n    import torch\n    return torch.eye(shape.hidden).double()\n"
MINE = ("-m", "plugins=my_lab", *SMALL, "init=my_gain", "runtime.threads=1")


@pytest.fixture(autouse=True)
def lab(tmp_path: Path) -> Path:
    folder = tmp_path / "my_lab"
    folder.mkdir()
    (folder / "gain.py").write_text(GAIN)
    (folder / "shapes.py").write_text(SHAPES)
    return folder


def runs(tmp_path: Path) -> list[dict[str, dict[str, object]]]:
    """What the finished runs were asked for."""
    found = sorted((tmp_path / "runs").glob("*/result.json"))
    for each in found:
        kept = each.parent / "source" / "my_lab"
        assert (kept / "gain.py").read_text() == GAIN
        assert (kept / "shapes.py").read_text() == SHAPES
    return [json.loads(each.read_text())["config"] for each in found]


@pytest.mark.slow
def test_a_search_varies_a_setting_of_a_plug_in_and_goes_on_after_a_remark(
    tmp_path: Path, lab: Path, cli: Cli
) -> None:
    """Trials are numbered in one study; a comment in the code is no other search, a change is."""
    pytest.importorskip("optuna")
    words = (*MINE, "hydra/sweeper=optuna", "init.gain=interval(0.1,1)", "sweep.name=mine")
    trials = "hydra.sweeper.n_trials="
    first = cli("train", *words, f"{trials}2")
    assert first.returncode == 0, first.stdout + first.stderr
    (lab / "gain.py").write_text(GAIN + "# a remark\n")
    more = cli("train", *words, f"{trials}3")
    assert more.returncode == 0, more.stdout + more.stderr
    (lab / "gain.py").write_text(GAIN)
    kept = [json.loads(each.read_text()) for each in tmp_path.glob("runs/*/result.json")]
    gains = {each["config"]["init"]["gain"] for each in kept}
    assert len(gains) == 3
    assert all(0.1 <= gain <= 1 for gain in gains)
    [database] = tmp_path.glob("runs/.sweeps/*/optuna.db")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("select count(*) from trials").fetchone() == (3,)
    (lab / "shapes.py").write_text(SHAPES.replace(".double()", ".double() * 0.9"))
    changed = cli("train", *words, f"{trials}4")
    assert changed.returncode == 2
    assert "init.source" in changed.stderr


@pytest.mark.slurm
def test_a_job_on_slurm_has_the_plug_in_that_the_sweep_was_asked_with(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, cli: Cli
) -> None:
    """In the working folder of the job the word `my_lab` need not lead anywhere."""
    with cluster(tmp_path_factory.mktemp("slurm")):
        done = cli("train", *MINE, "hydra/launcher=slurm", "init.gain=0.5,0.7", "seed=0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(each["init"]["gain"] for each in runs(tmp_path)) == [0.5, 0.7]
    on_cluster = {each.name for each in (tmp_path / "runs").glob("*-s0-*")}
    shutil.rmtree(tmp_path / "runs")
    local = cli("train", *MINE, "init.gain=0.5,0.7", "seed=0")
    assert local.returncode == 0, local.stdout + local.stderr
    assert {each.name for each in (tmp_path / "runs").glob("*-s0-*")} == on_cluster
