"""Time: how one layer is computed, forward and backward: of simple units, of an LSTM or of a GRU.

`reference` is the definition of correct; `native`, of the CPU, and `cuda` are compiled, and held to it
in value and in every gradient. Another way is PyTorch's own layer, which is not a kernel of ours:
`choose` then returns None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from irnn.kernels.descent import Descent
    from irnn.kernels.loss import Loss

NAMES = ("auto", "native", "torch", "reference")


@dataclass(frozen=True)
class Kernel:
    """A way to compute one layer; see `reference.recurrence`, `lstm` and `gru` for the contracts.

    A kernel that has no `lstm` or `gru` leaves these cells to PyTorch.

    `loss`, where there is one, makes a training step's loss and gradients in one call for a
    single layer with a linear read-out, see `loss.Loss`; and `descent` all that follows,
    see `descent.Descent`. `refuses` says in one line why the kernel cannot take part in what PyTorch is
    doing around this very call, see `transforms`; a kernel made of PyTorch's operations has none.
    """

    name: str
    recurrence: Callable[..., torch.Tensor]
    loss: type[Loss] | None = None
    descent: type[Descent] | None = None
    refuses: Callable[[], str] | None = None
    lstm: Callable[..., tuple[torch.Tensor, torch.Tensor]] | None = None
    gru: Callable[..., torch.Tensor] | None = None

    def computes(self, gates: int) -> bool:
        """Whether it computes a layer whose units have so many gates: 1, of a GRU 3, of an LSTM 4."""
        return {1: self.recurrence, 3: self.gru, 4: self.lstm}.get(gates) is not None


def instruction_set(kernel: str, device: torch.device) -> str | None:
    """Name the processor's instructions that a kernel computes with, such as "avx512"; None off the CPU.

    They decide in which order numbers are summed, and so the last bits of every result.
    """
    if device.type != "cpu":
        return None
    if kernel == "native":
        from irnn.kernels import compiled

        return compiled.default().variant
    import torch

    return torch.backends.cpu.get_cpu_capability().lower()


def compiler(kernel: str, device: torch.device) -> str | None:
    """Name what compiled the native kernel, such as "GCC 12.2.0"; None where another one computes.

    As the instruction set, it decides the last bits of every result.
    """
    if kernel != "native" or device.type != "cpu":
        return None
    from irnn.kernels.loading import Library, load

    library = load()
    return library.compiler if isinstance(library, Library) else None


def choose(
    name: str, *, device: torch.device | str, dtype: torch.dtype, hidden: int = 0
) -> Kernel | None:
    """Return the kernel of that name, or None where PyTorch's own forward is to be used.

    "auto" is the native kernel wherever it computes (float32 and float64 on the CPU, compiled at
    install), on a CUDA device the kernel "cuda" (float32), and PyTorch elsewhere.

    Args:
        name: one of `NAMES`.
        device: where the layer's tensors are.
        dtype: of these.
        hidden: units of the layer, of which the kernel "cuda" takes up to 256.

    Raises:
        ValueError: no such name; "native" where it cannot compute; or IRNN_NATIVE_ISA names an
            instruction set that this processor does not have.
    """
    if name not in NAMES:
        raise ValueError(f"runtime.kernel is {name!r}; expected one of {', '.join(NAMES)}")
    if name == "torch":
        return None
    if name == "reference":
        from irnn.kernels import reference

        return Kernel("reference", reference.recurrence, lstm=reference.lstm, gru=reference.gru)

    from irnn.kernels import native

    problem = native.why_unavailable()
    if not problem and not native.applies(device, dtype):
        problem = f"it computes float32 and float64 on the CPU, and this run asks for {dtype} on "
        problem += str(device)
    if not problem:
        from irnn.kernels import compiled, gated
        from irnn.kernels.descent import Descent
        from irnn.kernels.loss import Loss

        compiled.default()  # refuses an instruction set that IRNN_NATIVE_ISA asks for in vain
        fused = Loss, Descent, native.refuses
        return Kernel("native", native.recurrence, *fused, lstm=gated.lstm, gru=gated.gru)
    if name == "auto":
        return _on_gpu(device, dtype, hidden)
    raise ValueError(f"runtime.kernel is 'native', but {problem}; or use 'auto' or 'torch'")


def _on_gpu(device: torch.device | str, dtype: torch.dtype, hidden: int) -> Kernel | None:
    import torch

    from irnn.kernels.cuda import plan

    fits = torch.device(device).type == "cuda" and plan.fits_layer(hidden, dtype is torch.float32)
    if not fits or plan.why_unavailable():
        return None
    from irnn.kernels.cuda import layer

    return Kernel("cuda", layer.recurrence, refuses=layer.refuses)
