"""What the operating system says about a folder: its lock, its machine, and whether the folder is shared."""

import errno
import fcntl
import os
import re
import secrets
import socket
from enum import Enum
from pathlib import Path

_ON_DISK = "ext2 ext3 ext4 xfs btrfs zfs f2fs jfs reiserfs bcachefs vfat exfat ntfs ntfs3"
LOCAL_FILE_SYSTEMS = {*_ON_DISK.split(), "tmpfs", "ramfs", "overlay", "aufs"}
"""Types that one machine mounts at a time; what is not listed is taken to be shared."""

_HELD_ELSEWHERE = (errno.EAGAIN, errno.EACCES)
_UNSUPPORTED = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)


class Attempt(Enum):
    """How an attempt to lock ended."""

    held = "this process holds it"
    busy = "another process holds it"
    unsupported = "this file system has no such locks"


class SystemLock:
    """`flock` on a file: it dies with its process, and reaches as far as the file system takes it.

    On a local disk that is everybody. Over a network it is every machine (NFSv4, Lustre mounted with
    `flock`), this machine only (NFS with `local_lock`, Lustre with `localflock`), or no process at all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> Attempt:
        """Try once."""
        while True:
            descriptor = self._open()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), self._path.stat()):
                    self._descriptor = descriptor
                    return Attempt.held
            except OSError as error:
                os.close(descriptor)
                if error.errno in _HELD_ELSEWHERE:
                    return Attempt.busy
                if error.errno in _UNSUPPORTED:
                    return Attempt.unsupported
                if error.errno != errno.ENOENT:
                    raise
            else:
                os.close(descriptor)  # it was replaced before it was locked

    def _open(self) -> int:
        """Open the file, which may be another user's of a shared folder."""
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except PermissionError:
            return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)  # enough but on NFS

    def replace(self) -> None:
        """Put a new file, locked by this process, in place of one whose holder is gone for good."""
        beside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.part")
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        beside.replace(self._path)
        self.release()
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go, if it is held; the file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def boot_id() -> str:
    """Name the running system: another machine's, or this one's after a reboot, has another name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def is_local(folder: Path) -> bool:
    """Whether the file system of a folder is one that only this machine mounts."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    resolved = folder.resolve()
    longest, kind = -1, ""
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        point = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), before.split()[4])
        if len(point) >= longest and resolved.is_relative_to(point):
            longest, kind = len(point), after.split()[0]
    return kind in LOCAL_FILE_SYSTEMS
