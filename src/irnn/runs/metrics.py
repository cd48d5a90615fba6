"""`metrics.jsonl`: one JSON object per evaluation, appended in one write each."""

import errno
import hashlib
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from irnn.runs.files import json_ready, storage_error, write_atomically
from irnn.runs.reading import UnreadableError, open_regular, read_bytes, read_lines
from irnn.runs.schemas import DamagedError, Record, unreadable
from irnn.system.atomic import Guard, make_durable, sync, unguarded

MOST_BYTES = 4 << 30
"""Ten million evaluations; a record has some 350 bytes."""

_SCHEMA = msgspec.json.Decoder(Record)


class MetricsFile:
    """`metrics.jsonl` as its run writes it, with its size in bytes and the SHA-256 of its content.

    Args:
        path: the file.
        guard: asked once the file is open: a process that takes a folder over puts a copy in its
            place, so that a writer that was asleep either fails here or writes into a file without a name.
    """

    def __init__(self, path: Path, guard: Guard = unguarded) -> None:
        self.path, self._guard = path, guard
        self.size = 0
        self._content = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        return self._content.hexdigest()

    def append(self, record: dict[str, Any]) -> None:
        """Append a record durably.

        Raises:
            StorageError: The disk is full; the file ends where it ended before.
        """
        line = (json.dumps(json_ready(record), allow_nan=False) + "\n").encode()
        descriptor = self._open(os.O_APPEND | os.O_CREAT)
        before = os.fstat(descriptor).st_size
        try:
            self._guard()
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, "only part of a record fitted on the disk")
            sync(descriptor)
            if before == 0:
                make_durable(self.path.parent)
        except OSError as error:
            # Where this fails, the last line is cut, and is left out when the run continues.
            with suppress(OSError):
                os.ftruncate(descriptor, before)
            raise storage_error(self.path, error) from error
        finally:
            os.close(descriptor)
        self.size = before + len(line)
        self._content.update(line)

    def continue_at(self, size: int, digest: str | None) -> None:
        """Forget the records after a checkpoint, once those before it are known to be those of then.

        Args:
            size: of the file when the checkpoint was written, in bytes.
            digest: of the file then; None for a checkpoint that is older than digests.

        Raises:
            DamagedError: The records before it are not those of then; none is forgotten.
            StorageError: The file cannot be written.
        """
        content = self._read_first(size)
        if digest is not None and content.hexdigest() != digest:
            raise DamagedError(self.path, "its records are not those of its checkpoint")
        read_records(self.path, size)
        if self.path.exists():
            descriptor = self._open(0)
            try:
                self._guard()
                if os.fstat(descriptor).st_size > size:
                    os.ftruncate(descriptor, size)
            except OSError as error:
                raise storage_error(self.path, error) from error
            finally:
                os.close(descriptor)
        self.size, self._content = size, content

    def _read_first(self, size: int) -> "hashlib._Hash":
        """Digest the first bytes of the file, which must end with a record of ours."""
        content, left, last = hashlib.sha256(), size, b"\n"
        try:
            with open_regular(self.path, MOST_BYTES) as stream:
                while left and (chunk := stream.read(min(left, 1 << 20))):
                    if b"\r" in chunk:  # JSON writes it as \r within a text
                        raise DamagedError(
                            self.path,
                            "its line endings were changed to CRLF",
                            "change them back, and the same command continues: "
                            f"sed -i 's/\\r$//' {self.path}",
                        )
                    content.update(chunk)
                    left, last = left - len(chunk), chunk[-1:]
        except FileNotFoundError:
            pass
        except OSError as error:
            raise unreadable(self.path, error) from error
        except UnreadableError as error:
            raise DamagedError(self.path, error) from error
        if left:
            raise DamagedError(self.path, "it lost records that its checkpoint knows of")
        if last != b"\n":
            raise DamagedError(
                self.path, "its checkpoint was written elsewhere than after a record"
            )
        return content

    def _open(self, flags: int) -> int:
        """Open for writing; a pipe would wait for its reader."""
        try:
            descriptor = os.open(
                self.path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags, 0o666
            )
        except OSError as error:
            raise storage_error(self.path, error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise DamagedError(self.path, "it is not a file")
        return descriptor


def renew(path: Path, guard: Guard) -> None:
    """Put a copy in place of the file, so that no process that has it open writes into it any more.

    Raises:
        DamagedError: It is not a file of ours.
        StorageError: The copy cannot be written.
    """
    try:
        content = read_bytes(path, MOST_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable(path, error) from error
    except UnreadableError as error:
        raise DamagedError(path, error) from error
    write_atomically(path, content, guard)


def read_records(path: Path, size: int | None = None) -> list[dict[str, Any]]:
    """Read all complete records; a last line without an end is one still being written.

    Args:
        path: the file.
        size: bytes to read; None: all.

    Raises:
        DamagedError: The file is damaged.
    """
    records = []
    try:
        for line in read_lines(path, MOST_BYTES):
            if size is not None and (size := size - len(line)) < 0:
                break
            _SCHEMA.decode(line)
            records.append(msgspec.json.decode(line))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(path, error) from error
    except (UnreadableError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedError(path, f"after record {len(records)}: {error}") from error
    return records
