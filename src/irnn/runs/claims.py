"""The names `.lock.N` by which owners of a run's folder know of each other: see `ownership`."""

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from irnn.runs.reading import open_regular, read_bytes
from irnn.runs.schemas import DamagedError

LOCK = ".lock"
PATIENCE = 120.0
"""Seconds without a sign of life after which an owner on another machine is taken to be dead."""
_LONGEST = 1e7  # as runtime.takeover_seconds may be
_MOST_BYTES = 1 << 16
_NAME = re.compile(r"\.lock\.(\d+)(\.free)?")


@dataclass(frozen=True)
class Owner:
    """What an owner says about itself."""

    host: str
    pid: int
    since: str
    patience: float = PATIENCE
    job: str | None = None
    kernel: str | None = None
    device: int | None = None
    local: bool = False

    def __str__(self) -> str:
        job = f" (Slurm job {self.job})" if self.job else ""
        return f"process {self.pid} on {self.host}{job}, since {self.since}"


_OWNER = msgspec.json.Decoder(Owner)  # made before threads could, see `schemas.prepared`


@dataclass(frozen=True)
class Claim:
    """A name of the chain: whose number it has, and whether it was released."""

    path: Path
    number: int
    free: bool

    def owner(self) -> Owner | None:
        """Read what it says; None for one that cannot be read."""
        try:
            owner = _OWNER.decode(read_bytes(self.path, _MOST_BYTES))
        except (OSError, ValueError, msgspec.MsgspecError, RecursionError):
            return None
        return owner if 0 < owner.patience <= _LONGEST else None

    def sign(self) -> int | None:
        """Its time of change; None once it is gone. Opened, for NFS asks the server only then."""
        try:
            with open_regular(self.path) as stream:
                return os.fstat(stream.fileno()).st_mtime_ns
        except FileNotFoundError:
            return None


def claims(folder: Path) -> list[Claim]:
    """List what is claimed in a folder."""
    found = [(path, _NAME.fullmatch(path.name)) for path in folder.iterdir()]
    return [Claim(path, int(name[1]), bool(name[2])) for path, name in found if name]


def give_sign(mine: Path) -> None:
    """Renew a file's time of change; never make it anew.

    Raises:
        FileNotFoundError: It is gone.
    """
    try:
        os.utime(mine)
    except FileNotFoundError:
        raise
    except OSError:  # a file system where no time can be set: what is written anew changes too
        content = mine.read_bytes()
        with mine.open("r+b") as stream:
            stream.write(content)


def refuse_what_is_no_file(folder: Path) -> None:
    """Refuse what would be waited for in the place of a claim or the lock: a pipe, a link to nothing.

    Raises:
        DamagedError: There is one.
    """
    for path in filter(is_lock, folder.iterdir()):
        try:
            if path.is_file():
                continue
            path.lstat()
        except FileNotFoundError:  # another process has just removed it
            continue
        remedy = "remove it, if no process trains this run"
        raise DamagedError(path, "it belongs to a lock and is no file", remedy)


def latest(folder: Path) -> Claim | None:
    """Give the claim with the highest number; None: nobody ever owned the folder."""
    return max(claims(folder), key=lambda claim: claim.number, default=None)


def sign_of_life(folder: Path) -> tuple[int, int] | None:
    """Give something that changes while the folder's owner lives; None: the folder has no owner."""
    last = latest(folder)
    sign = None if last is None or last.free else last.sign()
    return None if last is None or sign is None else (last.number, sign)


def is_lock(path: Path) -> bool:
    """Whether a file of a run's folder belongs to its lock."""
    return path.name == LOCK or _NAME.fullmatch(path.name) is not None


def create(path: Path, content: bytes) -> bool:
    """Make a whole file that must not exist, in one step; False: it exists, or others cleared up."""
    beside = path.with_name(f".lock.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        beside.write_bytes(content)
    except OSError:  # a full disk
        beside.unlink(missing_ok=True)
        raise
    try:
        os.link(beside, path)
    except FileExistsError:
        return beside.stat().st_nlink > 1  # NFS: done, but its first answer was lost
    except FileNotFoundError:
        return False
    except OSError:  # a file system without links: for an instant the file is empty
        try:
            with path.open("xb") as stream:
                stream.write(content)
        except FileExistsError:
            return False
    finally:
        beside.unlink(missing_ok=True)
    return True
