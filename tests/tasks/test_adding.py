from dataclasses import replace

import pytest
import torch

from irnn.seeding import stream_key
from irnn.tasks.adding import Adding, Marks
from irnn.tasks.data import HELD_OUT, TRAIN

TASK = Adding(seq_len=25, train_size=40, test_size=30)
MANY = torch.arange(20_000)


def drawn(
    task: Adding, positions: torch.Tensor = MANY, stream: str = TRAIN, seed: int = 0
) -> tuple[torch.Tensor, ...]:
    return task.draw(stream_key(seed, stream), positions)


def test_mean_predictor_scores_one_sixth() -> None:
    _, targets = Adding().encode(drawn(Adding(), stream=HELD_OUT), torch.float64)
    baseline = Adding().metric.baseline
    assert (targets - 1).square().mean().item() == pytest.approx(baseline, rel=0.03)
    assert baseline == pytest.approx(1 / 6)


@pytest.mark.parametrize("rule", Marks)
def test_every_sequence_has_two_distinct_marks(rule: Marks) -> None:
    inputs, _ = TASK.encode(drawn(replace(TASK, marks=rule)), torch.float32)
    assert inputs.shape == (25, 20_000, 2)
    masks = inputs[:, :, 1]
    assert ((masks == 0) | (masks == 1)).all()
    assert (masks.sum(dim=0) == 2).all()


def test_the_target_is_the_sum_of_the_marked_values() -> None:
    inputs, targets = TASK.encode(drawn(TASK, torch.arange(100)), torch.float64)
    assert torch.allclose((inputs[..., 0] * inputs[..., 1]).sum(0), targets)


def test_marks_anywhere_fall_evenly_on_all_pairs_of_steps() -> None:
    marks = drawn(replace(TASK, seq_len=5))[1].sort(dim=1).values
    pairs, counts = marks.unique(dim=0, return_counts=True)
    assert len(pairs) == 10
    assert ((counts - 2000).abs() < 180).all()  # four standard deviations


def test_marks_in_halves_fall_once_in_each_half() -> None:
    marks = drawn(replace(TASK, marks=Marks.halves))[1]
    assert marks[:, 0].unique().tolist() == list(range(12))
    assert marks[:, 1].unique().tolist() == list(range(12, 25))


def test_marks_first_ten_fall_in_the_first_ten_and_the_first_half() -> None:
    task = replace(TASK, marks=Marks.first_ten, seq_len=60)
    marks = drawn(task)[1]
    assert marks[:, 0].unique().tolist() == list(range(10))
    assert marks[:, 1].unique().tolist() == list(range(30))


def test_another_seed_is_other_data() -> None:
    index = torch.arange(3)
    assert not torch.equal(drawn(TASK, index)[0], drawn(TASK, index, seed=1)[0])
