"""Locks and writes on file systems that lack something, and in folders that several people share."""

import errno
import fcntl
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import Timeout

from irnn.runs.claims import sign_of_life
from irnn.runs.directory import RunDirectory
from irnn.runs.files import StorageError, write_atomically
from irnn.runs.locking import Lock
from irnn.runs.ownership import LostError, Ownership
from irnn.spec.config import Config
from irnn.sweeps import record, study
from irnn.sweeps.space import Space
from irnn.training.session import run

LACKING = [errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS]
LACKING_IDS = [errno.errorcode[number] for number in LACKING]


@pytest.fixture
def no_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.parametrize("no_flock", LACKING, ids=LACKING_IDS, indirect=True)
def test_without_flock_a_lock_still_has_one_holder(no_flock: None, tmp_path: Path) -> None:
    with Lock(tmp_path / ".lock", patience=0), pytest.raises(Timeout):
        Lock(tmp_path / ".lock", patience=0).acquire()
    with Lock(tmp_path / ".lock", patience=0):
        pass


def test_with_flock_a_lock_has_one_holder_and_its_file_stays(tmp_path: Path) -> None:
    with Lock(tmp_path / ".lock", patience=0), pytest.raises(Timeout):
        Lock(tmp_path / ".lock", patience=0.2).acquire()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    Lock(tmp_path / ".lock", patience=0).acquire()


@pytest.mark.parametrize("no_flock", LACKING, ids=LACKING_IDS, indirect=True)
def test_a_sweep_is_recorded_where_flock_is_not_supported(no_flock: None, tmp_path: Path) -> None:
    record.add(tmp_path, "name", ["python"], [("irnn-a", ["seed=0"])])
    record.add(tmp_path, "name", ["python"], [("irnn-b", ["seed=1"])])
    known = record.read(tmp_path)
    assert known is not None
    assert [job["run_id"] for job in known["jobs"]] == ["irnn-a", "irnn-b"]


def fsync_of_folders_answers(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_folder_that_cannot_be_made_durable_is_no_reason_to_write_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync_of_folders_answers(number, monkeypatch)
    write_atomically(tmp_path / "file", b"text")
    assert (tmp_path / "file").read_bytes() == b"text"


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync_of_folders_answers(errno.EIO, monkeypatch)
    with pytest.raises(StorageError, match="Input/output error"):
        write_atomically(tmp_path / "file", b"text")


def refuse(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, number: int) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(where, name, refused)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
@pytest.mark.parametrize("name", ["fsync", "utime", "link"])
def test_a_run_trains_and_goes_on_where_a_file_system_lacks_a_call(
    small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    refuse(monkeypatch, os, name, number)
    assert run(small("budget.updates=10"))["steps"] == 10
    assert run(small("budget.updates=20"))["steps"] == 20


def test_without_times_a_claim_still_shows_life_and_is_never_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, os, "utime", errno.EOPNOTSUPP)
    owner = Ownership(tmp_path)
    owner.acquire()
    before = sign_of_life(tmp_path)
    time.sleep(0.02)
    owner.confirm()
    assert sign_of_life(tmp_path) != before
    (tmp_path / ".lock.1").unlink()
    with pytest.raises(LostError):
        owner.confirm()
    assert not (tmp_path / ".lock.1").exists()
    owner.release()


def test_a_search_is_kept_where_files_cannot_be_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    refuse(monkeypatch, os, "fsync", errno.EINVAL)
    asked: list[str] = []
    connect = sqlite3.connect

    def traced(*words: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*words, **more)
        asked.append(str(connection.execute("PRAGMA synchronous").fetchone()[0]))
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    with study.opened(tmp_path, "s", Space({}, [])):
        pass
    assert "PRAGMA synchronous = OFF" in asked


@pytest.mark.parametrize("failing", ["glob", "unlink"])
def test_a_disk_that_fails_while_a_folder_is_tidied_is_told(
    small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    directory = RunDirectory.of(small())
    directory.last.parent.mkdir(parents=True)
    (directory.path / ".x.part").touch()
    refuse(monkeypatch, Path, failing, errno.EIO)
    with pytest.raises(StorageError, match="Input/output error"), directory.locked():
        pass


@pytest.fixture
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("umask", [0o002, 0o027, 0o077], ids=oct, indirect=True)
def test_what_a_run_makes_can_be_used_by_whom_the_umask_says(
    umask: int, small: Callable[..., Config], tmp_path: Path
) -> None:
    run(small("budget.updates=5", "checkpoint.every=2"))
    record.add(tmp_path / "runs" / ".sweeps" / "name", "name", ["python"], [("irnn-a", [])])
    made = list((tmp_path / "runs").rglob("*"))
    assert {".lock", "metrics.jsonl", "last.pt", "train.log"} <= {path.name for path in made}
    for path in made:
        wanted = (0o777 if path.is_dir() else 0o666) & ~umask
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_another_user_s_lock_that_may_only_be_read_can_still_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".lock").touch()
    really = os.open

    def opened(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return really(path, flags, *mode)

    monkeypatch.setattr(os, "open", opened)
    with Lock(tmp_path / ".lock", patience=0), pytest.raises(Timeout):
        Lock(tmp_path / ".lock", patience=0).acquire()
