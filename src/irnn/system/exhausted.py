"""Tell from an exception of any library that this machine ran out of memory or threads."""

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import suppress

from irnn.system import screen
from irnn.system.machine import Room, memory_room

_MEMORY = re.compile(
    r"out[ _]of[ _]memory|OutOfMemory|not enough memory|bad_alloc|"
    r"\w*(STATUS|ERROR|FFT)_\w*ALLOC(ATION)?_FAILED|cudaErrorMemoryAllocation|"
    r"(can't|cannot|could not|unable to|failed to) "
    r"(allocate\b(?!.* static TLS).*(\bmemory|bytes|\d ?[kmgt]?i?b\b)|map\b.*(\bmemory|shared object))",
    re.IGNORECASE,
)
"""What PyTorch, NumPy, C++, the loader of libraries, CUDA's driver and libraries, HIP and Metal say."""
_GPU = re.compile(r"\b(CUDA|HIP|MPS|cuDNN|MIOpen|(CU|HIP)[A-Z]+_STATUS)|cudaError|hipError")
_HOST = re.compile(r"HOST_ALLOC|NVRTC_")
"""What a GPU's library says of the host's memory."""
_THREADS = re.compile(
    r"can't start new thread|thread creation failed|pthread_create failed", re.IGNORECASE
)


class ExhaustedError(RuntimeError):
    """Memory or threads ran out; the message says which, and what helps."""


def explain(error: BaseException, smaller: str = "make the run smaller") -> str | None:
    """Say in one line what ran out and what helps; None for an exception about anything else.

    Args:
        error: what was raised; libraries say it in their own words, or let it cause an error of theirs.
        smaller: what makes it need less, in words.
    """
    for each in _chain(error):
        if isinstance(each, ExhaustedError):
            return str(each)
        text = next(filter(_is_exhaustion, str(each).splitlines()), "").strip()
        quoted = f" ({text[:200]})" if text else ""
        if _THREADS.search(text):
            return f"no more threads could be had{quoted}; see `ulimit -u` and `ulimit -v`, or use fewer"
        lacks_memory = isinstance(each, MemoryError) or getattr(each, "errno", None) == errno.ENOMEM
        if lacks_memory or _MEMORY.search(text):
            on_gpu = _GPU.search(text) and not _HOST.search(text)
            room = None if on_gpu else _room()  # which is about the host's memory
            raised = f", or raise {room.ulimit}" if room is not None and room.ulimit else ""
            left = f"; {room}" if room is not None else ""
            return f"memory ran out{quoted}{left}: {smaller}{raised}"
    return None


def _room() -> Room | None:
    with suppress(MemoryError):  # while what ran out of it is still held
        return memory_room(None)
    return None


def in_words(error: BaseException) -> str:
    """Say an exception in one line: memory as `explain` does, a sentence as it is, else its class and text.

    For people who asked for something; the class of an exception says nothing to them.
    """
    if (reason := explain(error)) is not None:
        return reason
    line = next(filter(None, map(str.strip, str(error).splitlines())), "")
    if isinstance(error, KeyError):
        return f"it lacks {line}"
    return line if " " in line else f"{type(error).__name__}{line and f': {line}'}"


def exit_status(
    command: Callable[[], int],
    name: str,
    smaller: str = "make the run smaller",
    refusals: tuple[type[Exception], ...] = (),
) -> int:
    """Call a command and give its exit status: 1, and one line on the screen, where memory ran out.

    2, and one line, for `refusals`, and 130 where Ctrl-C comes at a moment when nothing else expects it, as
    during imports, or once more. An argument parser ends the command with a status of its own.
    """
    try:
        return command()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        return 130
    except refusals as error:
        reason = getattr(error, "strerror", None) or error
        place = getattr(error, "filename", None)
        screen.complain(f"{name}: {f'{place}: ' if place else ''}{reason}")
        return 2
    except Exception as error:
        if (reason := explain(error, smaller)) is None:
            raise
    screen.complain(f"{name}: {reason}")
    return 1


def _is_exhaustion(line: str) -> bool:
    return bool(_THREADS.search(line) or _MEMORY.search(line))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and those that it came of."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        yield cause
        hidden = cause.__suppress_context__  # by `raise ... from None`
        cause = cause.__cause__ or (None if hidden else cause.__context__)
