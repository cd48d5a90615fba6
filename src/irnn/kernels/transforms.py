"""What PyTorch may be doing around a call that a kernel reading raw memory would not take part in.

A compiled kernel is given addresses. A transform that keeps its own values beside a tensor (a batch, a
tangent, a graph being recorded) does not see such a call, and would go on with a wrong number. Kernels
ask here first; the test that walks through all transforms is tests/kernels/test_transforms.py.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from irnn.kernels import reference

_ORDINARY = (Tensor, torch.nn.Parameter)


def in_the_way(device: str = "cpu") -> str:
    """Name what is going on in which raw memory of a device cannot take part; empty in ordinary eager mode.

    A handful of flags, 0.2 microseconds. PyTorch has no public question for most of them; it asks
    these itself in `torch.autograd.Function.apply` and `torch.library`.
    """
    if torch._C._are_functorch_transforms_active():
        return "a transform of torch.func"
    if forward_ad._current_level >= 0:
        return "forward-mode differentiation"
    if torch._C._get_tracing_state() is not None:
        return "torch.jit.trace"
    if torch.is_autocast_enabled(device):
        return "autocast"
    return ""


def instead(cell: str, device: str = "cpu") -> Callable[..., Any] | None:
    """Give the "recurrence", "lstm" or "gru" that takes part in what `in_the_way` names; None is PyTorch's.

    PyTorch's layer stays one operation, of any length, when it is traced, and knows what autocast wants.
    `vmap` has no rule for it, and so not for per-sample gradients and ensembles either.
    """
    if torch._C._get_tracing_state() is not None or torch.is_autocast_enabled(device):
        return None
    walk: Callable[..., Any] = getattr(reference, cell)
    return walk


def is_seen(*tensors: Tensor | None) -> bool:
    """Whether somebody follows the operations on these tensors: a dispatch mode, a subclass or a batch."""
    if torch._C._len_torch_dispatch_stack():
        return True
    for tensor in tensors:
        if tensor is not None and (
            type(tensor) not in _ORDINARY or not torch._C._has_storage(tensor)
        ):
            return True
    return False


def wanted(grads: Sequence[Tensor], needs: Sequence[bool]) -> Iterator[Tensor | None]:
    """Give a gradient where it is needed and None elsewhere, as autograd expects it."""
    return (grad if need else None for grad, need in zip(grads, needs, strict=True))


def gradients_of(
    run: Callable[..., tuple[Tensor, ...]],
    grads: Sequence[Tensor | None],
    tensors: Sequence[Tensor | None],
    needs: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    """Differentiate what `run` makes of `tensors` by the gradients of its results; None where none is needed.

    With gradients enabled (`create_graph=True`) the result can be differentiated again, however often.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views, so that what a caller holds is a place to differentiate at, whatever its history.
        places = [None if tensor is None else tensor.view_as(tensor) for tensor in tensors]
        for place, need in zip(places, needs, strict=True):
            if place is not None and need and not place.requires_grad:
                place.requires_grad_()
        given = [(o, g) for o, g in zip(run(*places), grads, strict=False) if g is not None]
        asked = [
            place for place, need in zip(places, needs, strict=True) if need and place is not None
        ]
        outputs, weights = zip(*given, strict=True)
        found = iter(
            torch.autograd.grad(outputs, asked, weights, create_graph=again, materialize_grads=True)
        )
    return tuple(next(found) if need else None for need in needs)
