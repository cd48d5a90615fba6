"""What this process may use of the machine: cores and memory, as an administrator or a container set them.

Nothing here imports torch.
"""

import contextlib
import math
import os
import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")
_OWN_STATUS = Path("/proc/self/status")
BINDINGS = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
"""Variables that make OpenMP, which PyTorch brings, pin the thread that loads it to one core."""


def available_cores() -> int:
    """Count the cores that this process may use, at least 1.

    The fewest of the affinity mask (taskset, a cpuset, Slurm's binding), the CPU quota of a container
    (cgroup v1 or v2, rounded up) and SLURM_CPUS_PER_TASK.
    """
    limits = [float(os.cpu_count() or 1)]
    if hasattr(os, "sched_getaffinity"):
        limits.append(len(os.sched_getaffinity(0)))
    limits.extend(quota for quota in _quotas() if quota > 0)
    if given := _number(os.environ.get("SLURM_CPUS_PER_TASK")):
        limits.append(given)
    return max(1, math.ceil(min(limits)))


def asked_threads() -> int | None:
    """Read how many threads a user asks every program for: the first number of OMP_NUM_THREADS."""
    return _number(os.environ.get("OMP_NUM_THREADS", "").partition(",")[0])


def default_threads() -> int:
    """Give the threads of a run that names none: OMP_NUM_THREADS, and never more than there are cores."""
    cores = available_cores()
    return min(asked_threads() or cores, cores)


def forget_binding() -> None:
    """Undo settings by which OpenMP would pin this process and its jobs, each to the same core.

    Binding is done when PyTorch is loaded, to the thread that loads it; all threads of the kernel, and
    all processes started later, inherit that one core. The affinity mask of the process is kept.
    """
    for name in BINDINGS:
        os.environ.pop(name, None)


def available_memory() -> int | None:
    """Give the bytes that this process could ever have: the machine's, or a container's limit if less."""
    limits = list(_memory_limits())
    with contextlib.suppress(ValueError, OSError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(limits, default=None)


_ULIMITS = {
    "ulimit -v": ("RLIMIT_AS", "VmSize"),
    "ulimit -d": ("RLIMIT_DATA", "VmData"),
}
"""Limits of a shell, and what counts towards them."""


@dataclass(frozen=True)
class Library:
    """What a library takes that ends a process without a word where it gets less.

    Args:
        name: for a refusal.
        least: bytes that count towards each of the limits once it is loaded, on x86-64.
    """

    name: str
    least: Mapping[str, int]


PYTORCH = Library("PyTorch", {"ulimit -v": 850_000_000, "ulimit -d": 300_000_000})
NUMPY = Library("NumPy", {"ulimit -v": 128_000_000, "ulimit -d": 82_000_000})


def working_folder_refusal() -> str | None:
    """Say why nothing can be begun in a working folder that was removed: MKL ends the process there."""
    try:
        Path.cwd()
    except OSError as error:
        return f"the working folder is gone ({error.strerror}); cd to one that exists"
    return None


@dataclass(frozen=True)
class Room:
    """How much memory this process may yet take.

    Args:
        size: bytes.
        ulimit: the limit of the shell that leaves no more, as "ulimit -v"; empty: the machine has no more.
    """

    size: int
    ulimit: str = ""

    def __str__(self) -> str:
        size = shown_bytes(self.size)
        return f"`{self.ulimit}` leaves {size}" if self.ulimit else f"there are {size} here"


def memory_room(beside: Library | None = PYTORCH) -> Room | None:
    """Give the memory that there is for this process, or one that it starts: the least of all limits.

    Args:
        beside: what is loaded, or will be, and is no part of it; None: as much as is left now.
    """
    whole = available_memory()
    rooms = [] if whole is None else [Room(whole)]
    return min([*rooms, *_ulimits(beside)], key=lambda room: room.size, default=None)


def refusal_of(library: Library = PYTORCH) -> str | None:
    """Say why a library should not be loaded; None where it can be."""
    room = memory_room(library)
    if room is None or not room.ulimit or room.size > 0:
        return None
    least = shown_bytes(library.least[room.ulimit])
    return f"`{room.ulimit}` allows less than {library.name} takes, about {least}; raise it"


def shown_bytes(size: float) -> str:
    """Write a number of bytes in three digits."""
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            break
        size /= 1000
    return f"{size:.3g} {unit}" if size < 1000 else f"{size:,.0f} {unit}"


def _ulimits(beside: Library | None) -> Iterator[Room]:
    """Give what the limits of the shell leave, where Linux keeps them and says what is taken."""
    taken = dict(line.split(":", 1) for line in _lines(_OWN_STATUS) if ":" in line)
    for ulimit, (name, counted) in _ULIMITS.items():
        words = taken.get(counted, "").split()
        limit, _ = resource.getrlimit(getattr(resource, name))
        if words and words[0].isdigit() and limit != resource.RLIM_INFINITY:
            used = max(int(words[0]) * 1024, beside.least[ulimit] if beside else 0)
            yield Room(max(0, limit - used), ulimit)


def _number(text: str | None) -> int | None:
    """Read a count of at least 1; None for anything else."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 10**6 else None


def _quotas() -> Iterator[float]:
    """Give the CPU quotas, in cores, of this process's control groups and of those around them."""
    for folder in _folders("cpu"):
        for words in (
            _words(folder / "cpu.max"),
            _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us"),
        ):
            if len(words) == 2 and all(word.isdigit() and int(word) for word in words):
                yield int(words[0]) / int(words[1])


def _memory_limits() -> Iterator[int]:
    for folder in _folders("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            for word in _words(folder / name):
                if word.isdigit() and 0 < int(word) < 1 << 60:  # v1 writes a huge number for none
                    yield int(word)


def _folders(controller: str) -> Iterator[Path]:
    """List the folders of this process's control groups, from its own to the outermost that is seen."""
    for line in _lines(_OWN_CGROUPS):
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        root = _CGROUPS / controllers if controllers else _CGROUPS
        for base in {root, _CGROUPS / controller} if controllers else {root}:
            parts = [part for part in name.split("/") if part not in ("", "..")]
            for depth in range(len(parts), -1, -1):
                yield base.joinpath(*parts[:depth])


def _words(path: Path) -> list[str]:
    lines = _lines(path)
    return lines[0].split() if lines else []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
