"""The one place that writes to the screen. Whatever becomes of the screen, work and files go on.

Around every command stands `guarded()`: in it standard output and error are streams that never raise and,
once there is work to hold up, never wait. So code that prints need not think of closed descriptors, broken
pipes, full disks, terminals that have gone, or encodings that lack a character.
"""

import codecs
import errno
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from irnn.system.quoting import short
from irnn.system.writer import Writer

if TYPE_CHECKING:
    from rich.console import Console

_SHORT_WAIT_SECONDS = 0.1  # that work waits for a reader, once
_LAST_SECONDS = 5.0  # that a command waits at its end for a reader that takes nothing
_LONGEST_LINE = 1 << 13
_ALIKE = {
    "\u2026": ".",  # an ellipsis; one character for one, or tables would shift
    "\u2013": "-", "\u2014": "-", "\u2212": "-",  # dashes, minus
    "\u2501": "-", "\u00d7": "x", "\u2018": "'", "\u2019": "'",
}  # fmt: skip


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Write what an encoding lacks: bytes of file names as \\xff, else one character for each."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(map(_substitute, lacking)), error.end


def _substitute(character: str) -> str:
    byte = ord(character) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else _ALIKE.get(character, "?")


codecs.register_error("irnn-screen", _replaced)


class Stream(io.TextIOBase):
    """Standard output or error, as it is written to within `guarded()`.

    Args:
        original: what stood there; None where the command was started without.
        descriptor: what is written to; None: `original` is not the interpreter's own stream, but a
            notebook's or a test's, and is written to itself.
    """

    def __init__(self, original: TextIO | None, descriptor: int | None) -> None:
        self._original = original
        encoding = getattr(original, "encoding", None) or "utf-8"
        self._encoder = codecs.getincrementalencoder(encoding)("irnn-screen")
        self._encoding = encoding
        self._descriptor = descriptor
        self.writer = None if descriptor is None else Writer(descriptor)
        self.seconds: float | None = None
        """How long a write may wait for a reader; None: as long as it takes."""
        self._line = ""
        self._lock = threading.RLock()

    @classmethod
    def of(cls, original: TextIO | None, descriptor: int) -> "Stream":
        """Wrap what stands in `sys.stdout` (1) or `sys.stderr` (2)."""
        own = sys.__stdout__ if descriptor == 1 else sys.__stderr__
        with suppress(Exception):
            if original is not None:
                original.flush()  # what was printed before
        return cls(original, descriptor if original is None or original is own else None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What it is written in."""
        return self._encoding

    def write(self, text: str) -> int:
        """Write; never raise."""
        with self._lock:
            self._line += text
            if "\n" in text or len(self._line) > _LONGEST_LINE:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        with self._lock:
            text, self._line = self._line, ""
            if not text:
                return
            content = self._encoder.encode(text)
        if self.writer is not None:
            self.writer.write(content, self.seconds)
        elif self._original is not None:
            with suppress(Exception):
                self._original.write(content.decode(self._encoding))
                self._original.flush()

    def finish(self) -> None:
        """Wait, a little, for the reader; after this nothing ever waits long."""
        self.flush()
        self.seconds = _SHORT_WAIT_SECONDS
        if self.writer is not None:
            with suppress(KeyboardInterrupt):  # Ctrl-C: wait no longer
                self.writer.finish(_LAST_SECONDS)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        with suppress(Exception):
            if self._descriptor is None:
                return self._original is not None and self._original.isatty()
            return os.isatty(self._descriptor)
        return False

    def fileno(self) -> int:
        """Give the descriptor, for those who ask for the size of a terminal."""
        if self._descriptor is None:
            if self._original is None:
                raise io.UnsupportedOperation("no descriptor")
            return self._original.fileno()
        return self._descriptor

    def writable(self) -> bool:
        """It is."""
        return True


@dataclass
class Shown:
    """What became of what a command said on standard output, known when `guarded()` has ended."""

    is_all: bool = False
    """Whether that is all that the command was asked for: a help text, a table, answers without a file."""
    lost: OSError | None = None
    """Why it was not taken; None too for a closed pipe, whose reader has read enough."""

    def status(self, status: int) -> int:
        """Give the exit status: 1 instead of 0 where all that was asked for is lost, as `cat` and `ls` do."""
        return status or (1 if self.is_all and self.lost else 0)


@contextmanager
def guarded() -> Iterator[Shown]:
    """Make standard output and error safe to write to while the context lasts; nested, it does nothing."""
    shown = Shown()
    if isinstance(sys.stdout, Stream):
        yield shown
        return
    _open_descriptors()
    before = sys.stdout, sys.stderr
    output, errors = Stream.of(sys.stdout, 1), Stream.of(sys.stderr, 2)
    sys.stdout, sys.stderr = output, errors
    try:
        yield shown
    finally:
        output.finish()
        shown.lost = _lost(output)
        if shown.lost is not None:
            reason = shown.lost.strerror
            errors.write(f"irnn: standard output did not take everything: {reason}\n")
        errors.finish()
        if sys.stdout is output:
            sys.stdout = before[0]
        if sys.stderr is errors:
            sys.stderr = before[1]


def never_wait() -> None:
    """Say that from here on there is work to do that no reader may hold up."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Stream):
            stream.seconds = _SHORT_WAIT_SECONDS


def say(text: str) -> None:
    """Write a line, or several, to standard output."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """Write a line, or several, to standard error; whatever they quote, they stay short."""
    _write(sys.stderr, short(text))


def _write(stream: TextIO | None, text: str) -> None:
    with suppress(Exception):  # outside of guarded() it is anybody's stream
        if stream is not None:
            stream.write(f"{text}\n")
            stream.flush()


def is_live() -> bool:
    """Whether standard output is a terminal on which lines can be drawn anew."""
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return sys.stdout is not None and sys.stdout.isatty() and not dumb


def console() -> "Console":
    """Give what draws on standard output."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def _open_descriptors() -> None:
    """Let 0, 1 and 2 be open, so that no file of ours becomes standard output by accident."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)


def _lost(output: Stream) -> OSError | None:
    error = output.writer.error if output.writer is not None else None
    # A reader that closes its pipe has read enough.
    return None if error is None or error.errno == errno.EPIPE else error
