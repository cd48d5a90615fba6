"""What a file of sequences may hold for a task, and what its answers are, without a network."""

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from irnn.models.heads import EVERY, Regression
from irnn.prediction.answers import Sequences, answered, columns, written_columns
from irnn.prediction.errors import InputError
from irnn.prediction.sequence_files import SequenceFileError, read_sequences
from irnn.prediction.shown import screen_lines
from irnn.tasks.base import Task
from irnn.tasks.copy_memory import CopyMemory
from irnn.tasks.input_file import InputFile
from irnn.tasks.metric import squared_error
from irnn.tasks.pixels import Pixels
from irnn.tasks.temporal_order import TemporalOrder


class Numbers(Task):
    """A task of a user's own that says nothing of files."""

    name: ClassVar[str] = "numbers"
    input_size = 3
    metric: Any = squared_error(1, "answering 0")
    head: Any = Regression()
    draw: Any = None
    encode: Any = None


def steps_of(task: Task, path: Path) -> Any:
    return [each.tolist() for each in read_sequences(path, task.input_file)[1]]


def test_a_task_of_ones_own_has_a_column_for_each_feature(tmp_path: Path) -> None:
    for name, text in (
        ("x.csv", "sequence,step,x1,X2,x3\na,1,4,5,6e-1\na,0,-1,2,3\n"),
        ("y.csv", "sequence;x3;x2;x1\na;3,0;2;-1\na;0,6;5;4\n"),
    ):
        (tmp_path / name).write_text(text)
        assert steps_of(Numbers(), tmp_path / name) == [[[-1, 2, 3], [4, 5, 0.6]]]
    np.save(tmp_path / "x.npy", [[[-1, 2, 3], [4, 5, 0.6]]])
    assert steps_of(Numbers(), tmp_path / "x.npy") == [[[-1, 2, 3], [4, 5, 0.6]]]


class Weather(Numbers):
    input_file = InputFile(("Wind", "Rain", "Sun"))


def test_features_that_a_task_names_are_columns_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("Sequence;RAIN;wind;Sun\na;1,5;2;3\n")
    assert steps_of(Weather(), tmp_path / "x.csv") == [[[2, 1.5, 3]]]
    (tmp_path / "x.csv").write_text("sequence,Rain,Sun\na,1,2\n")
    with pytest.raises(
        SequenceFileError, match="no column Wind; the header must name sequence, Wind"
    ):
        steps_of(Weather(), tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("task", "array", "message"),
    [
        (Numbers(), np.ones((2, 4, 2)), "shape (2, 4, 2) and type float64; it must be (N, T, 3) numbers"),
        (Numbers(), np.full((2, 4, 3), np.nan), "row 0, step 0, column 0 (x1): nan is not finite"),
        (Numbers(), np.full((2, 4, 3), 1e39), "row 0, step 0, column 0 (x1): 1e+39 is too large"),
        (Numbers(), np.ones((0, 4, 3)), "holds no sequence"),
        (Numbers(), np.ones((2, 0, 3)), "its sequences have no steps"),
        (TemporalOrder(), np.full((1, 4, 6), 0.5), "row 0, step 0, column 0 (A): 0.5 is neither 0 nor 1"),
        (TemporalOrder(), np.ones((1, 4, 6)), "row 0, step 0: 6 features are 1; a step has one"),
        (CopyMemory(), np.ones((1, 4, 9)), "it must be (N, T, 10) one 1 a step, for its symbol"),
        (Pixels(seq_len=9), np.ones((1, 8)), "sequence 0: has 8 steps; each has to have 9 of"),
        (Pixels(seq_len=9), np.full((1, 9), 256), "column 0 (pixel): 256.0 is not between 0 and 255"),
    ],
)  # fmt: skip
def test_an_array_that_is_not_the_tasks_is_refused(
    tmp_path: Path, task: Task, array: Any, message: str
) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(SequenceFileError, match=re.escape(message)):
        steps_of(task, tmp_path / "x.npy")


class NumbersAtEveryStep(Numbers):
    head: Any = Regression(EVERY)


def given_for(task: Task, names: str, steps: int, outputs: Any) -> Any:
    some = Sequences(range(len(names)), names, torch.zeros(steps, len(names), 3))
    return answered(task, some, torch.tensor(outputs), rows=True)


def test_numbers_are_answered_once_or_for_each_step() -> None:
    once, each = Numbers(), NumbersAtEveryStep()
    [row] = given_for(once, "a", 4, [0.5]).written_rows(0)
    assert row == {"sequence": "a", "steps": 4, "predicted": 0.5}
    assert written_columns(once, known=False) == ("sequence", "steps", "predicted")
    answers = given_for(each, "ab", 2, [[0.5, 1.0], [0.25, 2.0]])
    rows = [*answers.written_rows(1)]
    assert [[*row.values()] for row in rows] == [["b", 2, 0, 1.0], ["b", 2, 1, 2.0]]
    assert rows[0].keys() == {*written_columns(each, known=False)}
    lines = [*screen_lines(each, [answers.row(0), answers.row(1)], 2, known=False)]
    assert lines[0].split() == [*columns(each, known=False)]
    assert lines[2].split() == ["b", "2", "2.0000"]


def test_what_has_no_answer_is_refused_by_the_name_of_its_sequence() -> None:
    with pytest.raises(InputError, match=r"sequence b of 4 steps: the network overflows"):
        given_for(Numbers(), "ab", 4, [0.5, torch.nan])
    with pytest.raises(InputError, match=r"sequence b of 4 steps: the network overflows"):
        given_for(NumbersAtEveryStep(), "ab", 4, [[0.5, 1.0]] * 3 + [[0.5, torch.nan]])
