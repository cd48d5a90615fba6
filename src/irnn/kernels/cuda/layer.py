"""One layer over time on a GPU, forward and backward: what `irnn.kernels.compiled` is on the CPU.

Only what is recurrent is ours (`source/layer.cu`). The product of inputs with W_ih and, back, the gradients
of inputs and weights are products of large matrices, which PyTorch makes: any number of features will do.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import linear

from irnn.kernels import native
from irnn.kernels.arguments import Nonlinearity, check
from irnn.kernels.compiled import dense
from irnn.kernels.cuda.layout import LayerCall
from irnn.kernels.cuda.pack import Machine
from irnn.kernels.cuda.plan import LARGEST_H, Plan, choose_layer

_ROOM = 1 << 26  # bytes of products with inputs: longer sequences are walked in pieces

Machines = Callable[[Plan, torch.device], Machine]


def recurrence(
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    bias: Tensor | None,
    h0: Tensor | None,
    *,
    nonlinearity: Nonlinearity,
    last_only: bool,
) -> Tensor:
    """Run one layer over time; the arguments and the result are those of `reference.recurrence`.

    Differentiable as `native.recurrence` is, and an operator of PyTorch where that is.

    Raises:
        ValueError: as the reference does, and for other than float32 on CUDA and up to 256 units.
    """
    check(inputs, w_ih, w_hh, bias, h0, nonlinearity)
    if inputs.device.type != "cuda" or inputs.dtype != torch.float32 or len(w_hh) > LARGEST_H:
        raise ValueError(
            f"the CUDA kernel computes up to {LARGEST_H} units in float32 on CUDA devices, not "
            f"{len(w_hh)} in {inputs.dtype} on {inputs.device}; use another kernel"
        )
    if problem := refuses():
        raise ValueError(problem)
    return native.walk((inputs, w_ih, w_hh, bias, h0), nonlinearity, last_only, default)


def refuses() -> str:
    """Say in one line why the kernel cannot be called just now; empty where it can."""
    return native.refuses("cuda")


class CudaKernel:
    """The kernel, with the calls of `irnn.kernels.compiled.Compiled`.

    Args:
        machines: gives what runs the kernels of a plan; by default, the GPU that the tensors are on.
        poison: fill memory with NaN first, so that a test sees it being read.
        room: bytes of products with inputs that there may be at once.
    """

    def __init__(
        self, machines: Machines | None = None, *, poison: bool = False, room: int = _ROOM
    ) -> None:
        if machines is None:
            from irnn.kernels.cuda.gpu import machine

            machines = machine
        self._machines, self._poison, self._room = machines, poison, room

    def forward(
        self,
        inputs: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        bias: Tensor | None,
        h0: Tensor | None,
        tanh: bool,
        last_only: bool,
        keep: bool,
        zeroed: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Return (output, history); history is bytes for `backward`, all states; empty unless `keep`.

        All of it is written, so that `zeroed` makes no difference.
        """
        T, B, _ = inputs.shape
        H = len(w_hh)
        w_hh, h0 = dense(w_hh), None if h0 is None else dense(h0)
        output = self._new(inputs, (B, H) if last_only else (T, B, H))
        states = self._new(inputs, (T + 1 if keep else 0, B, H))
        call = LayerCall(batch=B, output_time=0 if last_only else B * H, w_hh=w_hh.data_ptr())
        start = h0
        pieces = max(1, self._room // (B * H * inputs.element_size()))
        for begin in range(0, T, pieces):
            drive = linear(inputs[begin : begin + pieces], w_ih, bias)
            call.steps, call.drive = len(drive), drive.data_ptr()
            call.start = None if start is None else start.data_ptr()
            call.output = output[0 if last_only else begin :].data_ptr()
            call.history = states[begin:].data_ptr() if keep else None
            self._launch("layer_forward", call, inputs, H, tanh)
            start = output if last_only else output[begin + len(drive) - 1]
        return output, states.view(-1).view(torch.uint8)

    def backward(
        self,
        grad_output: Tensor,
        history: Tensor,
        inputs: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        tanh: bool,
        last_only: bool,
        wants: tuple[bool, bool, bool],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the gradients of inputs, w_ih, w_hh, bias, h0.

        `wants` says whether those of inputs, bias and h0 are needed; the others come back empty.
        """
        T, B, F = inputs.shape
        H = len(w_hh)
        w_hh, slopes = dense(w_hh), dense(grad_output)
        states = history.view(inputs.dtype).view(T + 1, B, H)
        deltas = self._new(inputs, (T, B, H))
        start_slope = self._new(inputs, (B, H) if wants[2] else (0,))
        call = LayerCall(
            steps=T, batch=B, output_time=0 if last_only else B * H, w_hh=w_hh.data_ptr(),
            history=states.data_ptr(), slopes=slopes.data_ptr(), deltas=deltas.data_ptr(),
            start_slope=start_slope.data_ptr() if wants[2] else None,
        )  # fmt: skip
        self._launch("layer_backward", call, inputs, H, tanh)
        flat = deltas.view(-1, H)
        return (
            deltas @ w_ih if wants[0] else inputs.new_empty(0),
            flat.T @ inputs.reshape(-1, F),
            flat.T @ states[:-1].view(-1, H),
            flat.sum(0) if wants[1] else inputs.new_empty(0),
            start_slope,
        )

    def _new(self, like: Tensor, shape: tuple[int, ...]) -> Tensor:
        new = like.new_empty(shape)
        return new.fill_(torch.nan) if self._poison else new

    def _launch(self, name: str, call: LayerCall, like: Tensor, H: int, tanh: bool) -> None:
        machine = self._machines(choose_layer(H, tanh=tanh), like.device)
        sizes = machine.sizes
        machine.launch(name, (call.batch, 1, 1), sizes.threads, sizes.room_walk, call)


@cache
def default() -> CudaKernel:
    """Give the kernel on the GPU that tensors are on."""
    return CudaKernel()
