"""Learning rates: what each parameter's is of the common one, and how the common one falls."""

import math

import torch
from torch import Tensor

from irnn.models.network import Network
from irnn.optimizers.base import Optimizer
from irnn.spec.choices import Schedule


def trained(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """List the parameters that need a gradient, each once, in the order of `model.parameters()`."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def parameter_scales(model: Network, optim: Optimizer, integrators: int) -> Tensor:
    """Give the factor on the learning rate of every trained parameter, in the order of `trained`: (N,).

    `recurrent_lr_scale` is for the recurrent matrices. `integrator_lr_scale` is for what acts at every step
    of a sequence through the first `integrators` units of a layer: their input weights and biases, and the
    recurrent weights that read their states, which persist. Such an effect adds up over all T steps, so that
    a small change of one of these weights moves the last state T times as far as the same change of a weight
    whose input is silent but for a few steps. Adam moves all weights equally far; a scale of the order of
    1 / T makes these steps equal in what they do.
    """
    accumulated = 1.0 if optim.integrator_lr_scale is None else optim.integrator_lr_scale
    pieces = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        scale = torch.ones_like(parameter, requires_grad=False)
        if "weight_hh" in name:  # also where it is computed, of a `weight_hh_l0_v` for example
            scale *= optim.recurrent_lr_scale
            if accumulated != 1.0 and parameter.shape[-1:] != parameter.shape[:1]:
                raise ValueError(
                    f"optim.integrator_lr_scale={accumulated:g}: {name} of shape "
                    f"{tuple(parameter.shape)} has no columns that are units; use null"
                )
            scale[..., :integrators] *= accumulated
        elif name.startswith("recurrent.") and parameter.dim():
            scale[:integrators] *= accumulated
        pieces.append(scale.reshape(-1))
    return torch.cat(pieces)


def schedule_factor(schedule: Schedule, done: int, total: int) -> float:
    """Say what is left of the learning rate after `done` of `total` updates: from 1 to 0.

    Cosine: Loshchilov & Hutter 2017 (SGDR), section 3, without restarts.
    """
    share = min(done / total, 1.0)
    if schedule is Schedule.linear:
        return 1.0 - share
    return 0.5 * (1.0 + math.cos(math.pi * share))
