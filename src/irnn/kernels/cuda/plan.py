"""How a network's kernels are laid out on the GPU: what `source/shape.cuh` is compiled with."""

from dataclasses import dataclass, fields
from pathlib import Path

SOURCE = Path(__file__).parent / "source"
CHUNK_STEPS = 100  # at most, whose products are summed in one go
REGISTERS = 65536  # of a multiprocessor
LARGEST_H = 256


@dataclass(frozen=True)
class Plan:
    """Sizes of a network and how its work is spread; `share` and `group` decide in which order it is summed.

    Attributes:
        H: units.
        F: input features.
        tanh: the nonlinearity, else ReLU.
        bias: whether there are b_ih and b_hh.
        share: lanes that share the products of a group of units.
        units: units of such a group.
        group: sequences whose gradient is summed together.
        rows: sequences that a block walks together.
        fused: whether the walk back sums the weight gradient; `rows` is then `group`.
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
    fused: bool = False
    staged: bool = True
    blocks: int = 1

    def defines(self) -> list[str]:
        """Give the compiler's options."""
        return [
            f"-DIRNN_{each.name.upper()}={int(getattr(self, each.name))}" for each in fields(self)
        ]

    @property
    def terms(self) -> int:
        """Weights of a lane for each of its units."""
        return -(-(self.H + self.F + 1) // self.share)


def choose(H: int, F: int, *, tanh: bool = False, bias: bool = True, packed: bool = False) -> Plan:
    """Lay out a network of H units and F inputs; `packed` where many runs share the GPU.

    Whether packed or not, sums are made in the same order.

    Raises:
        ValueError: the network is too large for the kernels.
    """
    if H > LARGEST_H or F > 32:
        raise ValueError(
            f"the CUDA kernels take up to {LARGEST_H} units and 32 input features, not {H} and {F}"
        )
    share = 8
    while share < 32 and not _fits(H, F, share):
        share *= 2
    if share == 32:
        share = 16  # some weights are then read from the first-level cache
    plan = Plan(H, F, tanh=tanh, bias=bias, share=share, staged=H * (H + F + 8) * 4 < 80_000)
    if packed and share == 8 and plan.terms <= 13:
        return Plan(**{**plan.__dict__, "rows": plan.group, "fused": True, "blocks": 2})
    return plan


def _fits(H: int, F: int, share: int) -> bool:
    """Whether all weights fit in registers, with room for what else a thread needs."""
    registers = -(-(H + F + 1) // share) * 8 + 48
    threads = -(-share * -(-H // 8) // 32) * 32
    return registers <= 255 and threads <= 1024 and registers * threads <= REGISTERS
