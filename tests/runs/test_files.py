import errno
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from irnn.runs import checkpoint
from irnn.runs.directory import RunDirectory
from irnn.runs.files import StorageError, storage_error, write_atomically, write_json
from irnn.runs.metrics import MetricsFile, read_records
from irnn.runs.ownership import BusyError
from irnn.spec.config import ConfigError
from irnn.system.atomic import replacing


@pytest.fixture
def files_end_at_4_kib() -> Iterator[None]:
    """Make every write beyond 4 KiB of a file fail, as a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, files_end_at_4_kib: None
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(StorageError, match="run the same command again"):
        write_atomically(path, b"new" * 4096)
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_checkpoint_that_does_not_fit_leaves_the_last_one_good(
    tmp_path: Path, files_end_at_4_kib: None
) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"step": 1, "w": torch.zeros(3)})
    with pytest.raises(StorageError):
        checkpoint.save(path, {"step": 2, "w": torch.zeros(30_000)})
    assert checkpoint.load(path, torch.device("cpu"))["step"] == 1


def test_a_record_that_does_not_fit_leaves_no_half_line(
    tmp_path: Path, files_end_at_4_kib: None
) -> None:
    path = tmp_path / "metrics.jsonl"
    MetricsFile(path).append({"step": 1, "pad": "x" * 3000})
    with pytest.raises(StorageError, match="free some space"):
        MetricsFile(path).append({"step": 2, "pad": "x" * 3000})
    assert [record["step"] for record in read_records(path)] == [1]
    assert path.read_text().endswith("\n")


def test_a_failing_rename_leaves_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError, match="No space left on device"):
        write_atomically(tmp_path / "file", b"x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "its folder must be there and writable"),
        (errno.ENOENT, "its folder must be there and writable"),
    ],
)
def test_what_could_not_be_written_is_told_with_its_own_remedy(number: int, remedy: str) -> None:
    told = str(storage_error(Path("file"), OSError(number, os.strerror(number))))
    assert told.startswith(f"cannot write file: {os.strerror(number)}; {remedy} (or give")


def test_json_files_hold_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": float("nan"), "b": [float("inf"), 1.5]})
    assert json.loads(path.read_text()) == {"a": None, "b": [None, 1.5]}


def test_a_line_still_being_written_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    written = MetricsFile(path)
    written.append({"step": 1})
    with path.open("a") as stream:
        stream.write('{"step": 2, "te')
    assert read_records(path) == [{"step": 1}]
    continued = MetricsFile(path)
    continued.continue_at(written.size, written.digest)
    continued.append({"step": 3})
    assert [record["step"] for record in read_records(path)] == [1, 3]


class Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("damage", ["code", "cut", "text", "empty", "unknown opcode"])
def test_a_bad_checkpoint_is_refused_and_never_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "last.pt"
    torch.save({"w": torch.zeros(100), "evil": Malicious() if damage == "code" else 0}, path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:300])
    elif damage == "text":
        path.write_bytes(pickle.dumps(Malicious()))
    elif damage == "unknown opcode":  # a KeyError in the unpickler
        damaged = path.read_bytes().replace(b"\x80\x02}q\x00", b"\x80\x02jq\x00")
        assert damaged != path.read_bytes()
        path.write_bytes(damaged)
    elif damage == "empty":
        path.write_bytes(b"")
    with pytest.raises(ConfigError, match=r"last\.pt is damaged .*not a checkpoint"):
        checkpoint.load(path, torch.device("cpu"))
    assert not (tmp_path / "executed").exists()


HOLDER = """
import sys, time
from pathlib import Path
from irnn.runs.directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_belongs_to_one_process_until_that_dies(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    command = [sys.executable, "-c", HOLDER, str(directory.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match="is being trained by"), directory.locked():
            pass
        holder.kill()
        holder.wait()
    with directory.locked():
        pass


def test_starting_over_forgets_all_but_the_lock(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    with directory.locked():
        directory.result.write_text("{}")
        directory.last.write_text("x")
        directory.clear()
        assert {path.name for path in directory.path.iterdir()} == {
            ".lock",
            ".lock.1",
            "checkpoints",
        }
        assert not list(directory.last.parent.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_process_leaves_nothing_beside_a_file_it_was_writing(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "answers.csv").write_text("old")
    pid = os.fork()
    if pid == 0:  # as fresh as a command: no handlers
        signal.signal(number, signal.SIG_DFL)
        with replacing(tmp_path / "answers.csv") as beside:
            beside.write_text("half")
            os.kill(os.getpid(), number)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == number
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"answers.csv": "old"}


def test_a_signal_with_a_handler_stays_with_its_handler(tmp_path: Path) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with replacing(tmp_path / "file") as beside:
            beside.write_text("whole")
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert (tmp_path / "file").read_text() == "whole"
