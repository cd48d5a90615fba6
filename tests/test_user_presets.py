"""Groups of a user's own: found by single runs and by sweeps; a wrong one is named by file and line."""

import json
import os
import re
from pathlib import Path

import pytest

from irnn.runs.identity import run_id
from irnn.spec.command import flags_of, read_command
from irnn.spec.composition import Composer, compose_config
from irnn.spec.config import ConfigError
from irnn.spec.groups import Groups, conf_dir
from irnn.sweeps.request import left_open, read_request
from irnn.train import REFUSED, main
from tests.conftest import SMALL

MINE = "# @package _global_\n# Mine\ndefaults:\n  - override /optim: sgd\n\nbatch_size: 4\n"
TWO = """\
# @package _global_
# Two seeds
defaults:
  - override /hydra/sweeper: grid

hydra:
  sweeper:
    params:
      seed: 1,2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("experiment/mine", MINE), ("sweep/two", TWO), ("optim/own", OWN)):
        path = tmp_path / "my conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "my conf"


OWN = "# Mine\nname: sgd\nlr: 0.5\nmomentum: 0.0\nnesterov: false\n"


def ways(folder: Path) -> list[list[str]]:
    """All ways to add a folder."""
    return [
        [f"--config-dir={folder}"],
        ["--config-dir", str(folder)],
        [f"hydra.searchpath=['file://{folder}']"],
        [f"hydra.searchpath=['{folder}']"],
    ]


def test_a_preset_that_varies_settings_needs_m_too(folder: Path) -> None:
    (folder / "experiment" / "many.yaml").write_text(TWO)
    command = read_command([f"--config-dir={folder}", "experiment=many"])
    said = left_open(command.overrides, command.groups)
    assert said is not None
    assert said.startswith("experiment=many: varies seed, for which irnn-train needs -m")
    assert left_open([*command.overrides, "seed=3"], command.groups) is None
    assert left_open(["experiment=mine"], command.groups) is None
    assert len(read_request(command.overrides, Composer(command.groups)).jobs) == 2
    (folder / "experiment" / "many.yaml").write_text(TWO.replace("seed: 1,2", "init.gain: 1,2"))
    with pytest.raises(ConfigError, match=r"init=pytorch.*; experiment=many varies init.gain$"):
        read_request(["experiment=many", "init=pytorch"], Composer(command.groups))


@pytest.mark.parametrize("hidden", ["experiment/fast", "optim/adam", "train"])
def test_a_file_that_irnn_s_own_hides_is_refused_and_a_copy_of_it_is_not(
    folder: Path, hidden: str
) -> None:
    """As of a copied conf/ of which one file is edited: it would never be read."""
    copy = folder / f"{hidden}.yaml"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes((conf_dir() / f"{hidden}.yaml").read_bytes())
    for way in ways(folder):
        read_command([*way, "seed=1"])
    copy.write_text("# Mine\n")
    said = f"my conf/{hidden}.yaml: is not read, as {hidden.replace('/', '=')} is irnn's own"
    for way in ways(folder):
        with pytest.raises(ConfigError, match=re.escape(said)):
            read_command([*way, "seed=1"])


def test_each_way_of_adding_a_folder_serves_single_runs_and_sweeps(folder: Path) -> None:
    for way in ways(folder):
        one = read_command([*way, "experiment=mine", "optim=own"])
        config = compose_config(one.overrides, one.groups)
        assert (config.optim.name, config.optim.lr, config.batch_size) == ("sgd", 0.5, 4)
        many = read_command(["-m", *way, "experiment=mine", "sweep=two"])
        request = read_request(many.overrides, Composer(many.groups))
        assert [job[-1] for job in request.jobs] == ["seed=1", "seed=2"] or [
            job[0] for job in request.jobs
        ] == ["seed=1", "seed=2"]
        job = Composer(many.groups).compose(request.jobs[0])
        assert (job.batch_size, job.optim.name, job.seed) == (4, "sgd", 1)


def test_typos_are_refused_in_the_same_words_with_a_folder_as_without(folder: Path) -> None:
    groups = read_command([f"--config-dir={folder}"]).groups
    for override in ("optim.lrr=1", "seed=abc", "+seed=1", "model=lstmm"):
        with pytest.raises(ConfigError) as without:
            compose_config([override])
        with pytest.raises(ConfigError) as with_folder:
            compose_config([override], groups)
        assert str(with_folder.value) == str(without.value)
    with pytest.raises(ConfigError, match=r"experiment=min: .* mine, .*"):
        compose_config(["experiment=min"], groups)


def test_a_sweep_from_a_folder_trains_and_each_run_can_be_made_again_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = [word for word in SMALL if not word.startswith("batch_size")]
    words = ["-m", f"--config-dir={folder}", "experiment=mine", "sweep=two", *small]
    assert main(words) == 0
    runs = sorted(Path("runs").glob("irnn*"))
    assert len(runs) == 2
    for run in runs:
        (session,) = json.loads((run / "provenance.json").read_text())["sessions"]
        assert "hydra.searchpath" in session["command"]
    (record,) = Path("runs/.sweeps").glob("*/sweep.json")
    for job in json.loads(record.read_text())["jobs"]:
        alone = read_command(job["overrides"])
        assert run_id(compose_config(alone.overrides, alone.groups)) == job["run_id"]


def test_cfg_shows_every_job_of_a_sweep(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["-m", f"--config-dir={folder}", "sweep=two", "--cfg", "job", "--package", "optim"]
    assert main([*words, "optim.lr=0.25"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("lr: 0.25") == 2
    assert "seed=1" in shown
    assert "seed=2" in shown
    assert main(["--cfg", "job", f"--config-dir={folder}", "experiment=mine"]) == 0
    assert "batch_size: 4" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


def test_info_takes_a_number_in_the_place_of_an_option_as_runs_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--info", "all", "seq_len=10", "clip=5"]) == 0
    shown = capsys.readouterr().out
    assert "seq_len: 10\n" in shown
    assert "max_norm: 5.0\n" in shown


def test_a_main_file_of_ones_own_is_begun_from(folder: Path) -> None:
    (folder / "mine.yaml").write_text("defaults:\n  - train\n  - _self_\nseed: 7\n")
    command = read_command([f"--config-dir={folder}", "--config-name=mine"])
    assert compose_config(command.overrides, command.groups).seed == 7
    assert read_command(flags_of(command.groups)).groups == command.groups
    assert flags_of(Groups()) == []


GLOBAL = "# @package _global_\n"
BROKEN = {
    "batch_size: 4\n\tseed: 1\n": "line 3: begins with a tab",
    "budget:\n  updates: 5\n seed: 1\n": "line 4: ",
    "seed: 1\nbatch_size: 4\nseed: 2\n": "line 4: seed is there already, in line 2",
    "optim:\n  lr: 1\n  lr: 2\n": "line 4: lr is there already, in line 3",
    "defaults:\n  - /optim: sgd\n": "write '- override /optim: sgd'",
    "defaults:\n  - optim: sgd\n": "write '- override /optim: sgd'",
    "defaults:\n  - override optim: sgd\n": "write '- override /optim: sgd'",
    "defaults:\n  - override /optim: sgdd\n": "optim has no option sgdd; it is one of adam",
    "defaults:\n  - override /optimm: sgd\n": "there is no group optimm",
    "defaults:\n  - nosuch\n": "experiment/nosuch",
    "optim:\n  lrr: 1\n": "line 3: optim.lrr: no such setting; did you mean optim.lr",
    "optim:\n  lr: fast\n": "line 3: optim.lr: must be a number (learning rate)",
    "optim:\n  lr: ???\n": "line 3: optim.lr: must have a value",
    "clip:\n  max_norm: []\n": "line 3: clip.max_norm: must be a number",
    "sweep:\n  name: 20e10\n": "line 3: sweep.name: 20e10 is no text in YAML; write '20e10'",
    "tracker:\n  group: 1_1\n": "write '1_1'",
    "hydra:\n  run:\n    dir: x\n": "line 4: hydra.run.dir: a run is kept in runs_dir/<run id>",
    "- 1\n": "line 2: must hold settings",
    "hello\n": "must hold settings",
    "seed: {\n": "line ",
    "seed: *nosuch\n": "line 2: found undefined alias",
    "seed: -1\n": "seed=-1: must be a number at least 0",
    "batch_size: 4\x00\n": "",
}


def test_an_empty_file_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").touch()
    with pytest.raises(ConfigError, match=r"mine\.yaml: is empty; it begins with '# @package _gl"):
        compose_config(["experiment=mine"], Groups((f"file://{tmp_path}",)))


def test_a_pipe_or_a_device_is_no_option_and_is_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    os.mkfifo(tmp_path / "experiment" / "pipe.yaml")
    (tmp_path / "experiment" / "zero.yaml").symlink_to("/dev/zero")
    groups = Groups((f"file://{tmp_path}",))
    assert not {"pipe", "zero"} & {*groups.options("experiment")}
    with pytest.raises(ConfigError, match="experiment=pipe: no such option"):
        compose_config(["experiment=pipe"], groups)


@pytest.mark.parametrize("text", BROKEN, ids=ascii)
def test_a_broken_preset_is_named_with_its_line_and_a_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "experiment").mkdir()
    path = tmp_path / "experiment" / "mine.yaml"
    path.write_text(GLOBAL + text)
    groups = Groups((f"file://{tmp_path}",))
    beside = ["batch_size=8", "experiment=mine", "seed=3"][: 2 if "seed" in text else 3]
    for compose, words in (
        (lambda words: compose_config(words, groups), beside),
        (Composer(groups).compose, ["experiment=mine"]),
    ):
        with pytest.raises(ConfigError) as refusal:
            compose(words)
        message = str(refusal.value)
        assert message.startswith("experiment=mine: ")
        assert BROKEN[text] in message
        assert str(path) in message or "line" not in BROKEN[text]


def test_a_preset_without_its_first_line_is_told_which(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# Mine\nbatch_size: 4\n")
    with pytest.raises(ConfigError, match="line 1: the first line must be '# @package _global_'"):
        compose_config(["experiment=mine"], Groups((f"file://{tmp_path}",)))


def test_a_preset_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_bytes(b"seed: \xff\n")
    with pytest.raises(ConfigError, match=r"experiment=mine: .*mine\.yaml: cannot be read"):
        compose_config(["experiment=mine"], Groups((f"file://{tmp_path}",)))


def test_a_broken_preset_in_a_sweep_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("seed: 1\n\tx: 1\n")
    assert main(["-m", f"--config-dir={tmp_path}", "experiment=mine", "seed=1,2"]) == REFUSED
    assert capsys.readouterr().err.startswith("irnn-train: experiment=mine: ")
    assert not (tmp_path / "runs").exists()
