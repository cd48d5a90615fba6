"""A run never goes on from what is not what it wrote."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from irnn.runs import checkpoint
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import MetricsFile
from irnn.runs.schemas import DamagedError
from irnn.spec.composition import compose_config
from irnn.spec.config import Config
from irnn.training.session import run
from tests.conftest import SMALL
from tests.training.test_resume import interrupted_at


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A run that was interrupted after 30 of its 40 updates."""
    torch.set_num_threads(1)
    config = compose_config([*SMALL, f"runs_dir={tmp_path_factory.mktemp('damage')}/runs"])
    with pytest.MonkeyPatch.context() as patch:
        interrupted_at(config, 30, patch)
    return config


@pytest.fixture
def copied(interrupted: Config, tmp_path: Path) -> RunDirectory:
    source = RunDirectory.of(interrupted)
    shutil.copytree(source.path, tmp_path / "runs" / source.path.name)
    return RunDirectory(tmp_path / "runs" / source.path.name)


def go_on(directory: RunDirectory) -> dict[str, Any]:
    return run(compose_config([*SMALL, f"runs_dir={directory.path.parent}"]))


def test_a_run_that_was_not_touched_goes_on(copied: RunDirectory) -> None:
    assert go_on(copied)["steps"] == 40


def rewritten(directory: RunDirectory, change: Callable[[dict[str, Any]], None]) -> None:
    content = checkpoint.load(directory.last, torch.device("cpu"))
    change(content)
    checkpoint.save(directory.last, content)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step", "30"), ("step", None), ("step", 40.5), ("step", 10**30), ("step", -1), ("step", True),
        ("metrics_bytes", -1), ("metrics_bytes", "many"), ("metrics_digest", 5), ("solved_at", None),
        ("solved_at", {}), ("solved_at", {"0.1": 3}), ("solved", 1), ("gave_up", None), ("seconds", "long"),
        ("seconds", -1.0), ("seconds", float("nan")), ("evaluated_at", -2), ("restarts", 0.5),
        ("divergences", 5), ("divergences", [5]), ("reference", None), ("interval", {"updates": "x"}),
        ("lr_factor", None), ("best_value", "low"), ("of a newer version", 1),
    ],
    ids=repr,
)  # fmt: skip
def test_a_progress_that_cannot_be_is_refused(copied: RunDirectory, key: str, value: Any) -> None:
    rewritten(copied, lambda content: content["progress"].update({key: value}))
    with pytest.raises(DamagedError, match=r"last\.pt is damaged .*; force=true"):
        go_on(copied)


@pytest.mark.parametrize("key", ["run_id", "weights", "good", "progress"])
@pytest.mark.parametrize("value", [None, 5, {}, []], ids=repr)
def test_a_checkpoint_of_another_content_is_refused(
    copied: RunDirectory, key: str, value: Any
) -> None:
    rewritten(copied, lambda content: content.update({key: value}))
    with pytest.raises(DamagedError, match=r"last\.pt is damaged .*; force=true"):
        go_on(copied)


@pytest.mark.parametrize("kept", ["weights", "good"])
def test_weights_of_another_shape_are_not_spread_over_the_network(
    copied: RunDirectory, kept: str
) -> None:
    def shrink(content: dict[str, Any]) -> None:
        state = content[kept]["optimizer"]
        state["mean"] = state["mean"][:1].clone()

    rewritten(copied, shrink)
    with pytest.raises(DamagedError, match=rf"{kept}\.optimizer\.mean is \(1,\)"):
        go_on(copied)


def test_a_changed_byte_of_the_records_before_a_checkpoint_is_found(copied: RunDirectory) -> None:
    progress = checkpoint.load(copied.last, torch.device("cpu"))["progress"]
    before = progress["metrics_bytes"], progress["metrics_digest"]
    whole = copied.metrics.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 7
        copied.metrics.write_bytes(changed)
        with pytest.raises(DamagedError, match=r"metrics\.jsonl is damaged"):
            MetricsFile(copied.metrics).continue_at(*before)
    with pytest.raises(DamagedError, match=r"metrics\.jsonl is damaged"):
        go_on(copied)


def without_digest(content: dict[str, Any]) -> None:
    content["progress"]["metrics_digest"] = None


@pytest.mark.parametrize("change", [lambda content: None, without_digest], ids=["digest", "older"])
def test_records_whose_line_endings_were_changed_are_told_and_not_cut(
    copied: RunDirectory, change: Callable[[dict[str, Any]], None]
) -> None:
    rewritten(copied, change)
    whole = copied.metrics.read_bytes()
    changed = whole.replace(b"\n", b"\r\n")
    copied.metrics.write_bytes(changed)
    with pytest.raises(DamagedError, match=r"line endings were changed .*sed -i 's/\\r\$//'"):
        go_on(copied)
    assert copied.metrics.read_bytes() == changed
    copied.metrics.write_bytes(whole)
    assert go_on(copied)["steps"] == 40


@pytest.mark.parametrize("size", [1, 40])
def test_records_are_never_cut_within_one(copied: RunDirectory, size: int) -> None:
    def earlier(content: dict[str, Any]) -> None:
        without_digest(content)
        content["progress"]["metrics_bytes"] -= size

    rewritten(copied, earlier)
    whole = copied.metrics.read_bytes()
    with pytest.raises(DamagedError, match="elsewhere than after a record"):
        go_on(copied)
    assert copied.metrics.read_bytes() == whole


def test_a_checkpoint_that_is_older_than_digests_goes_on(copied: RunDirectory) -> None:
    content = checkpoint.load(copied.last, torch.device("cpu"))
    del content["progress"]["metrics_digest"]
    torch.save(content, copied.last)
    assert go_on(copied)["steps"] == 40
