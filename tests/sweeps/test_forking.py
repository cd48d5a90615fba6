"""Jobs get processes of their own, whatever the working folder, the temporary folder and signals do."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from irnn.sweeps import forking
from irnn.system import helpers
from irnn.system.helpers import HelperError
from tests.conftest import SMALL

TASKS = """
import os, signal, time

def greet(connection, alive, *words):
    connection.send((os.getcwd(), os.environ.get("IRNN_TEST"), words))

def kill(connection, alive, number):
    os.kill(os.getpid(), number)

def stay(connection, alive):
    connection.send(os.getpid())
    time.sleep(60)

def leave(connection, alive, status):
    raise SystemExit(status)
"""
SHADOWING = ("random", "json", "torch", "numpy", "pickle", "irnn", "typing", "yaml", "tempfile")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, Path]]:
    """A server, functions that it can call, and the working folder that it was started in."""
    folder = tmp_path_factory.mktemp("work")
    modules = tmp_path_factory.mktemp("modules")
    (modules / "forking_tasks.py").write_text(TASKS)
    for name in SHADOWING:
        (folder / f"{name}.py").write_text(f"open('executed-{name}', 'w')\nraise SystemExit(5)\n")
    long = folder / ("x" * 150)
    long.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("TMPDIR", str(long))
        patch.setenv("PYTHONINSPECT", "1")
        patch.setattr(tempfile, "tempdir", None)
        patch.setattr(sys, "path", ["", *sys.path, str(modules)])
        server = forking._Server()
        import forking_tasks  # type: ignore[import-not-found]

        server.fork(forking_tasks.greet).connection.recv()  # it has started
    yield server, forking_tasks, folder
    server.close()


def test_nothing_of_the_working_folder_is_executed(started: tuple[Any, Any, Path]) -> None:
    assert not list(started[2].glob("executed-*"))


def test_a_job_is_told_its_arguments_folder_and_variables(
    started: tuple[Any, Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IRNN_TEST", "yes")
    child = started[0].fork(started[1].greet, 1, "r\udcff")
    assert child.connection.recv() == (str(tmp_path), "yes", (1, "r\udcff"))
    assert child.join(30)


@pytest.mark.parametrize(
    ("how", "number", "said"),
    [
        ("kill", signal.SIGKILL, "killed by SIGKILL, as a machine out of memory does"),
        ("kill", signal.SIGSEGV, "killed by SIGSEGV"),
        ("kill", signal.SIGTERM, "killed by SIGTERM"),
        ("leave", 7, "exit status 7"),
    ],
)
def test_a_job_that_dies_says_how(
    started: tuple[Any, Any, Path], how: str, number: int, said: str
) -> None:
    child = started[0].fork(getattr(started[1], how), number)
    assert wait([child.connection], 30), "the end of the job is not the end of its connection"
    with pytest.raises(EOFError):
        child.connection.recv()
    assert child.join(30)
    assert said in child.how_it_ended()


def test_a_job_can_be_killed_and_is_not_waited_for_without_end(
    started: tuple[Any, Any, Path],
) -> None:
    child = started[0].fork(started[1].stay)
    assert child.connection.recv() == child.pid
    assert not child.join(0.1)
    child.kill()
    assert child.join(30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_the_whole_group_leave_the_server_alone(
    started: tuple[Any, Any, Path], number: int
) -> None:
    os.kill(started[0]._process.pid, number)
    assert started[0].fork(started[1].greet).connection.recv()


def alive(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


def test_a_killed_server_leaves_its_jobs_alone_and_another_takes_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "slim_tasks.py").write_text(TASKS)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    import slim_tasks  # type: ignore[import-not-found]

    servers = forking._Servers()
    monkeypatch.setattr(forking, "_servers", lambda: servers)
    monkeypatch.setattr(forking.atexit, "register", lambda close: None)
    job = forking.fork(slim_tasks.stay)
    job.connection.recv()
    first = servers.running()
    os.kill(first._process.pid, signal.SIGKILL)
    second = forking.fork(slim_tasks.greet)  # without having noticed
    assert second.connection.recv()
    assert servers.running() is not first
    assert alive(job.pid)
    assert not job.join(0.1)
    job.kill()
    assert "the process that jobs are forked from was killed by SIGKILL" in job.how_it_ended()
    first.close()
    servers.running().close()


def test_a_server_that_cannot_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.12 is missing')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    server = forking._Server()
    with pytest.raises(HelperError, match=r"exit status 1.*libcudart\.so\.12 is missing"):
        server.fork(time.sleep)
    server.close()


def test_a_machine_without_room_for_a_process_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refused)
    with pytest.raises(HelperError, match=r"Resource temporarily unavailable.*ulimit -u"):
        forking._Server()


@pytest.mark.parametrize("front", ["", "cwd", "script"])
def test_a_helper_s_path_lacks_what_python_put_in_front(
    front: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = {"": "", "cwd": str(tmp_path), "script": str(tmp_path / "scripts")}[front]
    script = tmp_path / "scripts" / "mine.py"
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    monkeypatch.setattr(sys, "path", [place, "/asked/for"])
    path = helpers._path()
    assert place not in path
    assert path[0] == "/asked/for"
    assert Path(path[-1], "irnn", "system", "helpers.py").is_file()


def test_a_working_folder_that_the_user_asked_for_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/other"])
    monkeypatch.setenv("PYTHONPATH", ".")
    assert helpers._path()[0] == str(tmp_path)


@pytest.mark.parametrize("module", ["train", "report", "predict"])
def test_a_command_by_its_module_s_name_executes_nothing_of_the_working_folder(
    module: str, tmp_path: Path
) -> None:
    for name in (*SHADOWING, "argparse", "shlex", "rich"):
        if name != "irnn":
            (tmp_path / f"{name}.py").write_text(f"open('executed-{name}', 'w')\n1 / 0\n")
    finished = subprocess.run(
        [sys.executable, "-m", f"irnn.{module}", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    assert not list(tmp_path.glob("executed-*"))


PROGRAM = """
from hydra import compose, initialize
from irnn.train import main
with initialize(version_base=None, config_path=None):
    print("ended with", main(["-m", *{words!r}, "seed=0,1"]))
    print("mine is", compose(overrides=["+a=1"]))
"""


@pytest.mark.slow
def test_a_program_without_a_guard_from_standard_input_under_a_hydra_of_its_own_can_sweep(
    tmp_path: Path,
) -> None:
    finished = subprocess.run(
        [sys.executable, "-"],
        input=PROGRAM.format(words=list(SMALL)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    assert "ended with 0" in finished.stdout, finished.stdout + finished.stderr
    assert "mine is {'a': 1}" in finished.stdout
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 2
