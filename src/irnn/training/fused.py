"""Stretches by the CUDA kernels: a plain ReLU or tanh layer with a squared error of the last state."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from irnn.kernels.cuda.layout import Numbers
from irnn.kernels.cuda.pack import Machine, Pack, evaluate, numbers
from irnn.kernels.cuda.plan import Plan
from irnn.kernels.update import Update
from irnn.tasks.data import Batch
from irnn.training import stretch
from irnn.training.step import Updater

GRAPHS = (64, 8, 1)  # updates of each


class FusedStretch:
    """A `Stretch`: a pack of one run whose parameters are the updater's.

    Args:
        updater: of a network that `Updater.cuda_plan` has a plan for.
        machine: runs the kernels of this plan.
        plan: of the kernels.
    """

    kernel = "cuda"
    within = stretch.ANSWERS_WITHIN

    def __init__(self, updater: Updater, machine: Machine, plan: Plan) -> None:
        self._updater, self._machine, self._plan = updater, machine, plan
        self._pack: Pack | None = None
        self._repeat: Callable[[int], None]

    def slots_for(self, inputs: Tensor) -> int:
        """See `Stretch`."""
        return stretch.slots_for(inputs)

    def __call__(self, pieces: Sequence[Batch], rates: Sequence[float]) -> list[Update]:
        """See `Stretch`."""
        optimizer, count = self._updater.optimizer, len(rates)
        pack = self._pack or self._make(pieces[0][0][0])
        bring(pack, 0, pieces, rates)
        pack.begin([optimizer.count])
        self._repeat(count)
        return self._take_in(pack.outcomes(0, count))

    def _take_in(self, made: list[Update]) -> list[Update]:
        """Count what a stretch did, and give it."""
        self._updater.optimizer.count += len(made) - (not made[-1].applied)
        self._updater.flat.publish()
        return made

    def squares(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """See `Stretch`."""
        targets = targets.contiguous()
        errors = torch.empty_like(targets)
        own = self._updater.flat.vector[None]
        evaluate(self._plan, self._machine, own, inputs[None], targets[None], errors)
        return errors.double().square().sum()

    def _make(self, inputs: Tensor) -> Pack:
        updater, device = self._updater, inputs.device
        steps, batch, _ = inputs.shape
        slots = self.slots_for(inputs)
        pack = Pack(
            self._plan, self._machine, runs=1, steps=steps, batch=batch, slots=slots, device=device
        )
        own, state = described(updater)
        pack.adopt(updater.flat.vector, updater.flat.gradient, updater.optimizer.scale, state)
        pack.set_numbers([own])
        pack.begin([0], halted=True)  # what is tried out before it is captured changes nothing
        self._repeat = stretch.repeated(pack.update, device, GRAPHS)
        self._pack = pack
        return pack


def bring(pack: Pack, run: int, pieces: Sequence[Batch], rates: Sequence[float]) -> None:
    """Put the batches and learning rates of a stretch into the first slots of a run."""
    stretch.bring(pieces, pack.inputs[:, run], pack.targets[:, run])
    pack.rates[: len(rates), run] = torch.tensor(rates, dtype=torch.float32)


def described(updater: Updater) -> tuple[Numbers, Sequence[Tensor | None]]:
    """Give the numbers of an updater's optimizer as the kernels read them, and its running averages."""
    settings = updater.optimizer.compiled()
    assert settings is not None  # `Updater.cuda_plan` asks
    state = settings.pop("state")
    amsgrad = settings["rule"] == "adam" and state[2] is not None
    return numbers(max_norm=updater.max_norm, amsgrad=amsgrad, **settings), state
