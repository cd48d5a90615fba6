"""Claims of several machines on one folder; a machine is a name and a lock of its own here."""

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irnn.runs import claims, ownership, system
from irnn.runs.directory import RunDirectory
from irnn.runs.files import write_atomically
from irnn.runs.metrics import MetricsFile, read_records, renew
from irnn.runs.ownership import BusyError, LostError, Ownership
from irnn.runs.system import SystemLock

PATIENCE = 1.0
Machine = Callable[..., Ownership]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Stand for a process on the machine of a name, which shares no lock with others."""
    made: list[Ownership] = []

    def make(name: str, *, unlock: bool = False, local: bool = False) -> Ownership:
        with monkeypatch.context() as patch:
            patch.setattr(ownership, "boot_id", lambda: name)
            patch.setattr(ownership, "is_local", lambda _: local)
            patch.setattr(ownership.socket, "gethostname", lambda: name)
            owner = Ownership(tmp_path, patience=PATIENCE, unlock=unlock)
        owner._lock = SystemLock(tmp_path / f"kernel.{name}")
        made.append(owner)
        return owner

    yield make
    for owner in made:
        owner.release()


def die(owner: Ownership) -> None:
    """End as by SIGKILL: no sign of life, no release, no lock."""
    owner._stop.set()
    owner._heart.join()
    owner._lock.release()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name.startswith(".lock.")}


def test_an_owner_on_another_machine_is_respected_while_it_shows_life(machine: Machine) -> None:
    machine("a").acquire()
    with pytest.raises(BusyError, match=r"is being trained by process .* on a, since"):
        machine("b").acquire()


def test_a_silent_owner_on_another_machine_is_succeeded(machine: Machine, tmp_path: Path) -> None:
    dead, successor = machine("a"), machine("b")
    dead.acquire()
    die(dead)
    successor.acquire()
    assert successor.taken_over
    assert names(tmp_path) == {".lock.2"}


def test_a_folder_that_was_released_is_free_at_once(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership.time, "sleep", lambda _: pytest.fail("it waited"))
    for name in "aba":
        owner = machine(name)
        owner.acquire()
        assert not owner.taken_over
        owner.release()
    assert names(tmp_path) == {".lock.3.free"}


@pytest.mark.parametrize(
    ("successor", "local"), [("a", False), ("after a reboot", True)], ids=["same", "local disk"]
)
def test_a_death_on_the_same_machine_is_known_at_once(
    machine: Machine, successor: str, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership.time, "sleep", lambda _: pytest.fail("it waited"))
    dead = machine("a", local=local)
    dead.acquire()
    die(dead)
    owner = machine(successor, local=local)
    owner.acquire()
    assert not owner.taken_over


def test_a_disk_that_is_local_to_one_of_two_machines_is_shared(machine: Machine) -> None:
    machine("client", local=False).acquire()
    with pytest.raises(BusyError, match="on client"):
        machine("server", local=True).acquire()


def test_an_owner_that_was_only_asleep_writes_nothing_more(
    machine: Machine, tmp_path: Path
) -> None:
    asleep, awake = machine("a"), machine("b")
    asleep.acquire()
    asleep.confirm()
    write_atomically(tmp_path / "last.pt", b"old", asleep.confirm)
    die(asleep)
    awake.acquire()
    write_atomically(tmp_path / "last.pt", b"new", awake.confirm)
    with pytest.raises(LostError, match=r"was taken over by process .* on b"):
        write_atomically(tmp_path / "last.pt", b"too late", asleep.confirm)
    with pytest.raises(LostError):
        MetricsFile(tmp_path / "metrics.jsonl", asleep.confirm).append({"step": 1})
    asleep.release()
    awake.confirm()
    assert (tmp_path / "last.pt").read_bytes() == b"new"
    assert read_records(tmp_path / "metrics.jsonl") == []
    assert not list(tmp_path.glob("*.part"))


def test_who_fell_asleep_in_the_middle_of_a_write_harms_nothing(
    machine: Machine, tmp_path: Path
) -> None:
    asleep, awake = machine("a"), machine("b")
    asleep.acquire()
    directory = RunDirectory(tmp_path)
    directory.last.parent.mkdir()
    MetricsFile(directory.metrics).append({"step": 1})

    def sleep_here() -> None:
        asleep.confirm()
        die(asleep)
        awake.acquire()
        directory._remove_leftovers()
        renew(directory.metrics, awake.confirm)

    with pytest.raises(OSError, match=r"cannot write .*last\.pt"):
        write_atomically(directory.last, b"too late", sleep_here)
    assert not directory.last.exists()

    awake.release()
    asleep, awake = machine("c"), machine("d")
    asleep.acquire()
    MetricsFile(directory.metrics, sleep_here).append({"step": 2})
    assert read_records(directory.metrics) == [{"step": 1}]


def test_exactly_one_of_many_succeeds_a_dead_owner(machine: Machine, tmp_path: Path) -> None:
    dead = machine("dead")
    dead.acquire()
    die(dead)
    contenders = [machine(f"m{number}") for number in range(8)]
    outcomes: list[str] = []
    barrier = threading.Barrier(len(contenders))

    def contend(owner: Ownership) -> None:
        barrier.wait()
        try:
            owner.acquire()
            outcomes.append("owner")
        except BusyError:
            outcomes.append("busy")

    threads = [threading.Thread(target=contend, args=[owner]) for owner in contenders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["busy"] * 7 + ["owner"]
    assert names(tmp_path) == {".lock.2"}


@pytest.mark.parametrize("successions", [1, 2, 3])
def test_who_was_asleep_between_judging_and_claiming_owns_nothing(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, successions: int
) -> None:
    dead, late = machine("dead"), machine("late")
    dead.acquire()
    die(dead)
    create = claims.create
    last: list[Ownership] = []

    def after_others(path: Path, content: bytes) -> bool:
        monkeypatch.setattr(claims, "create", create)
        for number in range(successions):
            last[:] = [machine(f"m{number}")]
            last[0].acquire()
            if number < successions - 1:
                last[0].release()
        return create(path, content)

    monkeypatch.setattr(claims, "create", after_others)
    with pytest.raises(BusyError):
        late.acquire()
    last[0].confirm()
    assert names(tmp_path) == {f".lock.{1 + successions}"}


def test_unlock_takes_over_at_once_but_not_on_this_machine(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asleep = machine("a")
    asleep.acquire()
    monkeypatch.setattr(ownership.time, "sleep", lambda _: pytest.fail("it waited"))
    with pytest.raises(BusyError, match="on a"):
        machine("a", unlock=True).acquire()
    owner = machine("b", unlock=True)
    owner.acquire()
    assert owner.taken_over
    with pytest.raises(LostError):
        asleep.confirm()


def test_a_kernel_lock_that_a_dead_machine_left_needs_unlock(
    machine: Machine, tmp_path: Path
) -> None:
    dead, shared = machine("dead"), tmp_path / ".lock"
    dead._lock = SystemLock(shared)
    dead.acquire()
    for unlock in (False, True):
        impatient = machine("b", unlock=unlock)
        impatient._lock = SystemLock(shared)
        with pytest.raises(BusyError, match="on dead"):
            impatient.acquire()
    dead._stop.set()  # and the server goes on to hold its lock
    dead._heart.join()
    waiting = machine("b")
    waiting._lock = SystemLock(shared)
    with pytest.raises(BusyError, match="if dead is gone for good, add unlock=true"):
        waiting.acquire()
    successor = machine("b", unlock=True)
    successor._lock = SystemLock(shared)
    successor.acquire()
    successor.release()
    following = machine("c")
    following._lock = SystemLock(shared)
    following.acquire()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_guarded_by_claims_alone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    machine("a").acquire()
    with pytest.raises(BusyError, match="on a"):
        machine("a").acquire()


def test_a_file_system_without_hard_links_will_do(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    machine("a").acquire()
    with pytest.raises(BusyError, match="on a"):
        machine("b").acquire()


def test_a_claim_that_cannot_be_read_is_waited_for(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / ".lock.7").touch()
    owner = machine("a")
    owner.acquire()
    assert owner.taken_over
    assert names(tmp_path) == {".lock.8"}


def test_the_file_system_of_the_longest_mount_point_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / {tmp_path}/a\\040b rw - nfs4 s:/ rw\n"
    monkeypatch.setattr(system.Path, "read_text", lambda _: mounts)
    assert system.is_local(tmp_path)
    assert not system.is_local(tmp_path / "a b" / "runs")


def test_a_full_disk_leaves_no_part_of_a_claim(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = machine("a")
    write = Path.write_bytes

    def fill(self: Path, content: bytes) -> int:
        write(self, b"")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match="No space left"):
        owner.acquire()
    assert not list(tmp_path.glob(".lock.*"))
