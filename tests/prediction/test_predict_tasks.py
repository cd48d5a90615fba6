"""What predictions show of tasks whose answers are classes."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from irnn.predict import main
from irnn.prediction.trained import load_run
from irnn.runs.directory import RunDirectory
from irnn.seeding import stream_key
from irnn.spec.config import Config
from irnn.training.session import run

Small = Callable[..., Config]


@pytest.fixture
def trained(small: Small) -> Callable[[str], Path]:
    """Train a little on a task; give the run's folder."""

    def folder(task: str) -> Path:
        config = small(f"task={task}", "task.seq_len=12", "budget.updates=10")
        run(config)
        return RunDirectory.of(config).path

    return folder


def test_an_order_is_shown_with_its_symbols_class_and_probability(
    trained: Any, tmp_path: Path, capsys: Any
) -> None:
    folder, out = trained("temporal_order"), tmp_path / "answers.csv"
    capsys.readouterr()
    assert main([str(folder), "--samples", "30", "--output", str(out)]) == 0
    shown = capsys.readouterr().out
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 30
    for row in rows:
        assert re.sub(r"[^AB]", "", row["symbols"]) == row["target"]
        assert 0.25 <= float(row["probability"]) <= 1
    right = sum(row["target"] == row["predicted"] for row in rows)
    assert f"30 sequences: accuracy {right / 30:.6f} (guessing scores 0.2500)" in shown
    assert "and 10 more" in shown


def test_answers_are_those_of_the_network(trained: Any, tmp_path: Path) -> None:
    folder, out = trained("temporal_order"), tmp_path / "answers.csv"
    assert main([str(folder), "--output", str(out)]) == 0
    config, model = load_run(folder)
    task = config.task
    inputs, _ = task.encode(
        task.draw(stream_key(0, "predict"), torch.arange(10)), model.readout.weight.dtype
    )
    with torch.no_grad():
        classes = model(inputs).argmax(dim=1).tolist()
    predicted = [row["predicted"] for row in csv.DictReader(out.read_text().splitlines())]
    assert predicted == [task.spell([each]) for each in classes]


def test_copied_symbols_are_shown_and_counted(trained: Any, tmp_path: Path, capsys: Any) -> None:
    folder, out = trained("copy_memory"), tmp_path / "answers.csv"
    capsys.readouterr()
    assert main([str(folder), "--samples", "3", "--output", str(out)]) == 0
    assert "(guessing the ten symbols scores 0.6498)" in capsys.readouterr().out
    for row in csv.DictReader(out.read_text().splitlines()):
        assert re.fullmatch("[0-7]{10}", row["target"])
        assert re.fullmatch("[0-7.]{10}", row["predicted"])
        same = sum(a == b for a, b in zip(row["target"], row["predicted"], strict=True))
        assert int(row["right"]) == same


def test_longer_sequences_are_held_against_those_of_training(trained: Any, capsys: Any) -> None:
    folder = trained("temporal_order")
    assert main([str(folder), "--seq-len", "24"]) == 0
    assert (
        "10 of them are longer than the 12 steps of training, up to 24 or 2 times: accuracy"
        in capsys.readouterr().out
    )


def test_longer_sequences_stand_beside_the_trivial_answer_of_their_own_length(
    trained: Any, capsys: Any
) -> None:
    folder = trained("copy_memory")
    assert main([str(folder), "--seq-len", "24"]) == 0
    assert "(guessing the ten symbols scores 0.4726)" in capsys.readouterr().out
