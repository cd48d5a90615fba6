"""A real Slurm of one node, made of daemons that the test starts and stops: Debian's slurm-wlm and munge."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from irnn.runs.metrics import read_records
from tests.command import wait_until

DAEMONS = ("munged", "slurmctld", "slurmd")
CONFIGURATION = """
ClusterName=irnn
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=10
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=ALL State=UP PriorityTier=2 PreemptMode=OFF
"""


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Run a Slurm while the context lasts; commands and jobs find it through SLURM_CONF."""
    if missing := [name for name in (*DAEMONS, "sbatch") if shutil.which(name) is None]:
        pytest.skip(f"no Slurm here: {', '.join(missing)} missing (apt install slurm-wlm munge)")
    if os.geteuid() != 0:
        pytest.skip("Slurm's daemons start as root only")
    settings = folder / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    settings.write_text(CONFIGURATION.format(folder=folder, host=host, ports=_free_ports()))
    folder.chmod(0o755)
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    own = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "log", "pid", "seed")]
    munged = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *own]
    daemons = []
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", str(settings))
            daemons.append(_start(folder, munged))
            wait_until(lambda: (folder / "munge.socket").exists(), "munged")
            daemons.append(_start(folder, ["slurmctld", "-D", "-i"]))
            daemons.append(_start(folder, ["slurmd", "-D"]))
            wait_until(
                lambda: slurm("sinfo", "-h", "-p", "main", "-o", "%t", check=False) == "idle",
                f"the node, see {folder}/*.out",
            )
            yield
            slurm("scancel", "--user", "root", check=False)
            wait_until(lambda: slurm("squeue", "-h", check=False) == "", "an empty queue")
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(timeout=30)


def _start(folder: Path, command: list[str]) -> "subprocess.Popen[bytes]":
    with (folder / f"{command[0]}.out").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _free_ports() -> list[int]:
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        return [first.getsockname()[1], second.getsockname()[1]]


def slurm(*command: str, check: bool = True) -> str:
    """Give what one of Slurm's commands prints."""
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0 or not check, finished.stderr
    return finished.stdout.strip()


def step_of(folder: Path) -> int:
    """How far a run is by its records; -1 before the first."""
    records = read_records(folder / "metrics.jsonl")
    return records[-1]["step"] if records else -1
