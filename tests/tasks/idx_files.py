"""Small files in MNIST's IDX format, for tests."""

import gzip
import random
import struct
from collections.abc import Sequence
from pathlib import Path

SIDE = 4


def idx(shape: Sequence[int], content: bytes) -> bytes:
    """Write the format down."""
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + content


def write_pair(
    root: Path, images: str, labels: str, count: int, *, rows: int = SIDE, seed: int = 0
) -> None:
    """Make `count` images, 4 pixels wide, whose class shows in the first; names may end in .gz."""
    root.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    classes = [draw.randrange(10) for _ in range(count)]
    pixels = b"".join(bytes([25 * label]) + draw.randbytes(rows * SIDE - 1) for label in classes)
    for name, content in (
        (images, idx((count, rows, SIDE), pixels)),
        (labels, idx((count,), bytes(classes))),
    ):
        packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        (root / name).write_bytes(packed)


def write_files(
    root: Path, train: int = 120, test: int = 40, *, rows: int = SIDE, ending: str = ""
) -> Path:
    """Make the four files that MNIST has."""
    for seed, (which, count) in enumerate((("train", train), ("t10k", test)), 1):
        names = (f"{which}-images-idx3-ubyte{ending}", f"{which}-labels-idx1-ubyte{ending}")
        write_pair(root, *names, count, rows=rows, seed=seed)
    return root
