"""Training batches, held-out sets and calibration sequences of one run, whatever its task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from irnn.kernels.threads import one_thread
from irnn.seeding import generator, stream_key
from irnn.spec.choices import Data
from irnn.tasks.base import Task, select

if TYPE_CHECKING:
    from irnn.tasks.base import Drawn

Batch = tuple[Tensor, Tensor]

TRAIN, HELD_OUT, CALIBRATION = "train", "test", "calibration"
"""The random streams; what stands at a position of one never stands in another."""

_BLOCK_ELEMENTS = 1 << 19  # input features made in one go: small enough for the cache of a CPU
_BLOCK_ELEMENTS_GPU = 1 << 20  # where each operation costs a launch
_KEEP_BYTES = 1 << 28  # held in memory for reuse


class TaskData:
    """Training batches and the held-out set of one run.

    The training data is one long stream of sequences. With `task.data=fresh` its k-th sequence is new for
    every k; with `fixed` it is a shuffled walk over `task.train_size` sequences, reshuffled every epoch.
    Batch n holds sequences n*B to (n+1)*B of that stream: neither the batch size of an earlier reader nor
    a restart can change what stands at a position. Sets of up to 256 MiB are kept in memory; larger ones
    are made again when they are needed. Data is made on the device, but for Apple GPUs on the CPU.

    Args:
        task: what is learned.
        seed: of all streams.
        batch_size: B.
        device: where batches are wanted.
        dtype: of inputs and of targets that are numbers.
    """

    def __init__(
        self, task: Task, *, seed: int, batch_size: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.task = task
        self.seed, self.batch_size = seed, batch_size
        self.device, self.dtype = torch.device("cpu") if device.type == "mps" else device, dtype
        self._target = device
        elements = _BLOCK_ELEMENTS_GPU if self.device.type == "cuda" else _BLOCK_ELEMENTS
        self._block = max(1, elements // (task.steps * task.input_size))  # sequences
        self._chunk_batches = max(1, self._block // batch_size)
        self._chunk: tuple[int, Batch] | None = None
        self._each: tuple[int, list[Batch]] | None = None
        self._order: tuple[int, Tensor] | None = None
        fixed = task.data is Data.fixed
        self._train = self._kept(TRAIN, task.train_size) if fixed else None
        self._held_out = self._kept(HELD_OUT, task.test_size)

    def _kept(self, stream: str, count: int) -> Drawn | None:
        """Make sequences 0..count-1 of a stream, unless they are too many to hold in memory."""
        one = self._draw(stream, torch.zeros(1, dtype=torch.int64, device=self.device))
        if count * sum(part.nbytes for part in one) > _KEEP_BYTES:
            return None
        everything = torch.arange(count, device=self.device)
        if self.task.draws_in_place(everything):
            return self._draw(stream, everything)
        rows = self._block
        first = self._draw(stream, everything[:rows])
        kept = tuple(part.new_empty((count, *part.shape[1:])) for part in first)
        for start in range(0, count, rows):
            block = self._draw(stream, everything[start : start + rows]) if start else first
            for whole, part in zip(kept, block, strict=True):
                whole[start : start + rows] = part
        return kept

    def _draw(self, stream: str, positions: Tensor) -> Drawn:
        return self.task.draw(stream_key(self.seed, stream), positions)

    def batch(self, n: int) -> Batch:
        """Give training batch n: inputs (T, B, F) and targets (B, ...)."""
        number, place = divmod(n, self._chunk_batches)
        if self._each is None or self._each[0] != number:
            self._each = (number, list(zip(*self._whole_chunk(number), strict=True)))
        return self._each[1][place]

    def pieces(self, first: int, count: int) -> list[Batch]:
        """Give training batches first..first+count-1 in pieces: inputs (n, T, B, F), targets (n, B, ...)."""
        pieces = []
        while count > 0:
            number, place = divmod(first, self._chunk_batches)
            inputs, targets = self._whole_chunk(number)
            end = place + count
            pieces.append((inputs[place:end], targets[place:end]))
            made = len(pieces[-1][0])
            first, count = first + made, count - made
        return pieces

    def _whole_chunk(self, number: int) -> Batch:
        """Give the batches of a chunk one after the other: inputs (n, T, B, F), targets (n, B, ...)."""
        if self._chunk is None or self._chunk[0] != number:
            with one_thread():
                self._chunk = (number, self._make_chunk(number))
        return self._chunk[1]

    def _make_chunk(self, number: int) -> Batch:
        """Make several batches at once."""
        count, size = self._chunk_batches, self.batch_size
        places = self._positions(number * count * size, count * size)
        if self._train is not None:
            inputs, targets = self.task.batches(self._train, count, self.dtype, rows=places)
        else:
            inputs, targets = self.task.batches(self._draw(TRAIN, places), count, self.dtype)
        return inputs.to(self._target), targets.to(self._target)

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
        """Give `count` inputs (T, N, F) from a stream of their own, in which `part` counts the askings."""
        index = torch.arange(part * count, (part + 1) * count, device=self.device)
        inputs, _ = self.task.encode(self._draw(CALIBRATION, index), self.dtype)
        return inputs.to(self._target)

    def held_out(self, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Walk over the held-out set in blocks of at most `rows`: inputs (T, N, F), targets (N, ...)."""
        for start in range(0, self.task.test_size, rows):
            end = min(start + rows, self.task.test_size)
            if self._held_out is not None:
                block = select(self._held_out, slice(start, end))
            else:
                index = torch.arange(start, end, device=self.device)
                block = self._draw(HELD_OUT, index)
            inputs, targets = self.task.batches(block, 1, self.dtype)
            yield inputs[0].to(self._target), targets[0].to(self._target)
