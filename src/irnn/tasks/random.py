"""Random numbers for tasks: functions of (stream, position), whatever is asked for beside them.

`irnn.seeding` has the words that they are made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def substream(key: int, name: str) -> int:
    """Give the key of a further stream of numbers for the same sequences, unrelated to the first.

    Args:
        key: of the stream, as `draw` is given it.
        name: any; another name gives another stream.
    """
    from irnn.seeding import stream_key

    return stream_key(key, name)


def words(key: int, positions: Tensor, count: int) -> Tensor:
    """Draw `count` 64-bit words for each position: (N,) to (N, count)."""
    import torch

    from irnn.seeding import random_words

    offsets = torch.arange(count, device=positions.device)
    return random_words(key, positions[:, None] * count + offsets)


def uniforms(key: int, positions: Tensor, count: int) -> Tensor:
    """Draw `count` numbers for each position, uniform in [0, 1) with 24 bits: (N, count) float32.

    Args:
        key: of the stream; see `integers`.
        positions: (N,) int64.
        count: numbers for each.
    """
    import torch

    from irnn.seeding import uniforms as two_uniforms

    high, low = two_uniforms(words(key, positions, (count + 1) // 2))
    return torch.cat((high, low), dim=1)[:, :count]


def integers(key: int, positions: Tensor, count: int, bound: int) -> Tensor:
    """Draw `count` integers for each position, uniform in [0, bound): (N, count) int64.

    Args:
        key: of the stream; two draws from one key are the same words, so use `substream` for the second.
        positions: (N,) int64.
        count: integers for each.
        bound: at most 2**31.
    """
    from irnn.seeding import below

    return below(words(key, positions, count), bound)
