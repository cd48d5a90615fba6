"""Code of a user's own, in a folder of theirs: found, known everywhere, part of what a run is."""

import json
import pickle
from pathlib import Path

import pytest
import yaml

from irnn.runs.directory import RunDirectory
from irnn.runs.identity import group_name, run_id
from irnn.spec import plugins
from irnn.spec.command import flags_of, read_command
from irnn.spec.composition import Composer, compose_config
from irnn.spec.config import ConfigError
from irnn.spec.help import text
from irnn.spec.options import plain
from irnn.sweeps import worker
from irnn.sweeps.request import read_request
from irnn.train import main
from irnn.training.session import run
from tests.conftest import SMALL
from tests.forgetting import registrations_forgotten
from tests.plugins.conftest import GAIN, SHAPES, folder, mine


def test_a_class_is_an_option_with_or_without_a_file(lab: Path) -> None:
    assert mine("init.gain=2").init.gain == 2
    assert mine().init.gain == 0.5
    folder(lab, {"conf/init/my_gain.yaml": "# Mine\nname: my_gain\ngain: 0.9\n"})
    folder(lab, {"conf/init/other.yaml": "# @package _global_\ninit:\n  name: my_gain\nseed: 3\n"})
    assert mine().init.gain == 0.9
    other = compose_config(["plugins=my_lab", "init=other"])
    assert (other.init.name, other.init.gain, other.seed) == ("my_gain", 0.5, 3)


@pytest.mark.parametrize("word", ["plugins=my_lab", "plugins=[my_lab]", "plugins='{}/my_lab'"])
def test_a_plug_in_is_named_by_a_word(lab: Path, word: str, tmp_path: Path) -> None:
    command = read_command([word.format(tmp_path), "init=my_gain", "seed=1"])
    assert command.overrides == ("init=my_gain", "seed=1")
    assert compose_config(command.overrides, command.groups).init.name == "my_gain"
    assert flags_of(command.groups) == [f"plugins=[{tmp_path}/my_lab]"]
    again = read_command([*command.overrides, *flags_of(command.groups)])
    assert again.groups == command.groups


def test_a_plug_in_is_named_by_a_variable(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRNN_PLUGINS", "my_lab")
    assert compose_config(["init=my_gain"]).init.name == "my_gain"


def test_a_file_alone_and_a_package_are_plug_ins_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = GAIN.replace("from .shapes import square", SHAPES)
    folder(tmp_path, {"alone.py": alone.replace("my_gain", "alone_gain")})
    assert compose_config(["plugins=alone.py", "init=alone_gain"]).init.name == "alone_gain"
    folder(tmp_path / "site", {"their_lab/__init__.py": alone})
    folder(tmp_path / "site", {"their_lab/conf/experiment/theirs.yaml": "# @package _global_\n"})
    monkeypatch.syspath_prepend(tmp_path / "site")
    words = ["plugins=their_lab", "init=my_gain", "experiment=theirs"]
    assert compose_config(words).init.name == "my_gain"


def test_an_installed_package_registers_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder(tmp_path / "site", {"lab_inc/__init__.py": GAIN, "lab_inc/shapes.py": SHAPES})
    folder(site / "lab_inc-1.dist-info", {"METADATA": "Name: lab-inc\nVersion: 1\n",
           "entry_points.txt": "[irnn.plugins]\nlab = lab_inc\n"})  # fmt: skip
    monkeypatch.syspath_prepend(site)
    plugins.entry_points.cache_clear()
    try:
        assert compose_config(["init=my_gain"]).init.source
    finally:
        plugins.entry_points.cache_clear()


def test_the_code_that_is_used_is_part_of_what_a_run_is(lab: Path) -> None:
    before = mine()
    assert plain(before)["init"]["source"] == before.init.source
    assert compose_config(["plugins=my_lab"]) == compose_config([])
    assert "source" not in plain(compose_config(["plugins=my_lab"]))["init"]
    folder(lab, {"unrelated.py": "X = 1\n"})
    assert run_id(mine()) == run_id(before)
    folder(lab, {"shapes.py": SHAPES.replace("eye", "ones")})
    assert run_id(mine()) != run_id(before)
    assert group_name(mine()) != group_name(before)
    folder(lab, {"shapes.py": SHAPES})
    assert run_id(mine()) == run_id(before)


def test_a_run_keeps_a_copy_of_the_code_and_names_it(lab: Path) -> None:
    config = mine(*SMALL)
    run(config)
    directory = RunDirectory.of(config)
    assert (directory.path / "source" / "my_lab" / "gain.py").read_text() == GAIN
    assert (directory.path / "source" / "my_lab" / "shapes.py").read_text() == SHAPES
    (used,) = json.loads(directory.provenance.read_text())["plugins"]
    assert (used["option"], used["source"]) == ("init=my_gain", config.init.source)
    assert sorted(used["files"]) == ["gain.py", "shapes.py"]


def test_what_a_plug_in_prints_is_no_part_of_an_answer(lab: Path, capfd) -> None:
    """`--cfg job` is read by programs."""
    folder(lab, {"loud.py": "print('loading: : my lab')\nimport sys\nsys.stdout.write('{')\n"})
    assert main(["plugins=my_lab", "init=my_gain", "--cfg", "job"]) == 0
    out, said = capfd.readouterr()
    assert yaml.safe_load(out)["init"]["name"] == "my_gain"
    assert said == "loading: : my lab\n{"


def test_help_and_refusals_know_a_plug_ins_options_and_settings(lab: Path) -> None:
    groups = read_command(["plugins=my_lab"]).groups
    page = text(groups)
    assert "my_gain         A constant matrix times a gain." in page
    assert "init.power" in page
    said = {
        "init.power=0": "must be a number at least 1 (how often)",
        "init.power=a": "must be a whole number (how often)",
        "init.powr=1": "did you mean init.power",
        "init.firings=3": "init=my_gain has no such option; init=split_identity has it",
    }
    for word, expected in said.items():
        with pytest.raises(ConfigError) as refusal:
            mine(word)
        assert expected in str(refusal.value)
    with pytest.raises(ConfigError, match="init=identity has no such option; init=my_gain has it"):
        compose_config(["plugins=my_lab", "init.power=2"])


def test_sweeps_and_searches_know_a_plug_in(lab: Path) -> None:
    words = ["-m", "plugins=my_lab", "init=my_gain,identity", "init.gain=0.5,1", "seed=0"]
    command = read_command(words)
    composer = Composer(command.groups)
    jobs = read_request(command.overrides, composer).jobs
    configs = [composer.compose(job) for job in jobs]
    assert sorted((each.init.name, each.init.gain) for each in configs) == [
        ("identity", 0.5), ("identity", 1), ("my_gain", 0.5), ("my_gain", 1),
    ]  # fmt: skip
    assert configs == [compose_config(job, command.groups) for job in jobs]


def test_a_configuration_travels_to_a_process_that_has_not_loaded_the_plug_in(lab: Path) -> None:
    with registrations_forgotten():
        config = mine("init.gain=3")
        name, packed = run_id(config), pickle.dumps(config)
    assert run_id(pickle.loads(packed)) == name
    folder(lab, {"gain.py": GAIN + "CHANGED = True\n"})
    with pytest.raises(ConfigError, match="has changed since this was asked for"):
        pickle.loads(packed)
    said = worker.outcome(packed, ["init=my_gain"], print)
    assert said[0] == "failed"
    assert "init=my_gain has changed since this was asked for; give the command again" in said[1]


def test_other_folders_of_yaml_work_beside_a_plug_in(lab: Path, tmp_path: Path) -> None:
    preset = "# @package _global_\ndefaults:\n  - override /init: my_gain\n"
    folder(tmp_path / "presets", {"experiment/mine.yaml": preset})
    for way in (f"--config-dir={tmp_path}/presets", "hydra.searchpath=[presets]"):
        command = read_command([way, "plugins=my_lab", "experiment=mine"])
        assert compose_config(command.overrides, command.groups).init.name == "my_gain"


@pytest.mark.slow
def test_a_sweep_trains_a_plug_in_in_processes_of_its_own(lab: Path) -> None:
    words = ["-m", "plugins=my_lab", "init=my_gain,identity", "seed=0", *SMALL]
    assert main(words) == 0
    assert len([*Path("runs").glob("irnn-my_gain-*/source")]) == 1
    (record,) = Path("runs/.sweeps").glob("*/sweep.json")
    for job in json.loads(record.read_text())["jobs"]:
        alone = read_command(job["overrides"])
        assert run_id(compose_config(alone.overrides, alone.groups)) == job["run_id"]
