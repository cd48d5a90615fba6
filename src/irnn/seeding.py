"""Named, independent, resumable random streams.

Two kinds. `generator` is a `torch.Generator` for what is drawn once, such as weights. `random_words` is
counter-based: the word at a position is a function of (key, position) alone, so that data can be read in
any order, in pieces of any size, on any device, and is always the same.
"""

import hashlib

import torch
from torch import Tensor

_GOLDEN_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_MIX_1 = 0xBF58476D1CE4E5B9 - 2**64
_MIX_2 = 0x94D049BB133111EB - 2**64


class StreamKey(int):
    """The signed 64-bit key of a random stream, which also knows the stream's name: `stream`."""

    stream: str


def stream_key(seed: int, stream: str, index: int = 0) -> StreamKey:
    """Hash (seed, stream, index) to a key; streams of different names are unrelated."""
    name = f"{seed}/{stream}/{index}".encode()
    digest = hashlib.blake2b(name, digest_size=8).digest()
    key = StreamKey(int.from_bytes(digest, "little", signed=True))
    key.stream = stream
    return key


def generator(seed: int, stream: str, index: int = 0) -> torch.Generator:
    """Make a CPU generator at the start of stream (seed, stream, index)."""
    return torch.Generator().manual_seed(stream_key(seed, stream, index))


def random_words(key: int, positions: Tensor) -> Tensor:
    """Draw the 64-bit words at `positions` of the stream `key`.

    This is SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014)
    read at random positions instead of one after the other.

    Args:
        key: from `stream_key`.
        positions: int64 tensor of any shape, entries >= 0, any device.

    Returns:
        int64 tensor of the same shape; all 64 bits are random, the sign bit too.
    """
    words = positions + 1
    words.mul_(_GOLDEN_GAMMA).add_(key)
    words.bitwise_xor_(_shifted(words, 30)).mul_(_MIX_1)
    words.bitwise_xor_(_shifted(words, 27)).mul_(_MIX_2)
    return words.bitwise_xor_(_shifted(words, 31))


def _shifted(words: Tensor, bits: int) -> Tensor:
    """Shift right and fill with zeros, which `>>` on signed integers does not."""
    return (words >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def uniforms(words: Tensor) -> tuple[Tensor, Tensor]:
    """Turn each word into two independent float32 numbers, uniform in [0, 1) with 24 bits."""
    high = (words >> 40).bitwise_and_(0xFFFFFF)
    low = (words >> 8).bitwise_and_(0xFFFFFF)
    return high.float().mul_(2.0**-24), low.float().mul_(2.0**-24)


def below(words: Tensor, bound: int | Tensor) -> Tensor:
    """Turn the low 32 bits of each word into an integer, uniform in [0, bound), bound < 2**31."""
    return (words.bitwise_and(0xFFFFFFFF) * bound) >> 32
