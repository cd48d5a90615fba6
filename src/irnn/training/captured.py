"""Stretches by PyTorch: any network, its update captured in a CUDA graph.

All that `Updater` decides by looking at numbers is decided on the device here.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from irnn.kernels.update import Update
from irnn.tasks.data import Batch
from irnn.training import stretch
from irnn.training.optimizer import FlatOptimizer
from irnn.training.step import Updater

GRAPHS = (8, 1)  # updates of each


class CapturedStretch:
    """A `Stretch` by the operations of PyTorch; off CUDA they are made one by one."""

    kernel = ""
    within = stretch.ANSWERS_WITHIN
    squares = None

    def __init__(self, updater: Updater) -> None:
        self._updater = updater
        like = updater.flat.vector
        self._rates = like.new_zeros(0)
        self._position = torch.zeros(1, dtype=torch.int64, device=like.device)
        self._count = torch.zeros((), dtype=torch.float64, device=like.device)
        self._halted = torch.ones((), dtype=torch.bool, device=like.device)
        self._repeat: Callable[[int], None] | None = None
        self._inputs: Tensor
        self._targets: Tensor
        self._records: Tensor
        """(slots, 4): loss, gradient's norm, clipped, applied; zeros where no update was made."""

    def slots_for(self, inputs: Tensor) -> int:
        """See `Stretch`."""
        return stretch.slots_for(inputs)

    def __call__(self, pieces: Sequence[Batch], rates: Sequence[float]) -> list[Update]:
        """See `Stretch`."""
        optimizer, count = self._updater.optimizer, len(rates)
        if self._repeat is None:
            inputs, targets = pieces[0]
            self._make(inputs[0], targets[0])
        assert self._repeat is not None
        stretch.bring(pieces, self._inputs, self._targets)
        self._rates[:count] = torch.tensor(rates, dtype=self._rates.dtype)
        self._position.zero_()
        self._count.fill_(optimizer.count)
        self._halted.fill_(False)
        self._repeat(count)
        made = []
        for loss, norm, clipped, applied in self._records[:count].tolist():
            made.append(Update(loss, norm, bool(clipped), bool(applied)))
            if not applied:
                break
        optimizer.count += sum(update.applied for update in made)
        self._updater.flat.publish()
        return made

    def _make(self, inputs: Tensor, targets: Tensor) -> None:
        slots = self.slots_for(inputs)
        self._inputs = inputs.new_zeros(slots, *inputs.shape)
        self._targets = targets.new_zeros(slots, *targets.shape)
        self._rates = self._rates.new_zeros(slots)
        self._records = torch.zeros(slots, 4, dtype=torch.float64, device=inputs.device)
        self._repeat = stretch.repeated(self._update, inputs.device, GRAPHS)

    def _update(self) -> None:
        """Make the update of the slot at `position`, unless one before it was not applied."""
        slot = self._position
        inputs, targets = (
            tensor.index_select(0, slot)[0] for tensor in (self._inputs, self._targets)
        )
        loss = self._updater.backward(inputs, targets)
        with torch.no_grad():
            self._descend(loss)
            slot += 1
            slot.clamp_(max=len(self._inputs) - 1)

    def _descend(self, loss: Tensor) -> None:
        """Measure, clip, check and apply the gradient, as `Updater` does."""
        updater = self._updater
        gradient, limit = updater.flat.gradient, updater.max_norm
        norm, largest = gradient.norm(), gradient.abs().max()
        # Only the sum of squares overflowed, and the gradient will be clipped.
        rescued = loss.isfinite() & ~norm.isfinite() & largest.isfinite() & (limit < float("inf"))
        unit = torch.where(rescued, largest, torch.ones_like(largest))
        gradient.div_(unit)
        length = unit.double() * gradient.norm().double()
        length = torch.where(rescued, length, norm.double())
        applied = loss.isfinite() & length.isfinite()
        clipped = applied & (length > limit)
        scale = torch.where(clipped, limit / (length / unit), unit.double())
        gradient.mul_(scale.to(gradient.dtype))
        record = torch.stack((loss.double(), length, clipped.double(), applied.double()))
        self._records.index_copy_(0, self._position, record[None])
        going = applied & ~self._halted
        self._count += going
        rate = self._rates.index_select(0, self._position)
        assert isinstance(updater.optimizer, FlatOptimizer)  # `stretch.of` asks
        updater.optimizer.step_where(going, gradient, rate, self._count)
        updater.flat.publish()
        self._halted |= ~applied
