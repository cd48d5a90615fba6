"""`metrics.jsonl`: one JSON object per evaluation, appended in one write each."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import msgspec

from irnn.atomic import Guard, make_durable, unguarded
from irnn.config import ConfigError
from irnn.runs.files import json_ready, storage_error, write_atomically
from irnn.runs.reading import UnreadableError, read_lines
from irnn.runs.schemas import DamagedError, Record

MOST_BYTES = 4 << 30
"""Ten million evaluations; a record has some 350 bytes."""

_SCHEMA = msgspec.json.Decoder(Record)


def append_record(path: Path, record: dict[str, Any], guard: Guard = unguarded) -> int:
    """Append a record durably and return the file's size in bytes.

    The guard is asked once the file is open: whoever takes a folder over puts a copy in its place, so
    that a writer who was asleep either fails here or writes into a file that has no name any more.

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
        guard()
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, "only part of a record fitted on the disk")
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


def renew(path: Path, guard: Guard) -> None:
    """Put a copy in place of the file, so that nobody who has it open writes into it any more."""
    if path.exists():
        write_atomically(path, path.read_bytes(), guard)


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read all complete records; a last line without an end is one still being written.

    Raises:
        DamagedError: The file is damaged.
    """
    records = []
    try:
        for line in read_lines(path, MOST_BYTES):
            _SCHEMA.decode(line)
            records.append(msgspec.json.decode(line))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DamagedError(path, error.strerror or error, "see that it can be read") from error
    except (UnreadableError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedError(path, f"after record {len(records)}: {error}") from error
    return records
