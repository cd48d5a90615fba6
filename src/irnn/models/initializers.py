"""Starts of a recurrent layer: pure functions of (shape, generator, settings).

A layer computes h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh); gated layers stack one such block per
gate. Everything is drawn in float64 and rounded once, so float32 and float64 runs start alike.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor

from irnn.choices import InitName
from irnn.config import Init


@dataclass(frozen=True)
class Shape:
    """The sizes of one layer: F input features, H hidden units, G gates (1 in a simple RNN)."""

    inputs: int
    hidden: int
    gates: int = 1


@dataclass(frozen=True)
class Weights:
    """A layer's weights, float64: w_ih (GH, F), w_hh (GH, H), b_ih (GH,), b_hh (GH,)."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor


Start = Callable[[Shape, Generator | None], Weights]


def _normal(rows: int, columns: int, std: float, generator: Generator | None) -> Tensor:
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64) * std


def _uniform(*size: int, bound: float, generator: Generator | None) -> Tensor:
    return (torch.rand(*size, generator=generator, dtype=torch.float64) * 2 - 1) * bound


def _with_recurrent(
    shape: Shape, generator: Generator | None, w_hh: Tensor, input_std: float, bias_std: float
) -> Weights:
    """Complete a recurrent matrix with N(0, std) input weights and biases; b_hh is 0."""
    rows = shape.gates * shape.hidden
    w_ih = _normal(rows, shape.inputs, input_std, generator)
    b_ih = _normal(rows, 1, bias_std, generator)[:, 0]
    return Weights(w_ih, w_hh, b_ih, torch.zeros_like(b_ih))


def identity(
    shape: Shape,
    generator: Generator | None,
    *,
    gain: float = 1.0,
    input_std: float = 0.001,
    bias_std: float = 0.0,
) -> Weights:
    """Set gain x identity; input weights N(0, input_std), biases 0. Le, Jaitly & Hinton 2015, section 3.

    With ReLU units and gain 1, a positive state stays as it is until an input comes.
    """
    _only_ungated(shape, "identity")
    w_hh = gain * torch.eye(shape.hidden, dtype=torch.float64)
    return _with_recurrent(shape, generator, w_hh, input_std, bias_std)


def split_identity(
    shape: Shape,
    generator: Generator | None,
    *,
    gain: float = 1.0,
    input_std: float = 0.001,
    integrator_fraction: float = 0.2,
    detector_std: float = 0.5,
    coupling_std: float = 0.001,
    threshold_low: float = 0.5,
) -> Weights:
    """Identity on the units that integrate, none on those that detect.

    The first `integrator_fraction` of the units are integrators: gain x identity among themselves, input
    weights N(0, input_std), bias 0. The others are detectors without memory: input weights
    N(0, detector_std), and a bias of minus U(threshold_low, 1) times the largest input that a unit can
    get from features in [0, 1], so that it fires rarely. Detectors feed integrators by N(0, coupling_std).
    `irnn.models.calibration` replaces these thresholds by measured ones.

    The plain identity makes every unit an integrator and 0.01 x identity makes every unit a detector; a
    task that asks to notice something and then to remember it needs both.
    """
    _only_ungated(shape, "split_identity")
    if shape.hidden < 2:
        raise ValueError(f"split_identity needs at least 2 hidden units, not {shape.hidden}")
    integrators = _share(integrator_fraction, shape.hidden)
    detectors = shape.hidden - integrators
    w_hh = torch.zeros(shape.hidden, shape.hidden, dtype=torch.float64)
    w_hh[:integrators, :integrators] = gain * torch.eye(integrators, dtype=torch.float64)
    w_hh[:integrators, integrators:] = _normal(integrators, detectors, coupling_std, generator)
    w_ih = torch.cat(
        (
            _normal(integrators, shape.inputs, input_std, generator),
            _normal(detectors, shape.inputs, detector_std, generator),
        )
    )
    share = torch.rand(detectors, generator=generator, dtype=torch.float64)
    largest_input = w_ih[integrators:].clamp(min=0).sum(dim=1)
    b_ih = torch.zeros(shape.hidden, dtype=torch.float64)
    b_ih[integrators:] = -largest_input * (threshold_low + (1 - threshold_low) * share)
    return Weights(w_ih, w_hh, b_ih, torch.zeros_like(b_ih))


def gaussian(
    shape: Shape,
    generator: Generator | None,
    *,
    recurrent_std: float = 0.001,
    input_std: float = 0.001,
    bias_std: float = 0.0,
) -> Weights:
    """All weights N(0, std), biases 0: the baselines of Le, Jaitly & Hinton 2015, section 4."""
    w_hh = _normal(shape.gates * shape.hidden, shape.hidden, recurrent_std, generator)
    return _with_recurrent(shape, generator, w_hh, input_std, bias_std)


def orthogonal(
    shape: Shape, generator: Generator | None, *, input_std: float = 0.001, bias_std: float = 0.0
) -> Weights:
    """A random orthogonal recurrent matrix for every gate. Saxe, McClelland & Ganguli 2014, section 3."""
    blocks = [torch.empty(shape.hidden, shape.hidden, dtype=torch.float64)] * shape.gates
    w_hh = torch.cat(
        [torch.nn.init.orthogonal_(block.clone(), generator=generator) for block in blocks]
    )
    return _with_recurrent(shape, generator, w_hh, input_std, bias_std)


def pytorch(shape: Shape, generator: Generator | None) -> Weights:
    """Draw everything from U(-1/sqrt(H), 1/sqrt(H)), as torch.nn.RNN, LSTM and GRU do."""
    rows, bound = shape.gates * shape.hidden, 1 / math.sqrt(shape.hidden)
    return Weights(
        _uniform(rows, shape.inputs, bound=bound, generator=generator),
        _uniform(rows, shape.hidden, bound=bound, generator=generator),
        _uniform(rows, bound=bound, generator=generator),
        _uniform(rows, bound=bound, generator=generator),
    )


def integrators_of(init: Init, hidden: int) -> int:
    """Count the units that integrate; they are the first ones of a layer of `hidden` units."""
    if init.name is InitName.identity:
        return hidden
    if init.integrator_fraction is None:
        return 0
    return _share(init.integrator_fraction, hidden)


def _share(fraction: float, hidden: int) -> int:
    """Round a share of the units, leaving at least one on either side."""
    return min(max(round(fraction * hidden), 1), hidden - 1)


def _only_ungated(shape: Shape, name: str) -> None:
    if shape.gates != 1:
        raise ValueError(f"{name} starts a layer without gates, not one with {shape.gates}")


def start_from(init: Init) -> Start:
    """Make the start that a configuration asks for; `irnn.checks` has seen to it that it is complete."""
    functions: dict[InitName, Callable[..., Weights]] = {
        InitName.identity: identity,
        InitName.split_identity: split_identity,
        InitName.gaussian: gaussian,
        InitName.orthogonal: orthogonal,
        InitName.pytorch: pytorch,
    }
    given = {
        name: value
        for name, value in vars(init).items()
        if value is not None and not name.startswith(("name", "readout", "firings"))
    }
    return partial(functions[init.name], **given)
