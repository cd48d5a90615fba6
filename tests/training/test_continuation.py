"""A larger budget goes on from the smaller one's checkpoint, to the same numbers, or says why not."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.spec.config import Config
from irnn.training.session import run
from tests.command import checkpoint_weights, timeless
from tests.training.test_step import Small

LASTING = ("stop.test_mse=null", "task.test_size=16")


def ended(config: Config) -> tuple[Any, ...]:
    """All that a run ends with, but for its name, its end and its clock."""
    folder = RunDirectory.of(config).path
    best = torch.load(folder / "checkpoints" / "best.pt", weights_only=True)
    result = json.loads((folder / "result.json").read_text())
    for changing in ("run_id", "seconds", "steps_per_second", "config", "digest"):
        del result[changing]
    records = timeless(read_records(folder / "metrics.jsonl"))
    best_weights = {name: tensor.tolist() for name, tensor in best["model"].items()}
    return checkpoint_weights(folder), best["step"], best_weights, records, result


def elsewhere(small: Small, tmp_path: Path, *overrides: str) -> tuple[Any, ...]:
    """What the same run ends with where no shorter one is."""
    config = small(*overrides, f"runs_dir={tmp_path}/elsewhere")
    run(config)
    return ended(config)


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        (["budget.updates=20"], ["budget.updates=40"]),
        (["budget.updates=20"], ["budget.epochs=4", "budget.updates=null"]),
        (["budget.epochs=2.5"], ["budget.updates=40", "budget.seconds=1000"]),
        (["budget.updates=20", "checkpoint.every=3"], ["budget.updates=35"]),
        (["stop.test_mse=100", "stop.min_updates=20"], ["stop.test_mse=1e-9"]),
        (["stop.test_mse=1e-9", "budget.updates=20"], ["stop.test_mse=100", "stop.min_updates=20"]),
        (["optim=sgd", "optim.momentum=0.9", "budget.updates=20"], ["budget.updates=30"]),
        (["model=lstm", "init=pytorch", "budget.updates=20"], ["budget.updates=30"]),
    ],
    ids=lambda overrides: " ".join(overrides),
)
def test_a_longer_run_ends_bitwise_as_if_there_were_no_shorter_one(
    small: Small,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    shorter: list[str],
    longer: list[str],
) -> None:
    shared = [word for word in shorter if word.startswith(("model", "init", "optim"))]
    first = small(*LASTING, *shorter)
    run(first)
    before = {p: p.read_bytes() for p in RunDirectory.of(first).path.rglob("*") if p.is_file()}
    config = small(*LASTING, *shared, *longer)
    run(config)
    began = json.loads(RunDirectory.of(config).provenance.read_text())["continued_from"]
    assert began["run_id"] == RunDirectory.of(first).path.name
    assert f"from update {began['step']:,} of {began['run_id']}" in capsys.readouterr().out
    assert len(began["sessions"]) == 1
    assert ended(config) == elsewhere(small, tmp_path, *LASTING, *shared, *longer)
    assert before == {path: path.read_bytes() for path in before}


EXPLODING = ("optim=sgd", "optim.lr=50", "clip=none", "init=pytorch", *LASTING)


@pytest.mark.parametrize("policy", ["stop", "rollback", "restart"])
def test_divergences_are_taken_over_too(small: Small, tmp_path: Path, policy: str) -> None:
    explosive = (*EXPLODING, f"divergence.policy={policy}", "divergence.max_recoveries=30")
    run(small(*explosive, "budget.updates=20"))
    config = small(*explosive, "budget.updates=60")
    assert run(config)["divergences"]
    assert "continued_from" in json.loads(RunDirectory.of(config).provenance.read_text())
    assert ended(config) == elsewhere(small, tmp_path, *explosive, "budget.updates=60")


def test_the_longest_of_several_is_continued_and_told_of_with_all_before_it(small: Small) -> None:
    for updates in (10, 20, 30):
        config = small(*LASTING, f"budget.updates={updates}")
        run(config)
    told = json.loads(RunDirectory.of(config).provenance.read_text())["continued_from"]
    assert (told["step"], told["continued_from"]["step"]) == (20, 10)


@pytest.mark.parametrize(
    ("shorter", "longer", "reason"),
    [
        (["budget.updates=25"], ["budget.updates=40"], "it was evaluated at update 25"),
        (["optim.schedule=linear", "budget.updates=20"], ["optim.schedule=linear"], "falls over"),
        (["budget.updates=30"], ["stop.test_mse=100"], "was met at update 0"),
        (["runtime.kernel=torch", "budget.updates=20"], [], "made with kernel torch"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_where_it_is_not_right_by_construction_one_line_says_why(
    small: Small,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    shorter: list[str],
    longer: list[str],
    reason: str,
) -> None:
    run(small(*LASTING, *shorter))
    config = small(*LASTING, *longer)
    run(config)
    told = [line for line in capsys.readouterr().out.splitlines() if "not continued from" in line]
    assert len(told) == 1
    assert reason in told[0]
    assert ended(config) == elsewhere(small, tmp_path, *LASTING, *longer)


@pytest.mark.parametrize("damaged", ["checkpoints/last.pt", "checkpoints/best.pt", "metrics.jsonl"])
def test_a_damaged_shorter_run_is_named_and_left_alone(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str], damaged: str
) -> None:
    first = small(*LASTING, "budget.updates=20")
    run(first)
    (RunDirectory.of(first).path / damaged).write_bytes(b"[damaged")
    config = small(*LASTING)
    run(config)
    assert f"not continued from {RunDirectory.of(first).path.name}" in capsys.readouterr().out
    assert ended(config) == elsewhere(small, tmp_path, *LASTING)


@pytest.mark.parametrize(
    "longer",
    [["seed=1"], ["force=true"], ["evaluate.every=5"], ["divergence.factor=7"]],
    ids=" ".join,
)
def test_nothing_but_the_end_may_differ(
    small: Small, capsys: pytest.CaptureFixture[str], longer: list[str]
) -> None:
    run(small(*LASTING, "budget.updates=20"))
    config = small(*LASTING, *longer)
    run(config)
    assert "continued" not in capsys.readouterr().out
    assert "continued_from" not in json.loads(RunDirectory.of(config).provenance.read_text())


def test_a_smaller_budget_starts_without_a_word(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    run(small(*LASTING))
    run(small(*LASTING, "budget.updates=20"))
    assert "continued" not in capsys.readouterr().out


def test_a_kill_while_it_is_taken_over_loses_nothing(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from irnn.runs import checkpoint

    run(small(*LASTING, "budget.updates=20"))
    config = small(*LASTING)
    save = checkpoint.save

    def killed(path: Path, *content: Any) -> None:
        if path.name == "last.pt":
            raise KeyboardInterrupt
        save(path, *content)

    monkeypatch.setattr(checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        run(config)
    assert not RunDirectory.of(config).last.exists()
    assert RunDirectory.of(config).metrics.stat().st_size > 0
    monkeypatch.setattr(checkpoint, "save", save)
    run(config)
    assert ended(config) == elsewhere(small, tmp_path, *LASTING)


def test_records_of_its_own_are_not_replaced(small: Small) -> None:
    first, config = small(*LASTING, "budget.updates=20"), small(*LASTING)
    run(config)
    run(first)
    directory = RunDirectory.of(config)
    directory.result.unlink()
    shutil.rmtree(directory.last.parent)
    text = directory.metrics.read_text()
    with pytest.raises(ValueError, match="has records that it would"):
        run(config)
    assert directory.metrics.read_text() == text
