"""MNIST's IDX files, plain or gzipped: images and labels that a user has. Needs no torch.

The format is that of the files' own site (yann.lecun.com/exdb/mnist): two zero bytes, the type of a number
(8: a byte), how many axes there are, their lengths as 32-bit integers with the high byte first, the numbers.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedIOBase
from pathlib import Path

_BYTE = 8
_MOST = 1 << 31  # numbers in a file: 2 GiB
_FOLDERS = ("", "raw", "MNIST/raw")


class IdxError(ValueError):
    """A file that is no such file; the message begins with its path."""


@dataclass(frozen=True)
class IdxFile:
    """What is known of a file without its numbers in memory.

    Args:
        path: where it is.
        shape: the lengths of its axes.
        largest: the largest of its numbers.
        digest: SHA-256 of header and numbers in hexadecimal, the same for plain and gzipped files.
    """

    path: Path
    shape: tuple[int, ...]
    largest: int
    digest: str

    def numbers(self) -> bytearray:
        """Read the numbers, axis by axis.

        Raises:
            IdxError: The file is another one by now.
        """
        content, found = _read(self.path, len(self.shape))
        if found != self:
            raise IdxError(f"{self.path} changed while it was used")
        return content


def find(root: Path, stem: str) -> Path | None:
    """Find a file by its name without endings, as the site, torchvision or Kaggle write it.

    Args:
        root: its folder, or that of a data set of torchvision's, which has it in MNIST/raw or raw.
        stem: as "train-images-idx3-ubyte".
    """
    for folder in _FOLDERS:
        for name in (stem, stem.replace("-idx", ".idx")):
            for path in (root / folder / name, root / folder / f"{name}.gz"):
                if path.is_file():
                    return path
    return None


def inspect(path: Path, axes: int) -> IdxFile:
    """Check a file to its last byte; again only once it changed.

    Args:
        path: of the file.
        axes: how many it should have.

    Raises:
        IdxError: It cannot be read, or is damaged, or has something else than bytes on so many axes.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise IdxError(f"{path} cannot be read ({error.strerror})") from error
    return _inspected(path.absolute(), axes, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _inspected(path: Path, axes: int, _size: int, _mtime: int) -> IdxFile:
    return _read(path, axes)[1]


def _read(path: Path, axes: int) -> tuple[bytearray, IdxFile]:
    try:
        with path.open("rb") as stream:
            zipped = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            if not zipped:
                return _parse(path, stream, axes)
            with gzip.open(stream) as unzipped:
                return _parse(path, unzipped, axes)
    except OSError as error:
        raise IdxError(f"{path} cannot be read ({error.strerror or error})") from error
    except (EOFError, zlib.error) as error:
        raise IdxError(f"{path} is damaged ({error}); get it again") from error


def _parse(path: Path, stream: BufferedIOBase, axes: int) -> tuple[bytearray, IdxFile]:
    header = stream.read(4 + 4 * axes)
    expected = bytes((0, 0, _BYTE, axes))
    if header[:4] != expected or len(header) < 4 + 4 * axes:
        raise IdxError(
            f"{path} is no IDX file of bytes with {axes} {'axis' if axes == 1 else 'axes'}: it begins with "
            f"{header[:4].hex(' ') or 'nothing'}, not {expected.hex(' ')}"
        )
    shape = struct.unpack(f">{axes}I", header[4:])
    count = math.prod(shape)
    if not 0 < count <= _MOST:
        raise IdxError(f"{path} is damaged (it says to hold {count:,} numbers); get it again")
    content = bytearray(count + 1)
    have = stream.readinto(content)
    while 0 < have <= count and (more := stream.readinto(memoryview(content)[have:])):
        have += more
    if have != count:
        found = "more" if have > count else f"{have:,}"
        raise IdxError(f"{path} is damaged (it says to hold {count:,} numbers, and holds {found})")
    del content[count:]
    digest = hashlib.sha256(header)
    digest.update(content)
    return content, IdxFile(path, shape, max(content), digest.hexdigest())
