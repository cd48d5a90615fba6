"""Many updates in one go, of which a GPU is told once and asked once.

An update of a small network takes a GPU a tenth of a millisecond; asking what it did takes as long. So the
updates up to the next evaluation or checkpoint are made together: what each did is kept on the device
and read at the end. After an update that is not applied nothing more is done, so that all else (what is
recorded, where a divergence is seen, what a checkpoint holds) is as if every update had been asked about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from irnn.models.network import DTYPES
from irnn.spec.config import Config
from irnn.tasks.data import Batch

if TYPE_CHECKING:
    from irnn.kernels.update import Update
    from irnn.training.step import Updater

ANSWERS_WITHIN = 0.2
"""Seconds that a stretch may take: only afterwards a signal or a budget of seconds is looked at."""
_FIRST = 16  # updates, before it is known what one takes
_ROOM = 1 << 26  # bytes of a stretch's inputs
_MOST = 512  # updates of a stretch


class Stretch(Protocol):
    """What makes several updates without being asked about any.

    Attributes:
        kernel: the name of what computes the recurrence, if it is not what the network itself uses.
        within: seconds that a stretch may take, after which signals and budgets are looked at.
    """

    kernel: str
    within: float

    @property
    def squares(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        """Give what sums squared errors of inputs (T, N, F) and targets (N,) faster than the network does.

        The sum () is in float64 and on their device; nothing waits for it. None where nothing is faster.
        """

    def __call__(self, pieces: Sequence[Batch], rates: Sequence[float]) -> list[Update]:
        """Learn from up to `slots_for` batches, until an update is not applied, which is the last given.

        Args:
            pieces: inputs (n, T, B, F) and targets (n, B, ...) of n batches, any number of them.
            rates: of learning, one for each batch.
        """

    def slots_for(self, inputs: Tensor) -> int:
        """Say for how many batches with inputs like these there is room."""


@dataclass
class Pace:
    """How many updates are made in one go; only when the outside is looked at depends on it, no number.

    Args:
        seconds_each: that an update took.
    """

    seconds_each: float | None = None

    def length(self, due: int, within: float, seconds_left: float | None) -> int:
        """Give a number of updates, at least 1 and at most `due`, that is done in good time."""
        if seconds_left is not None:
            within = max(0.0, min(within, seconds_left))
        if math.isinf(within):
            return max(1, due)
        if self.seconds_each is None:
            return max(1, min(due, _FIRST))
        return max(1, min(due, int(within / max(self.seconds_each, 1e-9))))

    def note(self, updates: int, seconds: float) -> None:
        """Take in what a stretch took."""
        self.seconds_each = seconds / updates


def batch_like(config: Config) -> Tensor:
    """Give inputs of a batch's shape (T, B, F) and dtype, without memory."""
    shape = (config.task.steps, config.batch_size, config.task.input_size)
    return torch.empty(shape, dtype=DTYPES[config.runtime.dtype], device="meta")


def slots_for(inputs: Tensor) -> int:
    """Say for how many updates with inputs of this size there is room in a stretch."""
    return max(1, min(_MOST, _ROOM // (inputs.numel() * inputs.element_size())))


Maker = Callable[["Updater"], "Stretch | None"]
"""Gives what makes an updater's updates in stretches; see `of`."""


def of(updater: Updater) -> Stretch | None:
    """Return what makes an updater's updates in stretches; None where each is made alone, as off CUDA."""
    device = updater.flat.vector.device
    if device.type != "cuda":
        return None
    from irnn.models.stepped import SteppedLayer
    from irnn.training.torch_optimizer import TorchOptimizer

    # What is captured may look at no number; a step or an optimizer of a user's own may.
    if isinstance(updater.model.recurrent, SteppedLayer) or isinstance(
        updater.optimizer, TorchOptimizer
    ):
        return None
    if (plan := updater.cuda_plan()) is None:
        from irnn.training.captured import CapturedStretch

        return CapturedStretch(updater)
    from irnn.kernels.cuda import gpu
    from irnn.training.fused import FusedStretch

    return FusedStretch(updater, gpu.machine(plan, device), plan)


def bring(pieces: Sequence[Batch], inputs: Tensor, targets: Tensor) -> None:
    """Copy pieces into the first slots of inputs (slots, T, B, F) and targets (slots, B, ...)."""
    place = 0
    for piece in pieces:
        end = place + len(piece[0])
        inputs[place:end], targets[place:end] = piece
        place = end


def repeated(
    update: Callable[[], None], device: torch.device, lengths: Sequence[int]
) -> Callable[[int], None]:
    """Return what makes an update n times: on a GPU by CUDA graphs of so many updates, the last being 1.

    `update` is called here, too, before it is captured: it must be told beforehand to change nothing.
    """
    if device.type != "cuda":

        def one_by_one(times: int) -> None:
            for _ in range(times):
                update()

        return one_by_one
    graphs = [(length, _captured(update, length)) for length in lengths]

    def replay(times: int) -> None:
        for length, graph in graphs:
            for _ in range(times // length):
                graph.replay()
            times %= length

    return replay


def _captured(update: Callable[[], None], times: int) -> torch.cuda.CUDAGraph:
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # makes what is made once, as libraries' working memory
        for _ in range(2):
            update()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        for _ in range(times):
            update()
    return graph
