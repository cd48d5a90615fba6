"""Two machines and one folder, whose locks do not reach each other.

Each machine is a UTS namespace (a host name) and a FUSE mount of the same folder: `flock` through one
mount is not seen through the other, as over NFS with `local_lock` or Lustre with `localflock`.
"""

import json
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from irnn.runs.metrics import read_records
from tests.command import LONG, checkpoint_weights, timeless, wait_for_step

ARGUMENTS = (
    *LONG,
    "budget.updates=300000",  # ten seconds and more: two others must start meanwhile
    "evaluate.every=2500",
    "checkpoint.every=2500",
    "runtime.takeover_seconds=3",
)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Path]]:
    """Mount `runs` twice, as `a` and `b`."""
    if shutil.which("bindfs") is None or shutil.which("unshare") is None:
        pytest.skip("bindfs and unshare, which make two machines of one, are not installed")
    shared = tmp_path / "runs"
    shared.mkdir()
    places = [tmp_path / name for name in "ab"]
    mounted = []
    try:
        for place in places:
            place.mkdir()
            made = subprocess.run(["bindfs", str(shared), str(place)], capture_output=True)
            if made.returncode != 0:
                pytest.skip(f"may not mount a file system here: {made.stderr.decode().strip()}")
            mounted.append(place)
        yield places
    finally:
        for place in mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def start(machine: Path, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Train on one of the machines; kills reach the command itself."""
    command = [sys.executable, "-m", "irnn.train", *ARGUMENTS, f"runs_dir={machine}"]
    script = f"hostname machine-{machine.name} && exec {shlex.join([*command, *arguments])}"
    process = subprocess.Popen(
        ["unshare", "--uts", "sh", "-c", script],
        cwd=machine.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()  # a stopped one would be waited for for ever


@pytest.mark.slow
def test_a_run_moves_to_another_machine_and_the_first_one_wakes_up_too_late(
    machines: list[Path], tmp_path: Path
) -> None:
    a, b = machines
    with start(a) as asleep:
        wait_for_step(tmp_path, 2500)
        with start(b) as rival:
            output, _ = rival.communicate(timeout=60)
        assert rival.returncode == 1, output
        assert f"is being trained by process {asleep.pid} on machine-a, since" in output
        asleep.send_signal(signal.SIGSTOP)
        with start(b) as successor:
            output, _ = successor.communicate(timeout=120)
        assert successor.returncode == 0, output
        assert "taking over after 3 s without a sign of life" in output
        assert "from update" in output
        (folder,) = (tmp_path / "runs").iterdir()
        finished = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        asleep.send_signal(signal.SIGCONT)
        output, _ = asleep.communicate(timeout=60)
    assert asleep.returncode == 1, output
    assert "was taken over by process" in output
    assert "Traceback" not in output
    log = folder / "train.log"
    for path, content in finished.items():
        assert path == log or path.read_bytes() == content, path
    with start(a, f"runs_dir={tmp_path}/undisturbed") as undisturbed:
        undisturbed.communicate(timeout=120)
    alone = tmp_path / "undisturbed" / folder.name
    assert timeless(read_records(folder / "metrics.jsonl")) == timeless(
        read_records(alone / "metrics.jsonl")
    )
    assert checkpoint_weights(folder) == checkpoint_weights(alone)
    assert json.loads((folder / "result.json").read_text())["status"] == "exhausted"
