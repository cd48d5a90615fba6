"""Code of a user's own, in a folder of theirs: found, known everywhere, part of what a run is."""

import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from irnn.runs.directory import RunDirectory
from irnn.runs.identity import group_name, run_id
from irnn.spec import plugins
from irnn.spec.command import flags_of, read_command
from irnn.spec.composition import Composer, compose_config
from irnn.spec.config import Config, ConfigError
from irnn.spec.help import text
from irnn.spec.options import plain
from irnn.sweeps import worker
from irnn.sweeps.request import read_request
from irnn.train import REFUSED, main
from irnn.training.session import run
from tests.conftest import SMALL

GAIN = '''
from irnn.extend import Initialization, initialization, option
from .shapes import square


@initialization("my_gain")
class MyGain(Initialization):
    """A constant matrix times a gain."""

    gain: float = option(0.5, "factor on my matrix", at_least=0)
    power: int = option(1, "how often", at_least=1)

    def recurrent(self, shape, generator):
        return self.gain * square(shape)
'''
SHAPES = "def square(shape):\n    import torch\n    return torch.eye(shape.hidden).double()\n"


@pytest.fixture(autouse=True)
def forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IRNN_RUNS", raising=False)
    with plugins.forgotten():
        yield


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return folder(tmp_path / "my_lab", {"gain.py": GAIN, "shapes.py": SHAPES})


def folder(path: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    return path


def mine(*words: str) -> Config:
    return compose_config(["plugins=my_lab", "init=my_gain", *words])


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
    with plugins.forgotten():
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


BROKEN = {
    "import nosuch_module\n": "broken.py, line 1: ModuleNotFoundError: No module named 'nosuch_module'",
    "x = 1\nraise ValueError('no')\n": "broken.py, line 2: ValueError: no",
    "def f(:\n": "broken.py, line 1: invalid syntax",
    "x = 1\n\0": "broken.py, line 2: a null byte, which no Python file has; save it as UTF-8",
    "from .sub import x\n": "sub/x.py, line 1: a null byte",
    "import sys\nsys.exit(3)\n": "broken.py, line 2: SystemExit: 3",
    "import shapes\n": "imported as `from .shapes import ...`",
    "class Mute(Exception):\n    def __str__(self): raise OSError\nraise Mute\n": "line 3: Mute\n",
    "raise GeneratorExit\n": "broken.py, line 1: GeneratorExit\n",
    "__name__ = 'x'\n"
    + GAIN.replace("MyGain", "O").replace(
        "my_gain", "other"
    ): "the module of O, x, is no file, so its code could not be told from another's",
    GAIN.replace("MyGain", "Other"): "init=my_gain is my_lab.broken.Other already",
    GAIN.replace("my_gain", "identity").replace(
        "MyGain", "O"
    ): "init=identity is irnn.models.initializers.Identity already",
    GAIN.replace("def recurrent", "def recurent").replace(
        "my_gain", "x"
    ): "the class lacks recurrent",
}


@pytest.mark.parametrize("code", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_plug_in_is_named_by_file_and_line_and_leaves_nothing(
    lab: Path, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(lab, {"broken.py": code, "sub/x.py": "\0"})
    assert main(["plugins=my_lab", "seed=1"]) == REFUSED
    said = capsys.readouterr().err
    assert said.startswith("irnn-train: plugins=my_lab: ")
    assert BROKEN[code] in said
    assert len(said.splitlines()) == 1
    assert not Path("runs").exists()
    with pytest.raises(ConfigError, match="init=my_gain: no such option"):
        compose_config(["init=my_gain"])
    (lab / "broken.py").unlink()
    assert mine().init.name == "my_gain"


INIT = """
@initialization("bad")
class Bad(Initialization):
    def recurrent(self, shape, generator):
        import numpy, torch

        return {}
"""
TASK = """
@task("bad")
class Bad(Task):
    input_size, head, metric = 1, Classification(1, 2), accuracy(0.7, 0.5, "guessing", ("0.9",))

    def draw(self, key, positions):
        import torch

        return {draw}

    def encode(self, drawn, dtype):
        import torch

        return {inputs}, {targets}
"""
INPUTS, TARGETS = "torch.zeros(self.steps, len(drawn[0]), 1, dtype=dtype)", "drawn[0] % 2"
TRIED = {
    "a start of another shape": (
        INIT.format("torch.zeros(3, 3)"),
        "init=bad: its w_hh: of shape (3, 3), not (8, 8)",
    ),
    "a start that would be broadcast": (INIT.format("torch.ones(8)"), "of shape (8,), not (8, 8)"),
    "no start": (INIT.format("None"), "init=bad: its w_hh: None, not a tensor"),
    "a start that is no tensor": (INIT.format("numpy.eye(8)"), "a ndarray, not a tensor"),
    "a start that is not finite": (
        INIT.format("torch.full((8, 8), torch.nan)"),
        "its w_hh: not all finite",
    ),
    "a start from the global generator": (
        INIT.format("torch.rand(8, 8)"),
        "it draws from PyTorch's global generator",
    ),
    "a start that raises": (INIT.format("1 / 0"), "ZeroDivisionError: division by zero"),
    "sequences from the global generator": (
        TASK.format(draw="(positions, torch.rand(len(positions)))", inputs=INPUTS, targets=TARGETS),
        "task=bad: draw draws from PyTorch's global generator",
    ),
    "sequences that depend on their order": (
        TASK.format(draw="(torch.arange(len(positions)),)", inputs=INPUTS, targets=TARGETS),
        "draw depends on more than key and position",
    ),
    "sequences that are no tuple": (
        TASK.format(draw="positions", inputs=INPUTS, targets=TARGETS),
        "draw gives a Tensor, not a tuple",
    ),
    "inputs that are too short": (
        TASK.format(draw="(positions,)", inputs=f"{INPUTS}[:4]", targets=TARGETS),
        "its inputs: of shape (4, 16, 1), not (12, 16, 1)",
    ),
    "inputs of another precision": (
        TASK.format(draw="(positions,)", inputs=f"{INPUTS}.double()", targets=TARGETS),
        "its inputs are torch.float64",
    ),
    "targets of another shape": (
        TASK.format(draw="(positions,)", inputs=INPUTS, targets=f"({TARGETS})[:, None]"),
        "its targets: of shape (16, 1), not (16,)",
    ),
    "targets of no class": (
        TASK.format(draw="(positions,)", inputs=INPUTS, targets="drawn[0] % 3"),
        "its targets (torch.int64) cannot be scored: Target 2 is out of bounds",
    ),
    "targets of another type": (
        TASK.format(draw="(positions,)", inputs=INPUTS, targets=f"({TARGETS}).float()"),
        "its targets (torch.float32) cannot be scored",
    ),
    "a task that raises": (
        TASK.format(draw="(positions,)", inputs="{}['oops']", targets=TARGETS),
        "task=bad: KeyError: 'oops'",
    ),
}


@pytest.mark.parametrize("case", TRIED)
def test_code_that_fails_is_named_before_anything_is_made(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = TRIED[case]
    folder(tmp_path, {"bad.py": f"from irnn.extend import *{code}"})
    word = "init=bad" if code.startswith(INIT[:10]) else "task=bad"
    assert main(["plugins=bad.py", word, *SMALL]) == REFUSED
    written = capsys.readouterr().err
    assert said in written
    assert f"{tmp_path / 'bad.py'}:" in written
    assert not Path("runs").exists()


YAML = {
    "conf/init/nosuch.yaml": ("name: nosuch\n", "name: nosuch is no class; one needs @initialization"),
    "conf/init/mine.yaml": ("gain: 3\n", "must say which class it is of, as name: mine"),
    "conf/task/bad.yaml": ("name: {\n", "while parsing"),
    "conf/init/list.yaml": ("name: [my_gain]\n", "name: ['my_gain'] is no class"),
    "conf/init/identity.yaml": ("name: my_gain\n", "init=identity is irnn's own"),
    "conf/experiment/fast.yaml": ("seed: 1\n", "experiment=fast is irnn's own"),
}  # fmt: skip


@pytest.mark.parametrize("file", YAML)
def test_a_file_without_a_class_or_in_the_place_of_ours_is_refused(lab: Path, file: str) -> None:
    content, expected = YAML[file]
    folder(lab, {file: content})
    with pytest.raises(ConfigError) as refusal:
        mine()
    assert expected in str(refusal.value)
    assert file in str(refusal.value)


WRONG_KINDS = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to nothing": lambda path: path.symlink_to("/nosuch/file.py"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("make", WRONG_KINDS.values(), ids=WRONG_KINDS)
def test_what_is_no_file_among_its_code_is_named(lab: Path, make: Callable[[Path], None]) -> None:
    make(lab / "other.py")
    with pytest.raises(
        ConfigError, match=r"plugins=my_lab: .*other\.py is no file; rename or remove"
    ):
        mine()


def test_what_editors_leave_in_its_folders_is_no_part_of_it(lab: Path) -> None:
    (lab / "conf" / "init").mkdir(parents=True, exist_ok=True)
    (lab / ".#gain.py").symlink_to("user@host.1234:5678")  # as Emacs locks a file that is edited
    (lab / "conf" / "init" / ".#my_gain.yaml").symlink_to("user@host.1234:5678")
    (lab / "._gain.py").write_bytes(b"\0\5\26\7")  # as macOS leaves on other file systems
    assert mine().init.name == "my_gain"


def test_a_pipe_among_its_yaml_is_told_and_never_waited_for(lab: Path) -> None:
    (lab / "conf" / "init").mkdir(parents=True, exist_ok=True)
    os.mkfifo(lab / "conf" / "init" / "pipe.yaml")
    with pytest.raises(ConfigError, match=r"pipe\.yaml: pipe\.yaml is a pipe, not a file"):
        mine()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("plugins=nosuch", "no such folder, file or package"),
        ("plugins=/no/such", "no such folder, file or package"),
        ("plugins=", "must name a folder"),
        ("plugins=[a,]", "must name a folder"),
        ("plugins=empty", "has no Python file"),
        ("plugins=random", "a package called random is there already"),
        ("plugins=torch", "a package called torch is there already"),
        ("plugins=3lab.py", "Python cannot import what is called 3lab"),
        ("plugins=only_data.py", "registers nothing"),
    ],
)
def test_what_is_no_plug_in_is_told(tmp_path: Path, word: str, said: str) -> None:
    folder(
        tmp_path,
        {
            "empty/conf/x.yaml": "",
            "random/x.py": "",
            "torch/x.py": "",
            "3lab.py": "",
            "only_data.py": "X = 1\n",
        },
    )
    with pytest.raises(ConfigError, match=said):
        compose_config([word])


@pytest.mark.slow
def test_a_sweep_trains_a_plug_in_in_processes_of_its_own(lab: Path) -> None:
    words = ["-m", "plugins=my_lab", "init=my_gain,identity", "seed=0", *SMALL]
    assert main(words) == 0
    assert len([*Path("runs").glob("irnn-my_gain-*/source")]) == 1
    (record,) = Path("runs/.sweeps").glob("*/sweep.json")
    for job in json.loads(record.read_text())["jobs"]:
        alone = read_command(job["overrides"])
        assert run_id(compose_config(alone.overrides, alone.groups)) == job["run_id"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("gain: float", "group: str", "a setting cannot be called group"),
        ("gain: float", "summary: str", "a setting cannot be called summary"),
        ("gain: float", "größe: float", "a setting called größe could not be typed"),
        ("option(1,", "option('three',", "its default, three, must be a whole number"),
        ('int = option(1, "how often", at_least=1)', "list[str] = ['a']", "is written option([...])"),
        ('@initialization("my_gain")', "@initialization", '@initialization: needs a name, as in @init'),
        ("class MyGain", "@dataclass(frozen=True)\nclass MyGain", "leave @dataclass out"),
    ],
)  # fmt: skip
def test_a_class_that_cannot_be_an_option_is_refused_with_its_remedy(
    lab: Path, old: str, new: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = GAIN.replace(old, new)
    if "@dataclass" in new:
        text = "from dataclasses import dataclass\n" + text
    folder(lab, {"gain.py": text})
    assert main(["plugins=my_lab", "init=my_gain", *SMALL]) == REFUSED
    shown = capsys.readouterr().err
    assert "gain.py, line " in shown
    assert said in shown
    assert not (lab.parent / "runs").exists()
