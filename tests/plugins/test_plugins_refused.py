"""Plug-ins that cannot be used are refused by file and line, and nothing of them is left."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.spec.composition import compose_config
from irnn.spec.config import ConfigError
from irnn.train import REFUSED, main
from tests.conftest import SMALL
from tests.plugins.conftest import GAIN, folder, mine

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
