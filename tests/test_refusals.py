"""A refusal names an override that is wrong, as it was typed, and a remedy."""

import os
import re
from pathlib import Path

import pytest

from irnn.spec.composition import Composer, compose_config
from irnn.spec.config import ConfigError
from irnn.spec.known import known_settings
from irnn.spec.options import plain
from irnn.spec.refusals import to_blame
from irnn.spec.registry import GROUPS
from irnn.sweeps import request
from irnn.sweeps.request import read_request
from irnn.train import REFUSED, main

SENTENCES = {
    "+experiment=fast": "already a setting; leave the + out: experiment=fast",
    "++experiment=fast": "already a setting; leave the ++ out: experiment=fast",
    "++clip=5": "already a setting; leave the ++ out: clip=5",
    "lr=0.01": "no such setting; did you mean optim.lr=0.01?",
    "optim/lr=0.01": "no such setting; did you mean optim.lr=0.01?",
    "optim.lr=0,001": "a decimal number has a point: optim.lr=0.001",
    "optim.lr='0,001'": "did you mean optim.lr=0.001?",
    "seed=3\r": "ends with white space, such as the line ends of Windows leave; write seed=3",
    "budget.updates=1e1": "must be a whole number (updates); did you mean budget.updates=10?",
    "batch_size=16.0": "did you mean batch_size=16?",
    "runs_dir=/d/a(b)": """put quotes around the value: 'runs_dir="/d/a(b)"'""",
    "runs_dir=~/übung": """put quotes around the value: 'runs_dir="~/übung"'""",
    "runs_dir=/d/a=b": """put quotes around the value: 'runs_dir="/d/a=b"'""",
    "tracker.group=it's": "put quotes around the value",
    "~seed=1": "nothing can be taken out of a run",
    "~optim": "nothing can be taken out of a run",
    "optim.lr@foo=1": "there is one optim.lr only, without @foo; write optim.lr=1",
    "optim@foo=sgd": "there is one optim only, without @foo; write optim=sgd",
    "tracker.mode=sideways": "must be one of offline, online, disabled",
    "tracker.project=a/b": "W&B takes at most 128 characters, and none of / \\ # ? % :",
    "tracker.tags=['']": "W&B takes tags of 1 to 64 characters",
    "task.marks=half": "did you mean task.marks=halves?",
    "clip=${over:1,2}": "an expression is for the setting: 'clip.max_norm=${over:1,2}'",
    "fast": "cannot be read as key=value; did you mean experiment=fast?",
    "lengths": "did you mean sweep=lengths?",
    "100": "did you mean clip=100 or seq_len=100?",
    "model": "; model is one of antisymmetric, gru",
    "lr": "did you mean optim.lr=VALUE?",
    "nosuch": "cannot be read as key=value, as in seed=3",
    "optim.lr=\uff10\uff0e\uff11": "the digits are 0 to 9: optim.lr=0.1",
    "seq_len=١٢": "the digits are 0 to 9: seq_len=12",
    "model=\uff49\uff52\uff4e\uff4e": "the letters are a to z: model=irnn",
    "optim.lr=\u2026": "cannot be read as key=value; the value must be a number",
    "batch_size=\xbd": "cannot be read as key=value; the value must be a whole number",
    "batch-size=8": "no such setting; did you mean batch_size=8?",
    "clip=[]": "clip is one of 1, 10, 100, 1000, none or any number",
    "experiment=[]": "a group takes the name of one of its options",
    "experiment=[fast,nosuch]": "no such option",
    "init=true": "init is one of gaussian, identity",
    "optim={lr:0.1}": "a group takes the name of one of its options",
    "budget={updates:5}": "has settings of its own: budget.updates, budget.epochs, budget.seconds",
    "seed=" + "9" * 400: "must be a number at least 0 and below",
    "seed=" + "9" * 5000: "cannot be read as key=value",
    "optim.lr=${nosuch}": "Interpolation key 'nosuch' not found",
    "optim.lr=${over:1,0}": "division by zero",
    "seed=${seed}": "Recursive interpolation",
    "tracker.group=${oc.env:NOSUCH_VARIABLE}": "'NOSUCH_VARIABLE' not found",
    "seed=rang(3)": "Unknown function 'rang'",
    "seed=range(3": "; the value must be a whole number",
    "seed=3,": "; the value must be a whole number",
    "seed =3": "no white space before =; write seed=3",
    "tracker=none seed=3": "it is more than one setting; make each a word of its own",
    "optim.lr=a=b": "; the value must be a number",
    "foo=[": """text needs quotes: 'foo="["'""",
    "hydra.run.dir=x": "runs_dir=FOLDER moves it",
    "hydra.sweep.dir=x": "sweep.name=NAME",
    "hydra.job.chdir=true": "never leaves the folder",
    "hydra.output_subdir=x": "config.yaml",
    "hydra.verbose=true": "train.log",
    "hydra.mode=MULTIRUN": "asked for with -m",
    "hydra/job_logging=default": "train.log",
    "hydra.job.name=x": "irnn does not use this setting of Hydra",
    "hydra/launcher=slurm": "about a sweep, which needs -m",
    "hydra.sweeper.n_trials=3": "about a sweep, which needs -m",
    "runs_dir=r\udcff": "is no text in UTF-8",
}


@pytest.mark.parametrize("override", SENTENCES, ids=lambda word: ascii(word)[:40])
def test_one_sentence_names_what_was_typed_and_the_word_that_is_right(override: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        compose_config([override])
    (message,) = str(refusal.value).splitlines()
    start = override.encode(errors="backslashreplace").decode().replace("\r", "\\r")[:45]
    assert message.startswith(start)
    assert SENTENCES[override] in message
    message.encode()


def test_a_variable_with_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "dryrun")
    said = "must be one of offline, online, disabled"
    for words in ([], ["seed=1"]):
        with pytest.raises(ConfigError) as refusal:
            compose_config(words)
        assert str(refusal.value) == f"the variable WANDB_MODE=dryrun: {said} (for tracker.mode)"
    assert compose_config(["tracker.mode=disabled"]).tracker.mode.value == "disabled"


def test_a_variable_that_no_shell_expanded_is_told_by_its_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of a file of variables that nothing but a shell would expand."""
    monkeypatch.setenv("IRNN_RUNS", "${HOME}/runs")
    for words in ([], ["seed=1"]):
        with pytest.raises(ConfigError) as refusal:
            compose_config(words)
        assert str(refusal.value).startswith("runs_dir=${HOME}/runs: nothing replaces ${...} here")


def test_a_sweep_names_a_group_as_it_was_typed_too() -> None:
    with pytest.raises(ConfigError, match=r"^init_scale=0.5 \(with model=gru\): "):
        read_request(["model=gru", "init_scale=0.5", "seed=1,2"], Composer())


def test_a_decimal_comma_is_told_in_a_sweep_too() -> None:
    with pytest.raises(
        ConfigError, match=r"optim\.lr=0: .*; a decimal number has a point: optim.lr=0.001"
    ):
        read_request(["optim.lr=0,001", "seed=1,2"], Composer())


@pytest.mark.parametrize(
    ("overrides", "blamed"),
    [
        (["tracker=none", "tracker.mode=sideways"], "tracker.mode=sideways: "),
        (["seq_len=5", "init=true"], "init=true: "),
        (["task.seq_len=.5", "seq_len=150"], "task.seq_len=.5: "),
        (["seed=1", "init=identity", "model=lstm"], "init=identity (with model=lstm): "),
        (
            ["optim=sgd", "seed=2", "experiment=fast", "init=gaussian"],
            "experiment=fast init=gaussian: optim.integrator_lr_scale=",
        ),
        (
            ["optim=sgd", "optim.momentum=0.9", "stop.min_updates=9", "stop.test_mse=null"],
            "stop.min_updates=9 (with stop.test_mse=null): ",
        ),
        (["optim=rmsprop", "seq_len=7", "optim.lr=${task.nosuch}"], "optim.lr=${task.nosuch}: "),
    ],
    ids=str,
)
def test_the_innocent_are_not_blamed(overrides: list[str], blamed: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        compose_config(overrides)
    assert str(refusal.value).startswith(blamed)


def test_blame_is_found_by_leaving_out_and_never_by_making_another_fault() -> None:
    def attempt(words: list[str]) -> None:
        if "c" in words and "b" not in words:
            raise ConfigError("c needs b")
        if {"x", "y"} <= {*words}:
            raise ConfigError("x and y")

    guilty, error = to_blame(ConfigError("x and y"), ["b", "x", "a", "y", "c"], attempt)
    assert guilty == ["x", "y"]
    assert str(error) == "x and y"


@pytest.mark.parametrize("value", ["???", "[]", "[1]", "{a:1}", "[???]"])
def test_no_setting_takes_a_value_that_is_none(value: str) -> None:
    """Such values once meant the default of the dataclass, whatever the group said."""
    composer = Composer()
    for setting in known_settings().values():
        if str(setting.type).startswith("list") and value in ("[]", "[1]"):
            continue
        if str(setting.type).startswith("dict") and value == "{a:1}":
            continue
        with pytest.raises(ConfigError) as refusal:
            composer.compose([f"{setting.key}={value}"])
        group, _, name = setting.key.partition(".")
        chooses = group in GROUPS and name == "name"
        wanted = "(no such option|a group takes)" if chooses else "must (be|have a value)"
        assert re.match(rf"{re.escape(f'{setting.key}={value}')}: {wanted}", str(refusal.value))


@pytest.mark.parametrize(
    "words",
    [
        ["--config-name=nosuch"],
        ["--config-dir=nosuch"],
        ["--config-dir"],
        ["--config-path=/d"],
        ["--seed=3"],
        ["--nosuch"],
        ["--cfg", "nosuch"],
        ["--cfg", "job", "optim.lrr=1"],
        ["--info", "all", "optim.lrr=1"],
        ["-m", "--info"],
        ["--resolve"],
        ["-m", "task.seq_len=.5", "seq_len=150"],
        ["-m", "hydra.sweeper.params=abc"],
        ["-m", "hydra.sweeper.params=[1]"],
        ["-m", "+hydra.sweeper.params.seed=[1,2]"],
        ["-m", "+hydra.sweeper.params.seed=1,2"],
        ["-m", "hydra.sweeper=abc"],
        ["-m", "hydra.launcher=abc"],
        ["-m", "hydra.sweeper.n_trials=5", "seed=1,2"],
        ["-m", "hydra/sweeper=nosuch"],
        ["-m", "hydra.run.dir=x"],
        ["-m", "hydra.sweep.dir=x"],
        ["-m", "seed=shuffle(range(10000000000))"],
        ["-m", "seed=range(10000000000)"],
        ["-m", "optim.lr=range(0.1,1e300,1e-300)"],
        ["-m", "seed=range(1,5,0)"],
        ["-m", "seed=abc", "seed=1"],
        ["-m", "model=range(3)"],
        ["hydra.searchpath=nosuch"],
        ["hydra.searchpath=[1]"],
        ["hydra.searchpath={}"],
        [os.fsdecode(b"runs_dir=r\xff")],
        ["\udcff"],
    ],
    ids=ascii,
)
def test_every_command_that_cannot_work_ends_with_2_and_a_sentence(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == REFUSED
    said = capsys.readouterr().err
    assert said.startswith("irnn-train: ")
    assert len(said) < 700
    assert not [*tmp_path.iterdir()]


def test_what_is_no_refusal_is_composed_as_before() -> None:
    config = plain(compose_config(["++seed=4", "tracker.group='a b'", "experiment=[fast]"]))
    assert (config["seed"], config["tracker"]["group"]) == (4, "a b")


def test_a_large_sweep_says_how_large_it_is_and_how_far_its_check_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(request, "_MANY", 3)
    monkeypatch.setattr("irnn.sweeps.progress_lines._LINE_SECONDS", 0.0)
    read_request(["seed=0,1,2"], Composer())
    said = capsys.readouterr().err
    assert "a sweep of 3 jobs; each is checked before the first starts" in said
    assert "2 of 3 jobs checked" in said
    monkeypatch.undo()
    read_request(["seed=0,1"], Composer())
    assert capsys.readouterr().err == ""


def test_a_sweep_beyond_the_limit_says_what_to_do() -> None:
    for axis in ("seed=range(100001)", "seed=shuffle(range(0,10000000000))"):
        with pytest.raises(ConfigError, match=r"one has at most 100,000\. Ask for fewer"):
            read_request([axis], Composer())
    with pytest.raises(ConfigError, match=r"a sweep of 250,000 jobs"):
        read_request(["seed=range(500)", "task.seq_len=range(2,502)"], Composer())
