"""What choices of groups give is composed once in a process, and anew once anything of it has changed."""

import os
import shutil
import time
from pathlib import Path

import pytest

from irnn.extend import Initialization, initialization, option
from irnn.spec import bases, groups, hydra_composition
from irnn.spec.command import read_command
from irnn.spec.composition import Composer, compose_config
from irnn.spec.groups import Groups
from irnn.sweeps.request import read_request
from tests.forgetting import registrations_forgotten


@pytest.fixture
def compositions(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What Hydra composes from now on; nothing is kept from before."""
    calls: list[list[str]] = []
    real = hydra_composition.compose

    def counted(*given: object, **more: object) -> object:
        calls.append(more["overrides"])  # type: ignore[arg-type]
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(hydra_composition, "compose", counted)
    monkeypatch.setattr(bases, "_kept", {})
    return calls


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The groups, where a test may change them."""
    place = tmp_path / "conf"
    shutil.copytree(groups.conf_dir(), place)
    for module in (groups, hydra_composition, bases):
        monkeypatch.setattr(module, "conf_dir", lambda: place)
    return place


def long_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files that are written now be known by their times."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60_000_000_000)


def change(file: Path, old: str, new: str) -> None:
    """Change a file as an editor does that gives it back its time; its size stays."""
    before = file.stat()
    text = file.read_text()
    assert old in text
    assert len(old) == len(new)
    file.write_text(text.replace(old, new))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_same_choices_are_composed_once_in_a_process(compositions: list[list[str]]) -> None:
    first = compose_config(["optim=sgd", "init=gaussian", "seed=1"])
    for seed in range(5):
        compose_config(["init=gaussian", f"seed={seed}", "optim=sgd"])
        Composer().compose(["optim=sgd", "optim.lr=0.3", "init=gaussian"])
    assert len(compositions) == 1
    assert compose_config(["optim=sgd", "init=gaussian", "seed=1"]) == first


def test_a_refusal_costs_a_composition_of_each_choice_at_most(
    compositions: list[list[str]],
) -> None:
    words = ["seed=3", "optim.lr=-1", "optim=adam", "batch_size=4"]
    with pytest.raises(groups.ConfigError, match=r"optim\.lr=-1"):
        compose_config(words)
    assert compositions == [["optim=adam"], []]


def test_a_broken_preset_is_composed_once_whatever_is_beside_it(
    tmp_path: Path, compositions: list[list[str]]
) -> None:
    (tmp_path / "experiment").mkdir()
    for text in ("seed: [", "optim:\n  lrr: 1", "defaults:\n  - override /optim: nosuch"):
        compositions.clear()
        (tmp_path / "experiment/mine.yaml").write_text(f"# @package _global_\n{text}\n")
        with pytest.raises(groups.ConfigError, match=r"experiment=mine: .*mine\.yaml, line"):
            compose_config(
                ["seed=3", "experiment=mine", "batch_size=8"],
                Groups(folders=(f"file://{tmp_path}",)),
            )
        assert compositions in ([["experiment=mine"], []], [["experiment=mine"]])


def test_a_folder_of_which_nothing_is_chosen_is_not_read(
    tmp_path: Path, compositions: list[list[str]]
) -> None:
    (tmp_path / "experiment").mkdir()
    for name in ("mine", "fast"):  # of two of a name, irnn's own counts
        (tmp_path / f"experiment/{name}.yaml").write_text("# @package _global_\nseed: 4\n")
    added = Groups(folders=(f"file://{tmp_path}",))
    for where in (Groups(), added, added):
        assert compose_config(["experiment=fast", "seed=1"], where).seed == 1
        assert compose_config(["experiment=fast"], where).seed == 0
    assert len(compositions) == 1
    assert compose_config(["experiment=mine"], added).seed == 4


def test_a_sweep_is_read_with_one_composition(compositions: list[list[str]]) -> None:
    assert len(read_request(["optim=sgd", "seed=0,1", "seq_len=20,30"], Composer()).jobs) == 4
    assert compositions == [["optim=sgd"]]


def test_a_changed_file_of_irnns_own_groups_is_seen_at_once(
    conf: Path, compositions: list[list[str]]
) -> None:
    text = "# Mine\nname: sgd\nlr: 0.01\nmomentum: "
    for momentum in (0.5, 0.6, 0.7):
        (conf / "optim/sgd.yaml").write_text(f"{text}{momentum}\n")
        assert compose_config(["optim=sgd"]).optim.momentum == momentum
    assert len(compositions) == 3


def test_a_changed_file_is_seen_though_it_keeps_its_size_and_its_time(
    conf: Path, compositions: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    long_after(monkeypatch)
    (conf / "experiment/mine.yaml").write_text("# @package _global_\nbatch_size: 4\n")
    assert [compose_config(["experiment=mine"]).batch_size for _ in range(3)] == [4, 4, 4]
    assert len(compositions) == 1
    time.sleep(0.05)  # for the clock of the disk to tick
    change(conf / "experiment/mine.yaml", ": 4", ": 8")
    assert compose_config(["experiment=mine"]).batch_size == 8
    (conf / "seq_len/150.yaml").unlink()
    with pytest.raises(groups.ConfigError):
        compose_config(["experiment=mine"])


@pytest.mark.parametrize("target", ["me@here.4711", ".."])
def test_links_among_the_groups_are_no_fault(
    conf: Path, target: str, compositions: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an editor leaves one to nowhere beside a file that is open."""
    long_after(monkeypatch)
    (conf / "experiment/.#fast.yaml").symlink_to(target)
    assert [compose_config(["optim=sgd"]).optim.name for _ in range(2)] == ["sgd", "sgd"]
    assert len(compositions) == 2


@pytest.mark.parametrize("settled", [False, True])
def test_a_changed_preset_of_a_users_own_is_seen(
    tmp_path: Path, settled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if settled:
        long_after(monkeypatch)
    preset = tmp_path / "conf/experiment/mine.yaml"
    preset.parent.mkdir(parents=True)
    preset.write_text("# @package _global_\nbatch_size: 4\n")
    command = read_command([f"--config-dir={tmp_path}/conf", "experiment=mine"])
    assert compose_config(command.overrides, command.groups).batch_size == 4
    change(preset, ": 4", ": 8")
    assert compose_config(command.overrides, command.groups).batch_size == 8


def test_a_changed_plug_in_is_seen(tmp_path: Path) -> None:
    lab = tmp_path / "changing_lab"
    (lab / "conf/init").mkdir(parents=True)
    code = (
        "from irnn.extend import Initialization, initialization, option\n\n\n"
        '@initialization("changing")\nclass Changing(Initialization):\n    """Mine."""\n\n'
        '    gain: float = option({}, "how large")\n\n'
        "    def recurrent(self, shape, generator):\n        raise NotImplementedError\n"
    )
    with registrations_forgotten():
        for gain in (0.5, 0.25):
            (lab / "start.py").write_text(code.format(gain))
            words = [f"plugins={lab}", "init=changing"]
            assert compose_config(words).init.gain == gain


def test_a_class_that_is_made_anew_in_a_notebook_is_seen(compositions: list[list[str]]) -> None:
    with registrations_forgotten():
        for gain in (0.5, 0.25):
            _register(gain)
            assert compose_config(["init=anew"]).init.gain == gain
    with pytest.raises(groups.ConfigError, match="init=anew"):
        compose_config(["init=anew"])


def _register(value: float) -> None:
    @initialization("anew")
    class Anew(Initialization):
        """Anew."""

        gain: float = option(value, "how large")

        def recurrent(self, shape: object, generator: object) -> object:
            raise NotImplementedError


def test_a_changed_variable_of_the_environment_is_seen(
    compositions: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for root in ("first", "second", "first"):
        monkeypatch.setenv("IRNN_RUNS", root)
        assert compose_config(["optim=sgd"]).runs_dir == root
    monkeypatch.delenv("IRNN_RUNS")
    assert compose_config(["optim=sgd"]).runs_dir == "runs"


@pytest.mark.parametrize("value", ["${now:%S}", "${oc.env:A${seed}}", "${oc.env:${sweep.name}}"])
def test_what_is_made_from_what_is_not_to_be_seen_is_not_kept(
    conf: Path, value: str, compositions: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    long_after(monkeypatch)
    monkeypatch.setenv("A0", "x")
    monkeypatch.setenv("mine", "x")
    text = f"# @package _global_\nsweep:\n  name: mine\ntracker:\n  notes: {value}\n"
    (conf / "experiment/mine.yaml").write_text(text)
    for _ in range(2):
        compose_config(["experiment=mine"])
    assert len(compositions) >= 2


def test_a_value_that_begins_with_a_variable_follows_what_else_it_is_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "/d")
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\ntracker:\n  notes: ${oc.env:MINE}/${tracker.project}\n"
    (tmp_path / "experiment/mine.yaml").write_text(text)
    composer = Composer(Groups(folders=(f"file://{tmp_path}",)))
    for project in ("a", "b"):
        config = composer.compose(["experiment=mine", f"tracker.project={project}"])
        assert config.tracker.notes == f"/d/{project}"


def test_what_is_done_to_one_configuration_reaches_no_other(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_after(monkeypatch)
    text = "# @package _global_\ndefaults:\n  - override /optim: torch\n\n"
    (conf / "experiment/mine.yaml").write_text(
        f"{text}optim:\n  settings:\n    momentum_decay: 0.01\n"
    )
    for _ in range(3):
        config = compose_config(["experiment=mine"])
        assert config.optim.settings == {"momentum_decay": 0.01}
        config.optim.settings["momentum_decay"] = 99
