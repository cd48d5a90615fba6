"""Our initializations, one citation each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from irnn.models.initialization import (
    Initialization,
    LayerInitialization,
    Shape,
    Weights,
    normal,
    refuse_gates,
)
from irnn.spec.options import HUGE, option
from irnn.spec.registry import initialization

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from irnn.spec.config import Config

_SEQUENCES = 64
"""How many sequences are measured: enough that a firing every other sequence is still 32 in all."""
_THRESHOLD_LOW = 0.5  # until thresholds are measured


@initialization("identity")
class Identity(Initialization):
    """Set gain x identity; input weights N(0, input_std), biases 0. Le, Jaitly & Hinton 2015, section 3.

    With ReLU units and gain 1, a positive state stays as it is until an input comes.
    """

    needs_square = True

    gain: float = option(1.0, "factor on the identity", at_least=0, at_most=HUGE)

    def recurrent(self, shape: Shape, generator: Generator | None) -> Tensor:
        """Give gain x identity, (H, H)."""
        import torch

        return self.gain * torch.eye(shape.hidden, dtype=torch.float64)

    def integrators(self, hidden: int) -> int:
        """Count all."""
        return hidden


@initialization("split_identity")
class SplitIdentity(LayerInitialization):
    """Identity on the units that integrate, none on those that detect.

    The first `integrator_fraction` of the units are integrators: gain x identity among themselves, input
    weights N(0, input_std), bias 0. The others are detectors without memory: input weights
    N(0, detector_std), and a bias of minus U(threshold_low, 1) times the largest input that a unit can
    get from features in [0, 1], so that it fires rarely. Detectors feed integrators by N(0, coupling_std).
    With `firings`, `calibrate` replaces these thresholds by measured ones.

    The plain identity makes every unit an integrator and 0.01 x identity makes every unit a detector; a
    task that asks to notice something and then to remember it needs both.
    """

    needs_square = True

    gain: float = option(1.0, "factor on the identity", at_least=0, at_most=HUGE)
    input_std: float = option(0.001, "std of the input weights", at_least=0, at_most=HUGE)
    integrator_fraction: float = option(0.2, "share of units that integrate", above=0, below=1)
    detector_std: float = option(0.5, "std of the detectors' input weights", above=0, at_most=HUGE)
    coupling_std: float = option(
        0.001, "std of detector-to-integrator weights", at_least=0, at_most=HUGE
    )
    firings: float | None = option(
        None, "how often a detector fires in a sequence, which sets its threshold", above=0
    )
    threshold_low: float | None = option(
        None,
        "instead of firings: lowest threshold, as a share of a detector's largest input",
        at_least=0,
        below=1,
    )

    def refusal(self, config: Config) -> tuple[str, str] | None:
        """Refuse what leaves no unit of either kind, or says the thresholds twice or not at all."""
        steps, model = config.task.seq_len, config.model
        if model.gates == 1 and not model.has_kernel:
            return "model.name", "split_identity sets thresholds of ReLU units; use model=irnn"
        if config.model.hidden_size < 2:
            return "model.hidden_size", "split_identity needs at least 2"
        if self.firings is None and self.threshold_low is None:
            return "firings", "it or init.threshold_low needs a value"
        if self.firings is not None and self.threshold_low is not None:
            return "threshold_low", "init.firings sets the thresholds already"
        if self.firings is not None and self.firings >= steps:
            return "firings", f"must be below task.seq_len ({steps})"
        return None

    def weights(self, shape: Shape, generator: Generator | None) -> Weights:
        """Draw one layer's weights, (H, ...)."""
        import torch

        refuse_gates(shape, "split_identity")
        if shape.hidden < 2:
            raise ValueError(f"split_identity needs at least 2 hidden units, not {shape.hidden}")
        integrators = self.integrators(shape.hidden)
        detectors = shape.hidden - integrators
        w_hh = torch.zeros(shape.hidden, shape.hidden, dtype=torch.float64)
        w_hh[:integrators, :integrators] = self.gain * torch.eye(integrators, dtype=torch.float64)
        w_hh[:integrators, integrators:] = normal(
            integrators, detectors, self.coupling_std, generator
        )
        w_ih = torch.cat(
            (
                normal(integrators, shape.inputs, self.input_std, generator),
                normal(detectors, shape.inputs, self.detector_std, generator),
            )
        )
        share = torch.rand(detectors, generator=generator, dtype=torch.float64)
        largest_input = w_ih[integrators:].clamp(min=0).sum(dim=1)
        low = _THRESHOLD_LOW if self.threshold_low is None else self.threshold_low
        b_ih = torch.zeros(shape.hidden, dtype=torch.float64)
        b_ih[integrators:] = -largest_input * (low + (1 - low) * share)
        return Weights(w_ih, w_hh, b_ih, torch.zeros_like(b_ih))

    def integrators(self, hidden: int) -> int:
        """Round the share of the units, leaving at least one on either side."""
        return min(max(round(self.integrator_fraction * hidden), 1), hidden - 1)

    @property
    def calibration_sequences(self) -> int:
        """Look at 64, where thresholds are measured."""
        return 0 if self.firings is None else _SEQUENCES

    def calibrate(self, layer: Any, sequences: Tensor) -> None:
        """Set every detector's threshold so that it fires `firings` times in a sequence."""
        from irnn.models.calibration import set_thresholds

        assert self.firings is not None
        set_thresholds(layer, sequences, self.firings, self.integrators(layer.hidden_size))


@initialization("pytorch")
class PyTorch(LayerInitialization):
    """Draw everything from U(-1/sqrt(H), 1/sqrt(H)), as torch.nn.RNN, LSTM and GRU do."""

    def weights(self, shape: Shape, generator: Generator | None) -> Weights:
        """Draw one layer's weights."""
        import torch

        rows, bound = shape.gates * shape.hidden, 1 / math.sqrt(shape.hidden)

        def uniform(*size: int) -> Tensor:
            return (torch.rand(*size, generator=generator, dtype=torch.float64) * 2 - 1) * bound

        return Weights(
            uniform(rows, shape.inputs), uniform(rows, shape.hidden), uniform(rows), uniform(rows)
        )


@initialization("gaussian")
class Gaussian(Initialization):
    """All weights N(0, std), biases 0: the baselines of Le, Jaitly & Hinton 2015, section 4."""

    recurrent_std: float = option(0.001, "std of the recurrent weights", at_least=0, at_most=HUGE)

    def recurrent(self, shape: Shape, generator: Generator | None) -> Tensor:
        """Draw (GH, H)."""
        return normal(shape.gates * shape.hidden, shape.hidden, self.recurrent_std, generator)


@initialization("orthogonal")
class Orthogonal(Initialization):
    """A random orthogonal recurrent matrix for every gate. Saxe, McClelland & Ganguli 2014, section 3."""

    matrices_at_once = 6

    def recurrent(self, shape: Shape, generator: Generator | None) -> Tensor:
        """Draw an orthogonal matrix for each gate, (GH, H)."""
        import torch

        blocks = [torch.empty(shape.hidden, shape.hidden, dtype=torch.float64)] * shape.gates
        return torch.cat(
            [torch.nn.init.orthogonal_(block.clone(), generator=generator) for block in blocks]
        )


@initialization("rotation")
class Rotation(Initialization):
    """Turn each plane of two units by an angle of its own at every step. Henaff, Szlam & LeCun 2016.

    Angles are from U(0, pi), as Lezcano-Casado & Martinez-Rubio 2019 (arXiv 1901.08428) draw them after them
    (arXiv 1602.06662), or evenly spaced between 0 and pi: then no two planes turn nearly alike. While tanh
    units stay near zero nothing is lost, and what came k steps ago is turned k times, so that a linear
    read-out can tell when it came. An odd last unit keeps what it has.
    """

    evenly_spaced: bool | None = option(None, "angles evenly spaced between 0 and pi, not random")

    needs_square = True

    def recurrent(self, shape: Shape, generator: Generator | None) -> Tensor:
        """Choose the angles, and give the matrix (H, H)."""
        import torch

        planes = shape.hidden // 2
        if self.evenly_spaced:
            shares = (torch.arange(planes, dtype=torch.float64) + 0.5) / planes
        else:
            shares = torch.rand(planes, generator=generator, dtype=torch.float64)
        angles = math.pi * shares
        matrix = torch.eye(shape.hidden, dtype=torch.float64)
        first = torch.arange(0, 2 * planes, 2)
        matrix[first, first] = matrix[first + 1, first + 1] = angles.cos()
        matrix[first + 1, first] = angles.sin()
        matrix[first, first + 1] = -angles.sin()
        return matrix
