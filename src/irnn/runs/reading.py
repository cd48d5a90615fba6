"""Read files that may hold anything: bounded in size and time, never a pipe, never a device.

Nothing here imports torch or the schema of a run, so that reports can use it.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import yaml

MEGABYTE = 1_000_000
MOST = 16 * MEGABYTE
"""Bytes that a JSON or YAML file of a run may have; ours have a few thousand."""

DEEPEST = 50
"""Levels of a YAML file; ours have two."""

_CHUNK = 1 << 16
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnreadableError(ValueError):
    """A file that is there and is not what it should be; the message names it and what is wrong."""


def open_regular(path: Path, most: int = MOST) -> BinaryIO:
    """Open a regular file of at most `most` bytes for reading; nothing else is ever waited for.

    Raises:
        OSError: It is not there, or may not be read.
        UnreadableError: It is no regular file, or larger.
    """
    # Opening a pipe for reading would wait for its writer, and a terminal could become ours.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = next((name for is_it, name in _KINDS if is_it(status.st_mode)), "no file")
            raise UnreadableError(f"{path.name} is {kind}, not a file")
        _check_size(path, status.st_size, most)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path, most: int = MOST) -> bytes:
    """Read a regular file of at most `most` bytes; raises as `open_regular` does."""
    with open_regular(path, most) as file:
        # No buffer for the largest file at once; the kernel's own files say that they have nothing.
        content = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
        while len(content) <= most and (more := file.read(_CHUNK)):
            content += more
    _check_size(path, len(content), most)
    return content


def read_lines(path: Path, most: int, longest: int = 1 << 16) -> Iterator[bytes]:
    """Read the complete lines of a file one by one; a last one without an end is left out.

    Raises as `open_regular` does, and `UnreadableError` for a line longer than `longest` bytes.
    """
    with open_regular(path, most) as file:
        while line := file.readline(longest):
            if line.endswith(b"\n"):
                yield line
            elif len(line) == longest:
                raise UnreadableError(f"{path.name} has a line of more than {longest:,} bytes")


def _check_size(path: Path, size: int, most: int) -> None:
    if size > most:
        text = f"{size / MEGABYTE:,.0f} MB, and more than {most / MEGABYTE:,.0f} MB"
        raise UnreadableError(f"{path.name} holds {text} are not read")


def read_text(path: Path, most: int = MOST) -> str:
    """Read a file of UTF-8; raises as `read_bytes` does, and `UnreadableError` for other bytes."""
    try:
        return read_bytes(path, most).decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path.name} is not text in UTF-8 ({error.reason})") from error


def read_json(path: Path, most: int = MOST) -> Any:
    """Read a JSON file; raises as `read_bytes` does, and `UnreadableError` for what is no JSON."""
    try:
        return json.loads(read_text(path, most))
    except UnreadableError:
        raise
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{path.name} is not readable JSON ({_first(error)})") from error


def read_yaml(path: Path, most: int = MOST) -> Any:
    """Read a YAML file of plain values, without aliases: a few lines of them can mean billions.

    Raises as `read_bytes` does, and `UnreadableError` for what is no YAML, nests deep or has an alias.
    """
    text = read_text(path, most)
    try:
        _check_shape(path, text)
        return yaml.load(text, Loader=_YAML_LOADER)
    except UnreadableError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise UnreadableError(f"{path.name} is not readable YAML ({_first(error)})") from error


def _check_shape(path: Path, text: str) -> None:
    """Refuse aliases, and what nests deep enough to end the process inside libyaml."""
    depth = 0
    for event in yaml.parse(text, _YAML_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise UnreadableError(f"{path.name} has aliases (*), which irnn never writes")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise UnreadableError(f"{path.name} nests deeper than {DEEPEST} levels")


def _first(error: Exception) -> str:
    """Say a library's error in one short line."""
    return " ".join(str(error).split())[:160] or type(error).__name__
