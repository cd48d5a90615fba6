"""`metrics.jsonl`: one JSON object per evaluation, appended in one write each."""

import json
import os
from pathlib import Path
from typing import Any

from irnn.config import ConfigError
from irnn.runs.files import json_ready, make_durable, storage_error


def append_record(path: Path, record: dict[str, Any]) -> int:
    """Append a record durably and return the file's size in bytes.

    Raises:
        StorageError: The disk is full; the file ends where it ended before.
    """
    line = (json.dumps(json_ready(record), allow_nan=False) + "\n").encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as error:
        raise storage_error(path, error) from error
    before = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError("only part of a record fitted on the disk")
        os.fsync(descriptor)
        if before == 0:
            make_durable(path.parent)
    except OSError as error:
        os.ftruncate(descriptor, before)
        raise storage_error(path, error) from error
    finally:
        os.close(descriptor)
    return before + len(line)


def truncate(path: Path, size: int) -> None:
    """Forget the records after the checkpoint that a run continues from.

    Raises:
        ConfigError: There are fewer records than the checkpoint knows of.
    """
    present = path.stat().st_size if path.exists() else 0
    if present < size:
        raise ConfigError(
            f"{path} lost records that its checkpoint knows of; force=true starts this run over"
        )
    if present > size:
        os.truncate(path, size)


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read all complete records; a last line without an end is one still being written.

    Raises:
        ConfigError: The file is damaged.
    """
    try:
        text = path.read_text() if path.exists() else ""
        complete = text[: text.rfind("\n") + 1]
        return [json.loads(line) for line in complete.splitlines()]
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"{path} is damaged ({error}); force=true starts this run over"
        ) from error
