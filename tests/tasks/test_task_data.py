from dataclasses import replace

import pytest
import torch

from irnn.spec.choices import Data
from irnn.tasks import data as data_module
from irnn.tasks.adding import Adding
from irnn.tasks.data import TaskData

TASK = Adding(seq_len=25, train_size=40, test_size=30)


def problem(task: Adding = TASK, batch_size: int = 8, **changes: object) -> TaskData:
    task = replace(task, **changes)
    cpu = torch.device("cpu")
    return TaskData(task, seed=0, batch_size=batch_size, device=cpu, dtype=torch.float32)


@pytest.mark.parametrize("data", Data)
def test_the_training_stream_is_the_same_whatever_the_batch_size(data: Data) -> None:
    one, other = problem(data=data, batch_size=8), problem(data=data, batch_size=5)
    stream = torch.cat([one.batch(n)[0] for n in range(20)], dim=1)
    again = torch.cat([other.batch(n)[0] for n in range(32)], dim=1)
    assert torch.equal(stream, again)


@pytest.mark.parametrize("data", Data)
def test_a_batch_does_not_depend_on_what_was_read_before(data: Data) -> None:
    walked, jumped = problem(data=data), problem(data=data)
    for n in range(50):
        inputs, targets = walked.batch(n)
    assert torch.equal(inputs, jumped.batch(49)[0])
    assert torch.equal(targets, jumped.batch(49)[1])
    assert torch.equal(walked.batch(3)[0], jumped.batch(3)[0])


def test_chunks_of_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [problem().batch(n) for n in range(12)]
    monkeypatch.setattr(data_module, "_BLOCK_ELEMENTS", 3 * 8 * 25 * 2)
    for (inputs, targets), n in zip(before, range(12), strict=True):
        assert torch.equal(problem().batch(n)[0], inputs)
        assert torch.equal(problem().batch(n)[1], targets)


def test_sets_too_large_to_keep_are_made_again_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = problem()
    monkeypatch.setattr(data_module, "_KEEP_BYTES", 0)
    made = problem()
    for n in (0, 7, 31):
        assert torch.equal(kept.batch(n)[0], made.batch(n)[0])
    for one, other in zip(kept.held_out(7), made.held_out(7), strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def values_of(data: TaskData, batches: range) -> list[float]:
    """The first value of every sequence in some batches: enough to know it by."""
    return torch.cat([data.batch(n)[0][0, :, 0] for n in batches]).tolist()


def test_an_epoch_of_a_fixed_set_shows_every_sequence_once_in_a_new_order() -> None:
    data = problem()
    first, second = values_of(data, range(5)), values_of(data, range(5, 10))
    assert len(set(first)) == 40
    assert sorted(first) == sorted(second)
    assert first != second


def test_fresh_data_never_repeats() -> None:
    seen = values_of(problem(data=Data.fresh), range(500))
    assert len(set(seen)) > 3995  # of 4000: two sequences may begin alike, at 24 bits


def test_held_out_sequences_never_occur_in_training() -> None:
    held_out = torch.cat([inputs for inputs, _ in problem(test_size=500).held_out(100)], dim=1)
    data = problem(data=Data.fresh)
    training = torch.cat([data.batch(n)[0] for n in range(500)], dim=1)
    known = {tuple(row) for row in held_out[:, :, 0].T.tolist()}
    assert len(known) == 500
    assert not known & {tuple(row) for row in training[:, :, 0].T.tolist()}


def test_the_held_out_set_is_the_same_in_blocks_of_any_size() -> None:
    blocks = torch.cat([inputs for inputs, _ in problem().held_out(4)], dim=1)
    whole = torch.cat([inputs for inputs, _ in problem().held_out(1000)], dim=1)
    assert blocks.shape == (25, 30, 2)
    assert torch.equal(blocks, whole)


def test_precision_does_not_change_the_data() -> None:
    cpu = torch.device("cpu")
    double = TaskData(TASK, seed=0, batch_size=8, device=cpu, dtype=torch.float64)
    assert torch.equal(double.batch(2)[0], problem().batch(2)[0].double())


def test_long_sequences_are_never_all_in_memory() -> None:
    data = problem(Adding(seq_len=10_000, train_size=100_000, test_size=10_000), batch_size=16)
    inputs, _ = data.batch(0)
    assert inputs.shape == (10_000, 16, 2)
    assert (data._train, data._held_out) == (None, None)
