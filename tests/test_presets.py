"""Presets and options: what each is for, and that each composes and trains."""

from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.spec.composition import compose_config
from irnn.spec.config import Config, ConfigError, total_updates
from irnn.spec.groups import conf_dir
from irnn.spec.help import GROUPS, described
from irnn.spec.options import plain
from irnn.training.session import run
from tests.tasks.idx_files import write_files

Small = Callable[..., Config]
OPTIONS = sorted(path for path in conf_dir().glob("*/*.yaml"))
PRESETS = [path.stem for path in (conf_dir() / "experiment").glob("*.yaml")]


@pytest.mark.parametrize(("length", "clip"), [(150, 100), (200, 1), (300, 10), (400, 1)])
def test_paper_presets_are_table_1(length: int, clip: float) -> None:
    config = compose_config([f"experiment=paper_t{length}"])
    assert plain(config)["optim"]["name"] == "sgd"
    assert config.optim.lr == 0.01
    assert config.optim.momentum == 0
    assert config.clip.max_norm == clip
    assert config.task.seq_len == length
    assert config.task.data.value == "fixed"
    assert config.init.gain == 1
    assert config.init.input_std == config.init.readout_std == 0.001
    assert config.init.readout_bias is None
    assert total_updates(config) == 440 * 6250


def test_irelu_demo_is_the_later_reproduction_at_any_length() -> None:
    config = compose_config(["experiment=irelu_demo", "seq_len=210"])
    assert config.init.name == "identity"
    assert config.init.gain == 0.01
    assert config.init.input_std == config.init.bias_std == 0.001
    assert config.init.readout_std is config.init.readout_bias is None
    assert (config.optim.name, config.optim.lr) == ("adam", 1e-4)
    assert config.clip.max_norm == 1
    assert config.task.data.value == "fresh"
    assert config.task.seq_len == 210


@pytest.mark.parametrize("preset", ["fast", "long"])
@pytest.mark.parametrize("length", [150, 10_000])
def test_the_quick_presets_follow_the_sequence_length(preset: str, length: int) -> None:
    config = compose_config([f"experiment={preset}", f"seq_len={length}"])
    assert config.optim.integrator_lr_scale == pytest.approx(1 / length)
    assert config.init.firings == 3
    assert (config.optim.lr, config.budget.updates) == (0.003, 500)
    given = compose_config([f"experiment={preset}", "optim.integrator_lr_scale=0.5"])
    assert given.optim.integrator_lr_scale == 0.5


@pytest.mark.usefixtures("quick_runs")
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains(
    small: Small, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "pixels" in preset:  # twelve of them, as SMALL says
        monkeypatch.setenv("IRNN_DATA", str(write_files(tmp_path / "data", 96, 64, rows=3)))
    config = small(
        f"experiment={preset}", "budget.epochs=null", "evaluate.every=10", "divergence.factor=1e9"
    )
    assert run(config)["steps"] == 40


@pytest.mark.parametrize("option", OPTIONS, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_every_option_composes_and_is_described(
    option: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRNN_DATA", "anywhere")
    group = option.parent.name
    assert described(option)
    assert group in GROUPS
    word = f"{group}={option.stem}"
    if word == "task=pixels" or ("pixels" in option.stem and group in ("experiment", "sweep")):
        with pytest.raises(ConfigError, match="anywhere is not a folder"):  # of the user's files
            compose_config([word])
    elif word != "init_scale=none":  # for starts that have no gain
        compose_config([word])
