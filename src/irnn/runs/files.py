"""Write files so that nothing half-written ever stands under its final name."""

import contextlib
import errno
import json
import math
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from irnn.config import ConfigError


class StorageError(OSError):
    """A file could not be written; what was there before is untouched."""


Guard = Callable[[], None]
"""Raises where the writer has lost the right to write."""


def unguarded() -> None:
    """Guard what has one writer by its nature."""


def write_atomically(path: Path, content: bytes | memoryview, guard: Guard = unguarded) -> None:
    """Write beside `path`, make it durable, then rename it into place.

    The guard is asked between the two: whoever takes a folder over removes what is written beside, so
    that a writer who was asleep either fails here or finds nothing to rename.

    Raises:
        StorageError: The disk is full or not writable. An older file of that name is still whole.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        guard()
        beside.replace(path)
        make_durable(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            raise storage_error(path, error) from error
        raise


def storage_error(path: Path, error: OSError) -> StorageError:
    """Say which file could not be written and what to do."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    remedy = "free some space" if full else "its folder must be there and writable"
    return StorageError(
        f"cannot write {path}: {error.strerror or error}; {remedy} (or give runs_dir= another "
        "disk); run the same command again, without force=true: it continues from the last checkpoint"
    )


def make_durable(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def json_ready(value: Any) -> Any:
    """Replace numbers that JSON cannot hold by null, at any depth."""
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path, value: Any, guard: Guard = unguarded) -> None:
    """Write a readable JSON file atomically; numbers that are not finite become null."""
    text = json.dumps(json_ready(value), indent=2, allow_nan=False) + "\n"
    write_atomically(path, text.encode(), guard)


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON object of a run folder that has at least these keys.

    Raises:
        ConfigError: It is damaged.
    """
    try:
        content = json.loads(path.read_text())
        if not isinstance(content, dict) or not set(keys) <= content.keys():
            raise ValueError("it is not what was written")
        return content
    except (ValueError, OSError, RecursionError) as error:
        raise ConfigError(
            f"{path} is damaged ({error}); force=true starts this run over"
        ) from error
