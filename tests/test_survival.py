"""Kills, signals, full disks and rivals: what the command promises to survive."""

import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from irnn.runs.metrics import read_records
from tests.command import (
    ENDLESS,
    LONG,
    checkpoint_weights,
    folders,
    sessions,
    start,
    timeless,
    wait_for_step,
)
from tests.conftest import Cli


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_run_after_its_update_and_the_command_continues(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with start(tmp_path, *LONG) as process:
        wait_for_step(tmp_path, 100)
        process.send_signal(number)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == status, output
    assert "interrupted at update" in output
    assert "Traceback" not in output
    (folder,) = folders(tmp_path)
    assert not (folder / "result.json").exists()
    with start(tmp_path, *LONG, "budget.updates=2000") as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "from update" in output


@pytest.mark.slow
@pytest.mark.parametrize("network", [[], ["model.hidden_size=100", "runtime.threads=2"]], ids=str)
def test_a_run_killed_at_random_points_ends_bitwise_as_one_that_was_not(
    tmp_path: Path, network: list[str]
) -> None:
    seed = time.time_ns() % 10**6
    print(f"kill points drawn with seed {seed}")  # shown when the test fails
    random_points = random.Random(seed)
    arguments = (*LONG, *network, "checkpoint.every=20")
    for step in sorted(random_points.sample(range(0, 1900), 4)):
        with start(tmp_path, *arguments) as process:
            wait_for_step(tmp_path, step)
            time.sleep(random_points.uniform(0, 0.1))
            process.kill()
    for where in ((), ("runs_dir=undisturbed",)):
        with start(tmp_path, *arguments, *where) as process:
            process.communicate(timeout=120)
    (killed,) = folders(tmp_path)
    undisturbed = tmp_path / "undisturbed" / killed.name
    assert not list(killed.rglob("*.part"))
    assert len(sessions(killed)) >= 2, "no kill fell into a session that had begun to train"
    readings = [
        timeless(read_records(folder / "metrics.jsonl")) for folder in (killed, undisturbed)
    ]
    assert readings[0] == readings[1]
    assert len(readings[0]) == 41
    assert checkpoint_weights(killed) == checkpoint_weights(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "redirection", ["| head -n 1; exit ${PIPESTATUS[0]}", "<&- >&- 2>&-", ">/dev/full 2>&1"]
)
@pytest.mark.parametrize("words", [[], ["-m", "seed=0,1,2"]], ids=["run", "sweep"])
def test_the_screen_decides_about_no_run_and_no_sweep(
    tmp_path: Path, words: list[str], redirection: str
) -> None:
    command = [sys.executable, "-m", "irnn.train", *LONG, "budget.updates=300", *words]
    line = f"{shlex.join(command)} {redirection}"
    finished = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr
    made = folders(tmp_path)
    assert len(made) == (3 if words else 1)
    assert all((folder / "result.json").is_file() for folder in made)


def test_two_processes_cannot_train_one_run(cli: Cli, tmp_path: Path) -> None:
    with start(tmp_path, *LONG, ENDLESS) as process:
        wait_for_step(tmp_path, 50)
        second = cli("train", *LONG, ENDLESS)
        process.terminate()
        process.communicate(timeout=120)
    assert second.returncode == 1
    assert f"is being trained by process {process.pid}" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"may not mount a file system here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_a_clear_error_and_leaves_the_last_checkpoint_good(
    cli: Cli, tiny_disk: Path
) -> None:
    arguments = (*LONG, "model.hidden_size=64", f"runs_dir={tiny_disk}", "budget.updates=300")
    filled = tiny_disk / "filler"
    filled.write_bytes(b"x" * 250_000)
    full = cli("train", *arguments)
    assert full.returncode == 1, full.stdout + full.stderr
    assert "No space left on device" in full.stderr
    assert "free some space" in full.stderr
    assert "Traceback" not in full.stderr
    (folder,) = tiny_disk.glob("irnn*")
    assert not (folder / "result.json").exists()
    assert not list(folder.rglob("*.part"))
    filled.unlink()
    finished = cli("train", *arguments)
    assert finished.returncode == 0, finished.stdout + finished.stderr
