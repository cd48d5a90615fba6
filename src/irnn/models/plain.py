"""Whether a layer is exactly what its class says, so that a faster way computes the same.

A fast path knows the formula of a class, not what somebody made of one of its objects. The ways in which
PyTorch lets a module differ from its class are few; all of them show here.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def is_plain(layer: nn.Module, *classes: type[nn.Module]) -> bool:
    """Say whether a layer is of one of these classes, not of a subclass, and nothing about it was changed.

    Seen are: overridden methods (in a subclass or on the object), hooks on the layer or its parameters,
    parametrizations, weight norm, pruning, parameters that are frozen or computed, further parameters,
    buffers and layers within it, and `Module.compile`.
    """
    if type(layer) not in classes or has_hooks(layer) or layer._compiled_call_impl is not None:
        return False
    # A buffer or a layer inside takes part in nothing that the class says, unless there is more to it.
    if layer._buffers or layer._modules:
        return False
    if any(callable(getattr(type(layer), name, None)) for name in vars(layer)):
        return False
    expected = getattr(layer, "_flat_weights_names", None) or ("weight", "bias")
    return set(layer._parameters) == set(expected) and all(
        parameter is None or is_ordinary(parameter) for parameter in layer._parameters.values()
    )


def is_ordinary(parameter: torch.Tensor) -> bool:
    """Say whether a parameter is trained, by its gradient as backward computes it."""
    changed: Any = parameter
    return (
        type(parameter) is nn.Parameter
        and parameter.requires_grad
        and not changed._backward_hooks
        and not changed._post_accumulate_grad_hooks
    )


def has_hooks(*layers: nn.Module) -> bool:
    """Say whether calling one of these layers runs hooks, their own or those of every module."""
    everywhere: bool = torch_module._has_any_global_hook()  # type: ignore[no-untyped-call]
    return everywhere or any(getattr(layer, name) for layer in layers for name in _HOOKS)
