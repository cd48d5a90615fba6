"""How a network's kernels are laid out on the GPU: what `source/shape.cuh` is compiled with."""

from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from irnn.models.heads import Regression
from irnn.spec.choices import Dtype, KernelName
from irnn.spec.config import Config

SOURCE = Path(__file__).parent / "source"
REGISTERS = 65536  # of a multiprocessor
LARGEST_H, LARGEST_F = 256, 32


@dataclass(frozen=True)
class Plan:
    """Sizes of a network and how its work is spread; `share` and `group` decide in which order it is summed.

    Attributes:
        H: units.
        F: input features; 0 for a layer whose inputs come multiplied already (`source/layer.cu`).
        tanh: the nonlinearity, else ReLU.
        bias: whether there are b_ih and b_hh.
        share: lanes that share the products of a group of units.
        units: units of such a group.
        group: sequences whose gradient is summed together.
        rows: sequences that a team of lanes walks together; a team holds all weights of the recurrence.
        teams: teams of a block.
        staged: whether weights reach registers through shared memory.
        blocks: blocks of the walk that a multiprocessor must hold at once; limits registers.
    """

    H: int
    F: int
    tanh: bool = False
    bias: bool = True
    share: int = 8
    units: int = 8
    group: int = 2
    rows: int = 1
    teams: int = 1
    staged: bool = True
    blocks: int = 1

    def defines(self) -> list[str]:
        """Give the compiler's options."""
        return [
            f"-DIRNN_{each.name.upper()}={int(getattr(self, each.name))}" for each in fields(self)
        ]

    @property
    def rows_of_block(self) -> int:
        """Sequences that a block walks together."""
        return self.rows * self.teams

    @property
    def source(self) -> str:
        """Name the file of `SOURCE` that has the kernels."""
        return "kernels.cu" if self.F else "layer.cu"

    @property
    def kernels(self) -> tuple[str, ...]:
        """Name the kernels."""
        if self.F:
            return "walk", "evaluate", "sum_products", "gather", "descend"
        return "layer_forward", "layer_backward"

    @property
    def terms(self) -> int:
        """Weights of a lane for each of its units."""
        return -(-(self.H + self.F + 1) // self.share)


def chunks_of(steps: int) -> int:
    """Say in how many chunks of steps products are summed: many, but few for memory; 100 steps at most."""
    return max(min(-(-steps // 25), 16), -(-steps // 100))


@cache
def why_unavailable() -> str:
    """Say in one line what the kernels lack to be compiled here, a GPU apart; empty where nothing."""
    for package in ("driver", "nvrtc"):
        try:
            if find_spec(f"cuda.bindings.{package}") is not None:
                continue
        except ImportError:
            pass
        return "the CUDA kernels need cuda-bindings (pip install 'irnn[cuda]')"
    return ""


def suits(config: Config) -> bool:
    """Say whether this configuration's network has CUDA kernels and is to use them."""
    head = config.task.head
    squared = type(head) is Regression and head.last == 1
    return squared and config.model.num_layers == 1 and suits_layers(config)


def suits_layers(config: Config) -> bool:
    """Say whether the layers of this configuration's network have CUDA kernels and are to use them."""
    runtime, model = config.runtime, config.model
    wanted = runtime.kernel is KernelName.auto and model.has_kernel and model.gates == 1
    return wanted and fits_layer(model.hidden_size, runtime.dtype is Dtype.float32)


def fits_layer(H: int, single: bool) -> bool:
    """Say whether there are kernels for a layer of H units of one gate, in float32 (`single`)."""
    return single and H <= LARGEST_H


def fits(H: int, F: int) -> bool:
    """Say whether there are kernels for H units and F inputs."""
    return H <= LARGEST_H and F <= LARGEST_F


def choose(H: int, F: int, *, tanh: bool = False, bias: bool = True, packed: bool = False) -> Plan:
    """Lay out a network of H units and F inputs; `packed` where many runs share the GPU.

    Whether packed or not, sums are made in the same order.

    Raises:
        ValueError: the network is too large for the kernels.
    """
    if not fits(H, F):
        raise ValueError(
            f"the CUDA kernels take up to {LARGEST_H} units and {LARGEST_F} input features, not {H} and {F}"
        )
    share = 8
    while share < 32 and not _fits(H, F, share):
        share *= 2
    if share == 32:
        share = 16  # some weights are then read from the first-level cache
    plan = Plan(H, F, tanh=tanh, bias=bias, share=share, staged=H * (H + F + 8) * 4 < 80_000)
    if packed and share == 8 and plan.terms <= 13:
        return replace(plan, rows=2, blocks=3)  # see docs/gpu.md for what was measured
    return plan


def choose_layer(H: int, *, tanh: bool) -> Plan:
    """Lay out a layer of H units whose inputs come multiplied already."""
    return choose(H, 0, tanh=tanh, bias=False)


def _fits(H: int, F: int, share: int) -> bool:
    """Whether all weights fit in registers, with room for what else a thread needs."""
    registers = -(-(H + F + 1) // share) * 8 + 48
    threads = -(-share * -(-H // 8) // 32) * 32
    return registers <= 255 and threads <= 1024 and registers * threads <= REGISTERS
