"""The field's tasks: their sequences, and trivial scores against a simulation."""

import math
from typing import Any

import pytest
import torch

from irnn.seeding import stream_key
from irnn.tasks.copy_memory import BLANK, DELIMITER, CopyMemory
from irnn.tasks.multiplication import Multiplication
from irnn.tasks.temporal_order import TemporalOrder

KEY = stream_key(0, "train")
MANY = torch.arange(20_000)


def temporal_order(seq_len: int = 50, symbols: int = 2) -> TemporalOrder:
    return TemporalOrder(seq_len=seq_len, symbols=symbols)


TASKS = [
    Multiplication(seq_len=21),
    CopyMemory(seq_len=5),
    temporal_order(),
    temporal_order(37, 3),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_a_sequence_is_a_function_of_its_position_alone(task: Any) -> None:
    together = task.draw(KEY, torch.arange(40))
    alone = [task.draw(KEY, torch.tensor([n])) for n in (39, 0, 7)]
    for n, one in zip((39, 0, 7), alone, strict=True):
        for whole, part in zip(together, one, strict=True):
            assert torch.equal(whole[n : n + 1], part)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_batches_are_what_encode_says(task: Any) -> None:
    drawn = task.draw(KEY, torch.arange(12))
    rows = torch.tensor([3, 11, 0, 5])
    inputs, targets = task.batches(drawn, 2, torch.float32, rows)
    expected = task.encode(tuple(part[rows] for part in drawn), torch.float32)
    assert inputs.shape == (2, task.steps, 2, task.input_size)
    assert torch.equal(torch.cat(list(inputs), dim=1), expected[0])
    assert torch.equal(targets.flatten(0, 1), expected[1])


def test_answering_a_quarter_scores_7_144ths_on_products() -> None:
    task = Multiplication(seq_len=10)
    _, targets = task.encode(task.draw(KEY, MANY), torch.float64)
    assert (targets - 0.25).square().mean().item() == pytest.approx(task.metric.baseline, rel=0.03)


def test_copy_memory_shows_ten_symbols_blanks_a_delimiter_and_blanks() -> None:
    task = CopyMemory(seq_len=7)
    inputs, targets = task.encode(task.draw(KEY, torch.arange(50)), torch.float32)
    shown = inputs.argmax(dim=2).T
    assert inputs.shape == (27, 50, 10)
    assert (inputs.sum(dim=2) == 1).all()
    assert (shown[:, :10] < 8).all()
    assert (shown[:, 10:16] == BLANK).all()
    assert (shown[:, 16] == DELIMITER).all()
    assert (shown[:, 17:] == BLANK).all()
    assert (targets[:, :17] == BLANK).all()
    assert torch.equal(targets[:, 17:], shown[:, :10])


def test_guessing_the_ten_symbols_scores_ten_ln_8_by_the_length() -> None:
    task = CopyMemory(seq_len=100)
    _, targets = task.encode(task.draw(KEY, torch.arange(500)), torch.float32)
    answers = torch.full((120, 500, 9), -30.0)
    answers[:110, :, BLANK] = 0.0
    answers[110:, :, :8] = 0.0
    loss, _, count = task.head.sums(answers, targets).tolist()
    assert loss / count == pytest.approx(10 * math.log(8) / 120, rel=1e-4)
    assert task.metric.baseline == pytest.approx(10 * math.log(8) / 120)


@pytest.mark.parametrize(("symbols", "tenths"), [(2, (1, 5)), (3, (1, 3, 6))])
def test_symbols_stand_in_their_tenths_and_name_the_class(symbols: int, tenths: Any) -> None:
    task = temporal_order(60, symbols)
    (drawn,) = task.draw(KEY, MANY)
    places = (drawn < 2).nonzero()[:, 1].view(len(MANY), symbols)
    for column, tenth in enumerate(tenths):
        assert places[:, column].unique().tolist() == list(range(6 * tenth, 6 * tenth + 6))
    _, targets = task.encode((drawn,), torch.float32)
    first = drawn.gather(1, places[:, :1]).squeeze(1).long()
    assert torch.equal(targets // 2 ** (symbols - 1), first)
    shares = torch.bincount(targets, minlength=2**symbols) / len(MANY)
    assert ((shares - 2.0**-symbols).abs() < 0.015).all()


def test_guessing_the_order_is_right_in_a_quarter_and_loses_ln_4() -> None:
    task = temporal_order()
    _, targets = task.encode(task.draw(KEY, MANY), torch.float32)
    loss, right, count = task.head.sums(torch.zeros(len(MANY), 4), targets).tolist()
    assert loss / count == pytest.approx(task.metric.loss_baseline)
    assert right / count == pytest.approx(task.metric.baseline, abs=0.02)
