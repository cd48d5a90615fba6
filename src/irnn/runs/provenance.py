"""Where a run was made: command, code, versions, machine."""

import hashlib
import os
import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irnn.spec.registry import sources_of
from irnn.system.machine import available_cores

if TYPE_CHECKING:
    from irnn.spec.config import Config
    from irnn.tasks.base import Task

PACKAGES = ("irnn", "torch", "numpy", "hydra-core", "omegaconf", "wandb")


def session(
    overrides: Sequence[str],
    *,
    device: str,
    device_because: str | None,
    kernel: str,
    instruction_set: str | None,
    kernel_compiler: str | None,
    slow_because: Sequence[str],
    threads: int,
    dtype: str,
    deterministic: bool,
) -> dict[str, Any]:
    """Describe this process, for `provenance.json`; `command` makes this run alone, also of a sweep.

    `slow_because` are the lines of `irnn.kernels.slow`: fast paths that could be expected, and are not taken.
    """
    return {
        "command": shlex.join(["python", "-m", "irnn.train", *overrides]),
        "process": shlex.join(command_line()),
        "git": git_state(Path(__file__).resolve().parent),
        "versions": {"python": platform.python_version(), **package_versions()},
        "machine": {
            "hostname": socket.gethostname(),
            "cpu": cpu_model(),
            "cores": available_cores(),
            "platform": platform.platform(),
        },
        "device": device,
        "device_because": device_because,
        "kernel": kernel,
        "instruction_set": instruction_set,
        "kernel_compiler": kernel_compiler,
        "slow_because": list(slow_because),
        "threads": threads,
        "dtype": dtype,
        "deterministic": deterministic,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "pid": os.getpid(),
        "hostname": socket.gethostname(),
    }


def scored(task: "Task", goal: float | None) -> dict[str, Any]:
    """Say how a run's task is scored, as `result.json` will: reports show a run before it ends."""
    metric = task.metric
    return {
        "task": task.name,
        "metric": metric.plain(goal),
        "thresholds": list(metric.thresholds),
        **({"facts": facts} if (facts := task.facts()) else {}),
    }


def plugins(config: "Config") -> dict[str, Any]:
    """Name the code of plug-ins that a run uses, of which its folder keeps a copy; or nothing."""
    used = [
        {
            "option": option,
            "plugin": source.plugin or source.name,
            "source": source.digest,
            "files": {
                name: hashlib.sha256(content).hexdigest() for name, content in source.files.items()
            },
        }
        for option, source in sources_of(config).items()
    ]
    return {"plugins": used} if used else {}


def command_line() -> list[str]:
    """The command that started this process, which may make many runs or be a notebook."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name.startswith("irnn."):
        return ["python", "-m", spec.name.removesuffix(".__main__"), *sys.argv[1:]]
    program, *words = sys.argv or [""]  # of a program that has Python within
    return [Path(program).name, *words]


@cache
def package_versions() -> dict[str, str | None]:
    """Look up the installed versions of the packages that can move a number."""
    versions: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit and dirtiness of the checkout that this code runs from; None for an installed package."""
    # Of the folder's repository, also where a hook or alias of git's started this process.
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def git(*words: str) -> str:
        finished = subprocess.run(
            ["git", "-C", str(folder), *words],
            env=surroundings,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return finished.stdout.strip()

    try:
        if git("ls-files", "--", "provenance.py") == "":
            return None
        commit, top = git("rev-parse", "HEAD", "--show-toplevel").splitlines()
        changed = git("status", "--porcelain", "--untracked-files=no")
        # A file that git does not know counts where code and settings are read from, and nowhere else.
        read = [str(folder.parents[1]), str(Path(top, "conf"))]
        changed += git("status", "--porcelain", "--untracked-files=all", "--", *read)
        return {"commit": commit, "dirty": changed != ""}
    except (OSError, subprocess.SubprocessError):
        return None


@cache
def cpu_model() -> str:
    """Name the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
