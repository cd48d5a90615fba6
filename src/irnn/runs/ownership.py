"""Who trains in a run's folder: one process, on whatever machine. `docs/decisions/0009` has the argument.

Two things are held. The system's lock on `.lock` dies with its process, but may not reach other machines.
So there is a chain of claims besides, made of nothing but names: the owner has `.lock.N`, whose time of
change it renews; who releases it renames it to `.lock.N.free`; who takes over makes `.lock.N+1`, which
exactly one can, and then removes `.lock.N`, which is how an owner that was only asleep learns of it
(`claims` has these names).
"""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from irnn.runs import claims
from irnn.runs.claims import LOCK, PATIENCE, Claim, Owner
from irnn.runs.system import Attempt, SystemLock, boot_id, is_local
from irnn.system import screen
from irnn.system.helpers import HelperError

BEATS = 12
"""Signs of life within the patience of an owner."""


class BusyError(RuntimeError):
    """Another process is training this run."""


class LostError(BusyError):
    """Another process took this run over; this one wrote nothing since."""


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
            DamagedError: What has a name of a lock is no file.
            OSError: The folder cannot be written.
            HelperError: This user may have no more threads.
        """
        claims.refuse_what_is_no_file(self._folder)
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
            claims.give_sign(self._mine)
        except FileNotFoundError:
            latest = claims.latest(self._folder)
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
                claims.give_sign(mine)

    def _check_unlock(self) -> None:
        """Refuse a folder whose lock is held by the system, unless by a machine that is said to be dead."""
        latest = claims.latest(self._folder)
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
        latest = claims.latest(self._folder)
        sure = latest is None or latest.free or self._is_dead(latest, attempt)
        if latest is not None and not sure and not self._is_silent(latest):
            return False
        number = latest.number + 1 if latest else 1
        mine = self._folder / f".lock.{number}"
        if not claims.create(mine, json.dumps(asdict(self._me)).encode()):
            return False
        others = [claim for claim in claims.claims(self._folder) if claim.path != mine]
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

    def _is_dead(self, latest: Claim, attempt: Attempt) -> bool:
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

    def _is_silent(self, latest: Claim) -> bool:
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
