"""Configurations: what is refused, what a setting may be called, and what they are without a word."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from irnn.spec.composition import compose_config
from irnn.spec.config import Config, ConfigError, total_updates
from irnn.spec.groups import conf_dir
from irnn.spec.help import text
from irnn.spec.known import known_settings
from irnn.spec.options import plain
from irnn.spec.registry import classes
from irnn.spec.rewriting import rewritten
from irnn.spec.saved import load_config

Small = Callable[..., Config]
RELIED_ON = [
    "seed",
    "runs_dir",
    "force",
    "task.seq_len",
    "task.marks",
    "task.data",
    "task.train_size",
    "task.test_size",
    "model.hidden_size",
    "init.gain",
    "optim.name",
    "optim.lr",
    "optim.recurrent_lr_scale",
    "clip.max_norm",
    "batch_size",
    "budget.updates",
    "budget.epochs",
    "budget.seconds",
    "stop.test_mse",
    "evaluate.every",
    "checkpoint.every",
    "divergence.policy",
    "runtime.device",
    "runtime.threads",
    "runtime.kernel",
    "tracker.mode",
]
REFUSED = {
    "typo=1": "no such setting",
    "+typo=1": "no such setting",
    "optim.lrr=1": "did you mean optim.lr",
    "+optim.typo=1": "settings there: optim.name, optim.lr",
    "optim=foo": "one of adam, adamw, rmsprop, sgd",
    "seq_len=abc": "or any number",
    "optim.lr=abc": "must be a number (learning rate)",
    "optim.lr=-0.1": "must be a number above 0",
    "optim.lr=0": "must be a number above 0",
    "optim.lr=nan": "must be a number above 0",
    "optim.lr=inf": "must be a number above 0",
    "optim.schedule=step": "must be one of cosine, linear",
    "optim.integrator_lr_scale=-1": "must be a number at least 0",
    "init.firings=0": "must be a number above 0",
    "stop.min_updates=0": "must be a number at least 1",
    "optim.weight_decay=inf": "must be a number at least 0",
    "clip=-1": "must be a number above 0",
    "clip=0": "must be a number above 0",
    "seq_len=1": "at least 2",
    "seq_len=1.5": "must be a whole number",
    "seq_len=null": "must have a value",
    "task.marks=everywhere": "must be one of anywhere, halves, first_ten",
    "batch_size=0": "at least 1",
    "seed=-1": "at least 0",
    "seed=abc": "must be a whole number",
    "runtime.threads=0": "at least 1",
    "force=maybe": "must be true or false",
    "init_scale=-1": "at least 0",
    "init_scale=null": "init=identity needs a value",
    "model.forget_bias=1": "model=irnn has no such option; model=lstm has it",
    "optim.momentum=0.9": "optim=adam has no such option; optim=sgd or optim=rmsprop has it",
    "seed=1,2": "needs -m",
    "foo": "cannot be read as key=value",
    "task=[1": "cannot be read as key=value",
    "experiment=null": "see --help",
    "~seed": "or give seed a value",
}


@pytest.mark.parametrize("override", REFUSED)
def test_what_cannot_work_is_refused_by_key_value_and_remedy(override: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        compose_config([override])
    message = str(refusal.value)
    key, _, value = override.lstrip("+").partition("=")
    assert REFUSED[override] in message
    assert key.split(".")[-1] in message or "clip.max_norm" in message or "init.gain" in message
    assert value in message
    assert len(message.splitlines()) <= 3


@pytest.mark.parametrize(
    ("overrides", "remedy"),
    [
        (["model=lstm", "init=identity"], "use init=pytorch"),
        (["init=pytorch", "init_scale=0.5"], "init=pytorch has no such option"),
        (["task.marks=first_ten", "seq_len=19"], "at least 20"),
        (["task.train_size=8", "batch_size=9"], "at most task.train_size"),
        (["optim=sgd", "optim.nesterov=true"], "optim.momentum above 0"),
        (["init=split_identity", "model.hidden_size=1"], "needs at least 2"),
        (["init=split_identity", "init.firings=null"], "init.threshold_low needs a value"),
        (["init=split_identity", "init.threshold_low=0.5"], "sets the thresholds already"),
        (["init=split_identity", "init.firings=150"], "must be below task.seq_len (150)"),
        (["init.firings=3"], "init=split_identity has it"),
        (["init=orthogonal", "optim.integrator_lr_scale=0.1"], "has no integrating units"),
        (["optim.schedule=cosine", "budget.updates=null"], "needs budget.updates or budget.epochs"),
        (["stop.min_updates=9", "stop.test_mse=null"], "needs stop.test_mse"),
        (["stop.min_updates=60001"], "at most the budget of 60,000 updates"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(overrides: list[str], remedy: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(remedy)):
        compose_config(overrides)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("seq_len=150", 150),
        ("seq_len=175", 175),
        ("task.seq_len=175", 175),
        ("clip=5", 5.0),
        ("clip=1e-3", 0.001),
        ("clip=none", None),
        ("clip=null", None),
        ("init_scale=0.98", 0.98),
        ("init_scale=1", 1.0),
        ("init_scale=0", 0.0),
        ("init_scale='0.5'", 0.5),
    ],
)
def test_any_number_works_in_place_of_an_option(override: str, value: float | None) -> None:
    config = compose_config([override])
    values = {"seq_len": config.task.seq_len, "clip": config.clip.max_norm}
    group = override.split("=")[0].removeprefix("task.")
    assert {**values, "init_scale": config.init.gain}[group] == value


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("seq_len=150,175", "task.seq_len=150,175"),
        ("clip=1,10,none", "clip.max_norm=1,10,null"),
        ("clip=none", "clip.max_norm=null"),
        ("seq_len=range(100,400,50)", "task.seq_len=range(100,400,50)"),
        ("init_scale=interval(0.9,1.1)", "init.gain=interval(0.9,1.1)"),
        ("clip=choice(1,'2',none)", "clip.max_norm=1,2,null"),
        ("seq_len=shuffle(range(10,30))", "task.seq_len=shuffle(range(10,30))"),
        ("clip=choice(1,mine)", "clip=choice(1,mine)"),
        ("clip=rang(1,2)", "clip=rang(1,2)"),
        ("optim.name=sgd,adam", "optim=sgd,adam"),
        ("++init.name=identity", "init=identity"),
        ("++seed=1,2", "seed=1,2"),
        ("++nosuch=1", "++nosuch=1"),
        ("clip=mine", "clip=mine"),
        ("optim.lr=1", "optim.lr=1"),
    ],
)
def test_a_setting_has_one_name_whichever_is_typed_in_sweeps_too(given: str, written: str) -> None:
    assert rewritten([given]) == [written]


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["clip=10", "clip=none"], "clip.max_norm", None),
        (["clip.max_norm=10", "clip=none"], "clip.max_norm", None),
        (["clip=none", "clip=10"], "clip.max_norm", 10.0),
        (["++clip.max_norm=10", "clip=5"], "clip.max_norm", 5.0),
        (["optim=sgd", "optim.name=adamw"], "optim.weight_decay", 0.01),
        (["model.name=lstm", "model=gru"], "model.name", "gru"),
        (["init=orthogonal", "init_scale=none"], "init.name", "orthogonal"),
    ],
)
def test_of_two_names_of_a_setting_the_later_word_counts(
    words: list[str], key: str, value: object
) -> None:
    section, _, name = key.partition(".")
    assert plain(compose_config(words))[section][name] == value


@pytest.mark.parametrize("name", classes("optim"))
def test_the_name_of_an_option_is_a_choice_of_it(name: str) -> None:
    assert compose_config([f"optim.name={name}"]) == compose_config([f"optim={name}"])


def test_a_number_on_the_command_line_beats_a_preset() -> None:
    config = compose_config(["experiment=paper_t150", "clip=5", "seq_len=60"])
    assert config.clip.max_norm == 5
    assert config.task.seq_len == 60


def test_every_setting_that_others_rely_on_exists() -> None:
    assert set(RELIED_ON) <= known_settings().keys()


def test_the_default_run_is_the_irnn_with_adam_and_the_settled_start() -> None:
    config = plain(compose_config([]))
    assert config["model"]["name"] == "irnn"
    assert config["model"]["hidden_size"] == 100
    assert config["init"]["name"] == "identity"
    assert config["init"]["gain"] == 1
    assert config["init"]["input_std"] == 0.03
    assert config["init"]["readout_bias"] == 1
    assert config["task"]["seq_len"] == 150
    assert config["task"]["train_size"] == 100_000
    assert config["task"]["test_size"] == 10_000
    assert config["batch_size"] == 16
    assert config["optim"]["name"] == "adam"
    assert config["clip"]["max_norm"] == 1
    assert config["tracker"]["mode"] == "offline"


def test_help_documents_every_group_option_and_setting() -> None:
    page = text()
    for option in conf_dir().glob("*/*.yaml"):
        assert re.search(rf"^    {re.escape(option.stem)} +\S", page, re.MULTILINE), option
    for key in known_settings():
        assert re.search(rf"^  {re.escape(key)} +\S", page, re.MULTILINE), key


def test_help_lists_the_ways_to_launch_and_to_sweep() -> None:
    for kind, options in (("launcher", "joblib local slurm"), ("sweeper", "grid optuna")):
        part = text().split(f"\n  hydra/{kind} ")[1].split("\n\n")[0]
        found = re.findall(r"^    (\w+) +\S", part, re.MULTILINE)
        assert found == options.split()


def test_a_saved_configuration_is_the_same_configuration(small: Small, tmp_path: Path) -> None:
    config = small("model=lstm", "clip=none", "optim=rmsprop")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(plain(config)))
    assert load_config(path) == config


def test_a_damaged_saved_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    for text_ in ("optim: {lr: fast}", "- 1", "surprise: 1", "{"):
        path.write_text(text_)
        with pytest.raises(ConfigError, match=r"config\.yaml"):
            load_config(path)


def test_the_smaller_budget_counts() -> None:
    def total(*overrides: str) -> int | None:
        return total_updates(compose_config(overrides))

    assert total("budget.updates=100", "budget.epochs=1") == 100
    assert total("budget.updates=null", "budget.epochs=0.5") == 3125
    assert total("budget.updates=null") is None
