"""The adding problem: two steps of a long sequence are marked; answer the sum of their values.

Hochreiter & Schmidhuber 1997; as set by Le, Jaitly & Hinton 2015 (arXiv 1504.00941), section 4.1. At each
of T steps the input is (value, mask), value ~ U[0, 1), mask 1 at two distinct steps and 0 elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from irnn.choices import Data, Marks
from irnn.config import Task
from irnn.kernels.threads import one_thread
from irnn.seeding import below, generator, random_words, stream_key, uniforms
from irnn.tasks import compiled

BASELINE_MSE = 1 / 6
"""What always answering 1 scores: the variance of a sum of two U[0, 1), 2/12."""

TRAIN, HELD_OUT, CALIBRATION = "train", "test", "calibration"
INPUT_SIZE = 2

_BLOCK_ELEMENTS = 1 << 18  # sequence steps made in one go: small enough for the cache
_KEEP_ELEMENTS = 1 << 26  # sequence steps held in memory for reuse: 256 MiB of float32


@dataclass(frozen=True)
class Sequences:
    """A set of sequences in compact form: values (N, T) float32, marks (N, 2) int64."""

    values: Tensor
    marks: Tensor

    def rows(self, index: Tensor | slice) -> "Sequences":
        """Select some of the sequences."""
        return Sequences(self.values[index], self.marks[index])

    def inputs(self, dtype: torch.dtype) -> Tensor:
        """Lay the sequences out for a network, time-major: (T, N, 2)."""
        count, steps = self.values.shape
        inputs = torch.zeros(steps, count, INPUT_SIZE, dtype=dtype, device=self.values.device)
        inputs[:, :, 0] = self.values.T
        inputs[:, :, 1].T.scatter_(1, self.marks, 1.0)
        return inputs

    def targets(self, dtype: torch.dtype) -> Tensor:
        """Sum the two marked values: (N,)."""
        return self.values.gather(1, self.marks).to(dtype).sum(dim=1)

    def batches(
        self, count: int, dtype: torch.dtype, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cut the sequences, or the chosen rows, into K batches: inputs (K, T, B, 2), targets (K, B)."""
        if (library := compiled.library_for(self.values)) is not None:
            return compiled.lay_out(library, self.values, self.marks, rows, count, dtype)
        if rows is not None:
            return self.rows(rows).batches(count, dtype)
        values = self.values.view(count, -1, self.values.shape[1])
        shape = (count, values.shape[2], values.shape[1], INPUT_SIZE)
        inputs = torch.zeros(shape, dtype=dtype, device=values.device)
        inputs[..., 0] = values.transpose(1, 2)
        inputs[..., 1].scatter_(1, self.marks.view(count, -1, 2).transpose(1, 2), 1.0)
        return inputs, self.targets(dtype).view(count, -1)


def sequences(task: Task, seed: int, stream: str, index: Tensor) -> Sequences:
    """Make the sequences at positions `index` (N,) of a stream; on the device of `index`.

    A sequence is a function of (task.seq_len, task.marks, seed, stream, position), nothing else.
    """
    steps, key = task.seq_len, stream_key(seed, stream)
    bounds = mark_bounds(task.marks, steps)
    if (library := compiled.library_for(index)) is not None:
        return Sequences(*compiled.draw(library, key, index, steps, bounds))
    words_each = (steps + 1) // 2 + 1
    offsets = torch.arange(words_each, device=index.device)
    words = random_words(key, index[:, None] * words_each + offsets)
    high, low = uniforms(words[:, :-1])
    values = torch.cat((high, low), dim=1)[:, :steps]
    return Sequences(values, _marks(bounds, words[:, -1]))


def mark_bounds(rule: Marks, steps: int) -> tuple[int, int, int, bool]:
    """Say where marks fall: first in [0, a), second in [b, b + c), and whether it skips the first."""
    half = steps // 2
    return {
        Marks.anywhere: (steps, 0, steps - 1, True),
        Marks.halves: (half, half, steps - half, False),
        Marks.first_ten: (10, 0, half - 1, True),
    }[rule]


def _marks(bounds: tuple[int, int, int, bool], words: Tensor) -> Tensor:
    """Draw two distinct steps for each word: (N, 2)."""
    first_bound, second_start, second_bound, skip = bounds
    first = below(words, first_bound)
    second = second_start + below(words >> 32, second_bound)
    if skip:
        second += second >= first  # distinct, and still uniform over what is left
    return torch.stack((first, second), dim=1)


def _all_sequences(
    task: Task, seed: int, stream: str, count: int, device: torch.device
) -> Sequences:
    """Make sequences 0..count-1 of a stream, block by block; in one go where it needs no more memory."""
    everything = torch.arange(count, device=device)
    if compiled.library_for(everything) is not None:
        return sequences(task, seed, stream, everything)
    values = torch.empty(count, task.seq_len, device=device)
    marks = torch.empty(count, 2, dtype=torch.int64, device=device)
    rows = max(1, _BLOCK_ELEMENTS // task.seq_len)
    for start in range(0, count, rows):
        block = sequences(task, seed, stream, everything[start : start + rows])
        values[start : start + rows] = block.values
        marks[start : start + rows] = block.marks
    return Sequences(values, marks)


class AddingProblem:
    """Training batches and the held-out set of one run.

    The training data is one long stream of sequences. With `task.data=fresh` its k-th sequence is new for
    every k; with `fixed` it is a shuffled walk over `task.train_size` sequences, reshuffled every epoch.
    Batch n holds sequences n*B to (n+1)*B of that stream: neither the batch size of an earlier reader nor
    a restart can change what stands at a position. Sets of up to 256 MiB are kept in memory; larger ones
    are made again when they are needed. Data is made on the device, but for Apple GPUs on the CPU.
    """

    def __init__(
        self, task: Task, *, seed: int, batch_size: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.task, self.seed, self.batch_size = task, seed, batch_size
        self.device, self.dtype = torch.device("cpu") if device.type == "mps" else device, dtype
        self._target = device
        self._chunk_batches = max(1, _BLOCK_ELEMENTS // (batch_size * task.seq_len))
        self._chunk: tuple[int, list[tuple[Tensor, Tensor]]] | None = None
        self._order: tuple[int, Tensor] | None = None
        self._train = self._kept(TRAIN, task.train_size) if task.data is Data.fixed else None
        self._held_out = self._kept(HELD_OUT, task.test_size)

    def _kept(self, stream: str, count: int) -> Sequences | None:
        if count * self.task.seq_len > _KEEP_ELEMENTS:
            return None
        return _all_sequences(self.task, self.seed, stream, count, self.device)

    def batch(self, n: int) -> tuple[Tensor, Tensor]:
        """Give training batch n: inputs (T, B, 2) and targets (B,)."""
        number, place = divmod(n, self._chunk_batches)
        if self._chunk is None or self._chunk[0] != number:
            with one_thread():
                self._chunk = (number, self._make_chunk(number))
        return self._chunk[1][place]

    def _make_chunk(self, number: int) -> list[tuple[Tensor, Tensor]]:
        """Make several batches at once."""
        count, size = self._chunk_batches, self.batch_size
        first = number * count * size
        places = self._positions(first, count * size)
        if self._train is not None:
            inputs, targets = self._train.batches(count, self.dtype, rows=places)
        else:
            inputs, targets = sequences(self.task, self.seed, TRAIN, places).batches(
                count, self.dtype
            )
        inputs, targets = inputs.to(self._target), targets.to(self._target)
        return list(zip(inputs.unbind(), targets.unbind(), strict=True))

    def _positions(self, first: int, count: int) -> Tensor:
        """Say which sequences stand at places first..first+count-1 of the training stream: (count,)."""
        if self.task.data is Data.fresh:
            return torch.arange(first, first + count, device=self.device)
        pieces = []
        while count > 0:
            epoch, start = divmod(first, self.task.train_size)
            piece = self._epoch_order(epoch)[start : start + count]
            pieces.append(piece)
            first, count = first + len(piece), count - len(piece)
        return torch.cat(pieces)

    def _epoch_order(self, epoch: int) -> Tensor:
        if self._order is None or self._order[0] != epoch:
            shuffler = generator(self.seed, "shuffle", epoch)
            order = torch.randperm(self.task.train_size, generator=shuffler)
            self._order = (epoch, order.to(self.device))
        return self._order[1]

    def calibration(self, count: int, part: int) -> Tensor:
        """Give `count` inputs (T, N, 2) from a stream of their own, in which `part` counts the askings."""
        index = torch.arange(part * count, (part + 1) * count, device=self.device)
        block = sequences(self.task, self.seed, CALIBRATION, index)
        return block.inputs(self.dtype).to(self._target)

    def held_out(self, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Walk over the held-out set in blocks of at most `rows`: inputs (T, N, 2), targets (N,)."""
        for start in range(0, self.task.test_size, rows):
            index = torch.arange(start, min(start + rows, self.task.test_size), device=self.device)
            if self._held_out is not None:
                block = self._held_out.rows(index)
            else:
                block = sequences(self.task, self.seed, HELD_OUT, index)
            inputs, targets = block.batches(1, self.dtype)
            yield inputs[0].to(self._target), targets[0].to(self._target)
