"""All parameters of a network as one vector, so that an update touches one tensor instead of many."""

from collections.abc import Iterable

import torch
from torch import Tensor


class FlatParameters:
    """The parameters and gradients of a network as vectors (N,).

    On the CPU each parameter and its gradient are views into the vectors. Elsewhere they keep their own
    memory, because cuDNN wants the weights of a recurrent layer laid out in its own way, and are copied
    from and to the vectors around each step.

    Args:
        parameters: of one dtype and device.
        shared: whether parameters are views; by default, on the CPU.
    """

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], shared: bool | None = None
    ) -> None:
        self._owned = list(parameters)
        kinds = {(each.dtype, each.device) for each in self._owned}
        if len(kinds) != 1:
            found = ", ".join(f"{dtype} on {device}" for dtype, device in kinds) or "none"
            raise ValueError(
                f"the parameters that need a gradient are {found}; expected some, of one dtype and device"
            )
        self._shared = self._owned[0].device.type == "cpu" if shared is None else shared
        self.vector = torch.cat([each.detach().reshape(-1) for each in self._owned])
        self.gradient = torch.zeros_like(self.vector)
        if self._shared:
            values, gradients = self.pieces(self.vector), self.pieces(self.gradient)
            self._views = list(zip(self._owned, values, gradients, strict=True))
            self._places = [value.data_ptr() for value in values]
            for each, value, gradient in self._views:
                each.data, each.grad = value, gradient

    def pieces(self, vector: Tensor) -> list[Tensor]:
        """Cut a vector (N,) into views of the parameters' shapes."""
        parts = torch.split(vector, [each.numel() for each in self._owned])
        return [part.view_as(each) for part, each in zip(parts, self._owned, strict=True)]

    def __len__(self) -> int:
        """Say how many parameters, not numbers, there are."""
        return len(self._owned)

    def keep_together(self) -> None:
        """See to it that parameters and gradients still are views: `zero_grad` drops gradients, for one.

        A parameter whose `data` somebody put elsewhere is brought back with the values that it has now.
        """
        if not self._shared:
            return
        for (each, value, gradient), place in zip(self._views, self._places, strict=True):
            if each.grad is not gradient:
                each.grad = gradient
            if each.data_ptr() != place:
                value.copy_(each.detach())
                each.data = value

    def forget_gradient(self) -> None:
        """Prepare for backward()."""
        if self._shared:
            self.gradient.zero_()
            return
        for each in self._owned:
            each.grad = None

    def gather_gradient(self) -> None:
        """Make `gradient` what backward() computed."""
        if not self._shared:
            parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._owned]
            torch.cat([part.reshape(-1) for part in parts], out=self.gradient)

    @torch.no_grad()
    def publish(self) -> None:
        """Make the network's parameters what `vector` is."""
        if not self._shared:
            for each, value in zip(self._owned, self.pieces(self.vector), strict=True):
                each.copy_(value)

    @torch.no_grad()
    def adopt(self) -> None:
        """Make `vector` what the network's parameters are, after somebody else changed them."""
        if not self._shared:
            torch.cat([each.reshape(-1) for each in self._owned], out=self.vector)
