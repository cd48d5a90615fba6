"""Stretches by the CUDA kernels: a plain ReLU or tanh layer with a squared error of the last state."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from irnn.kernels.cuda.layout import Numbers
from irnn.kernels.cuda.pack import Machine, Outcome, Pack, evaluate, numbers
from irnn.kernels.cuda.plan import Plan
from irnn.training import stretch
from irnn.training.step import Update, Updater
from irnn.training.stretch import Batch

GRAPHS = (64, 8, 1)  # updates of each


class FusedStretch:
    """A `Stretch`: a pack of one run whose parameters are the updater's.

    Args:
        updater: of a network that `Updater.cuda_plan` has a plan for.
        machine: runs the kernels of this plan.
        plan: of the kernels.
    """

    kernel = "cuda"

    def __init__(self, updater: Updater, machine: Machine, plan: Plan) -> None:
        self._updater, self._machine, self._plan = updater, machine, plan
        self._pack: Pack | None = None
        self._repeat: Callable[[int], None]

    def slots_for(self, inputs: Tensor) -> int:
        """See `Stretch`."""
        return stretch.slots_for(inputs)

    def __call__(self, batches: Sequence[Batch], rates: Sequence[float]) -> list[Update]:
        """See `Stretch`."""
        optimizer, count = self._updater.optimizer, len(batches)
        pack = self._pack or self._make(batches[0][0])
        bring(pack, 0, batches, rates)
        pack.begin([optimizer.count])
        self._repeat(count)
        return self._made([outcome for (outcome,) in pack.outcomes(count) if outcome is not None])

    def _made(self, outcomes: Sequence[Outcome]) -> list[Update]:
        """Take in what a stretch did."""
        self._updater.optimizer.count += sum(outcome.applied for outcome in outcomes)
        self._updater.flat.publish()
        return [Update(one.loss, one.grad_norm, one.clipped, one.applied) for one in outcomes]

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


def bring(pack: Pack, run: int, batches: Sequence[Batch], rates: Sequence[float]) -> None:
    """Put the batches and learning rates of a stretch into the first slots of a run."""
    count = len(batches)
    torch.stack([inputs for inputs, _ in batches], out=pack.inputs[:count, run])
    torch.stack([targets for _, targets in batches], out=pack.targets[:count, run])
    pack.rates[:count, run] = torch.tensor(rates, dtype=torch.float32)


def described(updater: Updater) -> tuple[Numbers, Sequence[Tensor | None]]:
    """Give the numbers of an updater's optimizer as the kernels read them, and its running averages."""
    settings = updater.optimizer.compiled()
    assert settings is not None  # `Updater.cuda_plan` asks
    state = settings.pop("state")
    amsgrad = settings["rule"] == "adam" and state[2] is not None
    return numbers(max_norm=updater.max_norm, amsgrad=amsgrad, **settings), state
