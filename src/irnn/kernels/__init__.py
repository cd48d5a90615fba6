"""Time: how one layer's recurrence is computed, forward and backward.

`reference` is the definition of correct; `native` is compiled, and held to it in value and in
every gradient. A third way is PyTorch's own `nn.RNN.forward`, which is not a kernel of ours:
`choose` then returns None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from irnn.kernels.descent import Descent
    from irnn.kernels.regression import Regression

NAMES = ("auto", "native", "torch", "reference")


@dataclass(frozen=True)
class Kernel:
    """A way to compute one layer's recurrence; see `reference.recurrence` for its contract.

    `regression`, where there is one, makes a training step's loss and gradients in one call for a
    single layer with a linear read-out, see `regression.Regression`; and `descent` all that follows,
    see `descent.Descent`. `refuses` says in one line why the kernel cannot take part in what PyTorch is
    doing around this very call, see `transforms`; a kernel made of PyTorch's operations has none.
    """

    name: str
    recurrence: Callable[..., torch.Tensor]
    regression: type[Regression] | None = None
    descent: type[Descent] | None = None
    refuses: Callable[[], str] | None = None


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


def choose(name: str, *, device: torch.device | str, dtype: torch.dtype) -> Kernel | None:
    """Return the kernel of that name, or None where PyTorch's own forward is to be used.

    "auto" is the native kernel wherever it computes (float32 and float64 on the CPU, compiled at
    install), and PyTorch elsewhere.

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

        return Kernel("reference", reference.recurrence)

    from irnn.kernels import native

    problem = native.why_unavailable()
    if not problem and not native.applies(device, dtype):
        problem = f"it computes float32 and float64 on the CPU, and this run asks for {dtype} on "
        problem += str(device)
    if not problem:
        from irnn.kernels import compiled
        from irnn.kernels.descent import Descent
        from irnn.kernels.regression import Regression

        compiled.default()  # refuses an instruction set that IRNN_NATIVE_ISA asks for in vain
        return Kernel("native", native.recurrence, Regression, Descent, native.refuses)
    if name == "auto":
        return None
    raise ValueError(f"runtime.kernel is 'native', but {problem}; or use 'auto' or 'torch'")
