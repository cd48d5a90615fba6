"""Checkpoints: tensors and plain values only, so that loading one never executes code, and sealed.

A checkpoint is what `torch.save` writes, a ZIP archive, whose comment is the SHA-256 of all bytes before it:
any reader of PyTorch's loads it, and a byte that changed since is found. Those that were written without a
seal are held to the archive's own check sums. `docs/decisions/0013` has the reasons.
"""

import hashlib
import io
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from irnn.runs.files import write_atomically
from irnn.runs.reading import UnreadableError, open_regular
from irnn.runs.schemas import DamagedError, unreadable
from irnn.system.atomic import Guard, unguarded
from irnn.system.exhausted import in_words
from irnn.system.shared import whole_process

MOST_BYTES = 64 << 30
_MARK = b"irnn sha256 "
_SEAL = len(_MARK) + 64  # bytes: the mark, and the digest in hexadecimal
_END = 22  # bytes of a ZIP archive's last record without its comment, whose length the last two are
_CHUNK = 1 << 20


def save(path: Path, content: dict[str, Any], guard: Guard = unguarded) -> None:
    """Write a checkpoint atomically.

    Raises:
        StorageError: It could not be written; an older checkpoint of that name is still whole.
    """
    serialized = io.BytesIO()
    torch.save(content, serialized)
    with serialized.getbuffer() as archive:
        assert _comment_size(archive[-_END:]) == 0, "torch.save ends an archive as ZIP does"
        archive[-2:] = struct.pack("<H", _SEAL)
        digest = hashlib.sha256(archive)
    digest.update(_MARK)
    serialized.seek(0, io.SEEK_END)
    serialized.write(_MARK + digest.hexdigest().encode())
    write_atomically(path, serialized.getbuffer(), guard)


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint onto a device.

    Raises:
        DamagedError: It is not what was written, or holds more than tensors and plain values.
    """
    try:
        with (
            whole_process,
            open_regular(path, MOST_BYTES) as stream,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # what it warns of is refused below
            _check_whole(stream)
            stream.seek(0)
            content: dict[str, Any] = torch.load(stream, map_location=device, weights_only=True)
        if not isinstance(content, dict):
            raise UnreadableError("it holds something else")
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # what a damaged file makes of the unpickler has no end
        raise DamagedError(path, f"not a checkpoint: {in_words(error)}") from error
    return content


def _check_whole(stream: BinaryIO) -> None:
    """Refuse an archive that changed since it was written, or would unpack to more than it has.

    Raises:
        UnreadableError, zipfile.BadZipFile: It did.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _END - _SEAL))
    end = stream.read()
    sealed = _comment_size(end[:_END]) == _SEAL
    if sealed:
        stream.seek(0)
        digest = hashlib.sha256()
        left = size - 64
        while left > 0 and (chunk := stream.read(min(left, _CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
        if end[_END:] != _MARK + digest.hexdigest().encode():
            raise UnreadableError("its digest is not that of its content: a byte of it changed")
    elif _comment_size(end[-_END:]) != 0:
        raise UnreadableError("its end is missing, or is not that of a checkpoint")
    with zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
        if packed or sum(entry.file_size for entry in entries) > size:
            raise UnreadableError("it would unpack to more than it has")
        if not sealed and (bad := archive.testzip()) is not None:
            raise UnreadableError(f"the check sum of its {bad} is wrong")


def _comment_size(end: "bytes | memoryview") -> int | None:
    """Read how long an archive's comment is from its last record; None if this is no such record."""
    if len(end) != _END or bytes(end[:4]) != b"PK\x05\x06":
        return None
    length: int = struct.unpack("<H", end[-2:])[0]
    return length


def check_fits(saved: Any, like: Any, name: str = "") -> None:
    """Hold what a checkpoint brings to the structure of what it is to replace, down to shapes and dtypes.

    Raises:
        ValueError: It has another one.
    """
    if isinstance(like, Tensor):
        if not isinstance(saved, Tensor):
            raise ValueError(f"{name} is no tensor")
        if saved.shape != like.shape or saved.dtype != like.dtype:
            raise ValueError(
                f"{name} is {tuple(saved.shape)} of {saved.dtype}, not {tuple(like.shape)} of {like.dtype}"
            )
    elif isinstance(like, dict):
        if not isinstance(saved, dict) or saved.keys() != like.keys():
            raise ValueError(f"{name or 'it'} has other entries")
        for key, value in like.items():
            check_fits(saved[key], value, f"{name}.{key}".lstrip("."))
    elif type(saved) is not type(like):
        raise ValueError(f"{name} is {type(saved).__name__}, not {type(like).__name__}")
