"""What follows a gradient, in one compiled call: norm, check, clipping and the optimizer's rule.

`irnn.optimizers` says the same in PyTorch and is what this is held to. On the 10 000 parameters
of a usual network a dozen PyTorch calls cost several times the arithmetic.
"""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from irnn.kernels.compiled import Compiled, default
from irnn.kernels.loading import Step
from irnn.kernels.native import applies


class Descent:
    """Change parameters (N,) by a gradient (N,), unless it or the loss is not finite.

    Args:
        parameters: float32 or float64 on the CPU, contiguous, as the two that follow; all of them stay
            where they are in memory.
        gradient: what every call reads; a call for which its norm overflows scales it in place.
        max_norm: a longer gradient is scaled down to this length; infinity for none.
        rule: "sgd", "adam" or "rmsprop".
        state: the rule's running averages (N,), None for one that it does not use; see cpp/optimizers.hpp.
        numbers: the other settings, by their names in `irnn.kernels.loading.Step`.
        kernel: replaces the default variant.

    Raises:
        ValueError: a tensor is not as said above.
    """

    def __init__(
        self,
        parameters: Tensor,
        gradient: Tensor,
        max_norm: float,
        *,
        rule: str,
        state: Sequence[Tensor | None],
        kernel: Compiled | None = None,
        **numbers: float,
    ) -> None:
        self._kernel, self._dtype = kernel or default(), parameters.dtype
        self._shape = parameters.shape
        self._kept = (parameters, gradient, *state)  # or their memory would be given away
        self._last: tuple[Tensor, Tensor] | None = None
        for tensor in self._kept:
            if tensor is not None:
                self._check(tensor, self._shape)
        self._step = Step(
            count=parameters.numel(),
            rule=self._kernel.rule(rule),
            parameters=parameters.data_ptr(),
            gradient=gradient.data_ptr(),
            max_norm=max_norm,
            **numbers,
        )
        for place, tensor in enumerate(state):
            self._step.state[place] = None if tensor is None else tensor.data_ptr()

    def __call__(
        self, loss: Tensor, rates: Tensor, number: int = 1, *, rate_factor: float = 1.0
    ) -> Step:
        """Make step `number`, counted from 1; its `loss_value`, `norm`, `clipped`, `applied` say what it did.

        Args:
            loss: (), decides with the gradient whether the step is applied.
            rates: learning rate of each parameter, (N,).
            number: which step this is, for Adam.
            rate_factor: factor on all rates.

        Raises:
            ValueError: `loss` or `rates` is of another dtype, device or size.
        """
        step = self._step
        if self._last is None or self._last[0] is not loss or self._last[1] is not rates:
            self._check(loss, torch.Size())
            self._check(rates, self._shape)
            step.loss, step.rates, self._last = loss.data_ptr(), rates.data_ptr(), (loss, rates)
        step.rate_factor = rate_factor
        step.mean_correction = 1 - step.beta1**number
        step.square_correction = 1 - step.beta2**number
        self._kernel.step(ctypes.byref(step), self._dtype)
        return step

    def _check(self, tensor: Tensor, shape: torch.Size) -> None:
        good = tensor.dtype is self._dtype and tensor.shape == shape and tensor.is_contiguous()
        if not (good and applies(tensor.device, tensor.dtype)):
            raise ValueError(
                f"a tensor is {tensor.dtype} on {tensor.device} of shape {tuple(tensor.shape)}; "
                f"expected contiguous {self._dtype} on the CPU of shape {tuple(shape)}"
            )
