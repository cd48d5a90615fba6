"""The compiled generator makes the same bits as the one in PyTorch, which defines the data."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from irnn.seeding import stream_key
from irnn.spec.choices import Data
from irnn.tasks import compiled
from irnn.tasks import data as data_module
from irnn.tasks.adding import Adding, Marks
from irnn.tasks.base import select
from irnn.tasks.data import TaskData

pytestmark = pytest.mark.skipif(
    compiled.library_for(torch.empty(0)) is None, reason="the compiled library was not built"
)
POSITIONS = torch.cat([torch.arange(300), torch.tensor([2**31, 2**40, 2**52, 7])])


@contextmanager
def without_the_library() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "library_for", lambda tensor: None)
        yield


@pytest.mark.parametrize("steps", [20, 21, 150, 1001])
@pytest.mark.parametrize("rule", Marks)
def test_sequences_are_the_same_to_the_bit(rule: Marks, steps: int) -> None:
    for seed in (0, 1, 12345):
        task, key = Adding(seq_len=steps, marks=rule), stream_key(seed, "train")
        fast = task.draw(key, POSITIONS)
        with without_the_library():
            plain = task.draw(key, POSITIONS)
        for one, other in zip(fast, plain, strict=True):
            assert torch.equal(one, other)
            assert one.dtype == other.dtype


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("batches", "size"), [(1, 1), (3, 16), (2, 33), (1, 150)])
def test_batches_are_the_same_to_the_bit(batches: int, size: int, dtype: torch.dtype) -> None:
    task = Adding(seq_len=37)
    made = task.draw(stream_key(0, "train"), torch.arange(batches * size))
    shuffled = torch.randperm(batches * size, generator=torch.Generator().manual_seed(0))
    repeated = torch.cat([shuffled, shuffled])[::2]  # not contiguous, and some rows twice
    for rows in (None, shuffled, repeated):
        fast = task.batches(made, batches, dtype, rows)
        with without_the_library():
            plain = task.batches(made, batches, dtype, rows)
        assert fast[0].shape == (batches, 37, size, 2)
        for one, other in zip(fast, plain, strict=True):
            assert torch.equal(one, other)
            assert one.dtype == other.dtype == dtype


def test_batches_lay_sequences_out_as_inputs_and_targets_say() -> None:
    task = Adding(seq_len=37)
    made = task.draw(stream_key(0, "train"), torch.arange(48))
    inputs, targets = task.batches(made, 3, torch.float64)
    for number in range(3):
        part = select(made, slice(16 * number, 16 * number + 16))
        for whole, expected in zip(
            (inputs, targets), task.encode(part, torch.float64), strict=True
        ):
            assert torch.equal(whole[number], expected)


@pytest.mark.parametrize("data", Data)
def test_a_run_sees_the_same_data_with_and_without_the_library(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everything() -> list[torch.Tensor]:
        task = replace(Adding(seq_len=25, train_size=40, test_size=30), data=data)
        cpu = torch.device("cpu")
        made = TaskData(task, seed=3, batch_size=8, device=cpu, dtype=torch.float32)
        pairs = [*(made.batch(n) for n in range(12)), *made.held_out(7)]
        return [tensor for pair in pairs for tensor in pair]

    fast = everything()
    monkeypatch.setattr(data_module, "_BLOCK_ELEMENTS", 7 * 25 * 2)  # PyTorch makes sets in blocks
    with without_the_library():
        plain = everything()
    assert len(fast) == len(plain) > 24
    assert all(torch.equal(one, other) for one, other in zip(fast, plain, strict=True))


def test_other_devices_are_left_to_pytorch() -> None:
    assert compiled.library_for(torch.empty(0, device="meta")) is None
