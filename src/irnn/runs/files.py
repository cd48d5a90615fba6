"""Write files so that nothing half-written ever stands under its final name."""

import errno
import json
import math
from pathlib import Path
from typing import Any

from irnn.system.atomic import Guard, replacing, unguarded


class StorageError(OSError):
    """A file could not be written; what was there before is untouched."""


def write_atomically(path: Path, content: bytes | memoryview, guard: Guard = unguarded) -> None:
    """Write beside `path`, make it durable, then rename it into place.

    The guard is asked between the two: a process that takes a folder over removes what is written beside, so
    that a writer who was asleep either fails here or finds nothing to rename.

    Raises:
        StorageError: The disk is full or not writable. An older file of that name is still whole.
    """
    try:
        with replacing(path, guard) as beside:
            beside.write_bytes(content)
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """Say which file could not be written and what to do."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    remedy = "free some space" if full else "its folder must be there and writable"
    return StorageError(
        f"cannot write {path}: {error.strerror or error}; {remedy} (or give runs_dir= another "
        "disk); run the same command again, without force=true: it continues from the last checkpoint"
    )


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
