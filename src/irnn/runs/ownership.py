"""Who trains in a run's folder: one process, on whatever machine. `docs/decisions/0009` has the argument.

Two things are held. The system's lock on `.lock` dies with its process, but may not reach other machines.
So there is a chain of claims besides, made of nothing but names: the owner has `.lock.N`, whose time of
change it renews; who releases it renames it to `.lock.N.free`; who takes over makes `.lock.N+1`, which
exactly one can, and then removes `.lock.N`, which is how an owner that was only asleep learns of it.
"""

import json
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from irnn.runs.system import Attempt, SystemLock, boot_id, is_local
from irnn.system import screen
from irnn.system.helpers import HelperError

LOCK = ".lock"
PATIENCE = 120.0
"""Seconds without a sign of life after which an owner on another machine is taken to be dead."""
BEATS = 12
"""Signs of life within that time."""

_NAME = re.compile(r"\.lock\.(\d+)(\.free)?")


class BusyError(RuntimeError):
    """Another process is training this run."""


class LostError(BusyError):
    """Another process took this run over; this one wrote nothing since."""


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


@dataclass(frozen=True)
class _Claim:
    path: Path
    number: int
    free: bool

    def owner(self) -> Owner | None:
        """Read what it says; None for one that cannot be read."""
        try:
            content: dict[str, Any] = json.loads(self.path.read_bytes())
            return Owner(**content)
        except (OSError, ValueError, TypeError):
            return None

    def sign(self) -> int | None:
        """Its time of change; None once it is gone. Opened, for NFS asks the server only then."""
        try:
            with self.path.open("rb") as stream:
                return os.fstat(stream.fileno()).st_mtime_ns
        except FileNotFoundError:
            return None


class Ownership:
    """The right to train in a folder.

    Args:
        folder: the run's folder, which exists.
        patience: seconds of silence after which another machine may take the folder over.
        unlock: the user says that the owner is gone: where no lock of the system is held, nothing is awaited;
            where one is, as the server of a dead client may, a sign of life is waited for. An owner that
            lives on this machine is respected.
        say: where to tell that it waits.
    """

    def __init__(
        self,
        folder: Path,
        *,
        patience: float = PATIENCE,
        unlock: bool = False,
        say: Callable[[str], None] = screen.say,
    ) -> None:
        self._folder, self._unlock, self._say = folder, unlock, say
        self._lock = SystemLock(folder / LOCK)
        self._me = Owner(
            host=socket.gethostname(),
            pid=os.getpid(),
            since=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            patience=patience,
            job=os.environ.get("SLURM_JOB_ID"),
            kernel=boot_id(),
            device=folder.stat().st_dev,
            local=is_local(folder),
        )
        self._mine: Path | None = None
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="irnn-owner", daemon=True)
        self.taken_over = False

    def acquire(self) -> None:
        """Become the owner. `taken_over` says then whether from one that may only be asleep.

        Raises:
            BusyError: Another process is.
            OSError: The folder cannot be written.
            HelperError: This user may have no more threads.
        """
        attempt = self._lock.acquire()
        try:
            if attempt is Attempt.busy:
                self._check_unlock()
            while not self._claim(attempt):
                pass
            if attempt is Attempt.busy:
                self._lock.replace()
        except BaseException:
            self._lock.release()
            raise
        try:
            self._heart.start()
        except RuntimeError as error:
            self.release()
            raise HelperError(
                f"{error}: no sign of life could be given; see `ulimit -u`"
            ) from error

    def confirm(self) -> None:
        """Make sure, immediately before a write becomes visible, that this process still is the owner.

        Raises:
            LostError: Another process took over while this one was asleep or cut off.
        """
        assert self._mine is not None
        try:
            _give_sign(self._mine)
        except FileNotFoundError:
            latest = self._latest()
            owner = latest.owner() if latest else None
            raise LostError(
                f"{self._folder} was taken over by {owner or 'another process'}, for this process "
                f"({self._me}) gave no sign of life; nothing was written since"
            ) from None

    def release(self) -> None:
        """Stop being the owner."""
        self._stop.set()
        if self._heart.ident is not None:
            self._heart.join(timeout=1)
        if self._mine is not None:
            with suppress(OSError):  # it was lost, or is taken over once it stays silent
                self._mine.rename(self._mine.with_name(f"{self._mine.name}.free"))
            self._mine = None
        self._lock.release()

    def _beat(self) -> None:
        mine = self._mine
        assert mine is not None
        while not self._stop.wait(self._me.patience / BEATS):
            with suppress(OSError):  # confirm() finds out
                _give_sign(mine)

    def _check_unlock(self) -> None:
        """Refuse a folder whose lock is held by the system, unless by a machine that is said to be dead."""
        latest = self._latest()
        owner = latest.owner() if latest else None
        if latest is None or latest.free or owner is None:
            raise BusyError(f"{self._folder} is being trained by another process")
        message = f"{self._folder} is being trained by {owner}"
        if (owner.kernel, owner.device) == (self._me.kernel, self._me.device):
            raise BusyError(message)
        if not self._unlock:
            raise BusyError(f"{message}; if {owner.host} is gone for good, add unlock=true")

    def _claim(self, attempt: Attempt) -> bool:
        """Try to become the owner; False: the folder changed meanwhile, look again."""
        latest = self._latest()
        sure = latest is None or latest.free or self._is_dead(latest, attempt)
        if latest is not None and not sure and not self._is_silent(latest):
            return False
        number = latest.number + 1 if latest else 1
        mine = self._folder / f".lock.{number}"
        if not _create(mine, json.dumps(asdict(self._me)).encode()):
            return False
        others = [claim for claim in self._claims() if claim.path != mine]
        try:
            if any(claim.number > number for claim in others):
                raise FileNotFoundError
            if latest is not None:
                latest.path.unlink()
        except FileNotFoundError:  # others went through here since
            mine.unlink(missing_ok=True)
            return False
        for claim in others:
            claim.path.unlink(missing_ok=True)
        self._mine, self.taken_over = mine, self.taken_over or not sure
        return True

    def _is_dead(self, latest: _Claim, attempt: Attempt) -> bool:
        """Whether an owner that released nothing is provably gone (or said to be)."""
        if attempt is Attempt.busy:
            return False
        if self._unlock:
            self.taken_over = True
            return True
        owner = latest.owner()
        if owner is None or attempt is Attempt.unsupported:
            return False
        same_system = (owner.kernel, owner.device) == (self._me.kernel, self._me.device)
        return same_system or (owner.local and self._me.local)

    def _is_silent(self, latest: _Claim) -> bool:
        """Watch for a sign of life; clocks of two machines are never compared.

        Returns:
            True after the silence that the owner promised not to exceed, False if the claim is gone.

        Raises:
            BusyError: It lives.
        """
        owner, before = latest.owner(), latest.sign()
        patience = owner.patience if owner else self._me.patience
        self._say(
            f"{self._folder}: not released by {owner or 'another process'}; "
            f"taking over after {patience:g} s without a sign of life"
        )
        end = time.monotonic() + patience
        while time.monotonic() < end:
            time.sleep(min(1.0, patience / BEATS / 2))
            sign = latest.sign()
            if sign is None:
                return False
            if sign != before:
                raise BusyError(f"{self._folder} is being trained by {owner or 'another process'}")
        return True

    def _claims(self) -> list[_Claim]:
        return _claims(self._folder)

    def _latest(self) -> _Claim | None:
        return max(self._claims(), key=lambda claim: claim.number, default=None)


def _claims(folder: Path) -> list[_Claim]:
    found = [(path, _NAME.fullmatch(path.name)) for path in folder.iterdir()]
    return [_Claim(path, int(name[1]), bool(name[2])) for path, name in found if name]


def _give_sign(mine: Path) -> None:
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


def sign_of_life(folder: Path) -> tuple[int, int] | None:
    """Give something that changes while the folder's owner lives; None: the folder has no owner."""
    latest = max(_claims(folder), key=lambda claim: claim.number, default=None)
    sign = None if latest is None or latest.free else latest.sign()
    return None if latest is None or sign is None else (latest.number, sign)


def is_lock(path: Path) -> bool:
    """Whether a file of a run's folder belongs to its lock."""
    return path.name == LOCK or _NAME.fullmatch(path.name) is not None


def _create(path: Path, content: bytes) -> bool:
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
