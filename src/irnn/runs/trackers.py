"""Start and end the tracker of a run. It may fail in every way without touching the run."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from irnn.runs.directory import RunDirectory
from irnn.runs.identity import group_name
from irnn.runs.provenance import command_line
from irnn.runs.schemas import Provenance, read_as
from irnn.spec.choices import TrackerMode
from irnn.spec.config import Config
from irnn.spec.options import plain
from irnn.system import helpers
from irnn.system.helpers import HelperError

LOG = "wandb.log"
_INTERRUPTED_SECONDS = 3.0  # who sends a signal does not wait long before sending a harder one


@contextmanager
def tracked(
    config: Config, name: str, directory: RunDirectory, warn: Callable[[str], None]
) -> Iterator[None]:
    """Mirror the run folder to W&B while the context lasts, unless `tracker.mode=disabled`.

    The mirror is a process of its own (`irnn.runs.wandb_mirror`), at low priority. When the context ends
    it has `tracker.timeout` seconds to catch up; then it is ended. Whatever it did not pass on is in
    `metrics.jsonl`, and the next session of the run passes it on, if it has one: a finished run has none.
    """
    if config.tracker.mode is TrackerMode.disabled:
        yield
        return
    log = directory.path / LOG
    try:
        process = _start(wandb_settings(config, name, directory), directory, log)
    except (OSError, HelperError) as error:
        warn(f"tracker: W&B could not be started ({error}); metrics.jsonl has everything")
        yield
        return
    patience = config.tracker.timeout
    try:
        yield
    except KeyboardInterrupt:
        patience = min(patience, _INTERRUPTED_SECONDS)
        raise
    finally:
        _close(process, patience, warn, str(log))


def _start(
    settings: dict[str, Any], directory: RunDirectory, log: Path
) -> "subprocess.Popen[bytes]":
    words = [str(directory.path), json.dumps(settings), *command_line()]
    with log.open("ab") as output:
        return helpers.start(
            "irnn.runs.wandb_mirror",
            words,
            output,
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the trainer
        )


def wandb_settings(config: Config, name: str, directory: RunDirectory) -> dict[str, Any]:
    """Give the arguments of `wandb.init` that make sessions of one run one W&B run, and others apart.

    The id has a part that is new whenever a run starts over, since W&B never lets an id be used again.
    """
    provenance = read_as(directory.provenance, Provenance)
    assert provenance is not None, "it was written when the session began"
    tracker = config.tracker
    others = {"tags": tracker.tags, "notes": tracker.notes, "job_type": tracker.job_type}
    return {
        "id": f"{name}-{provenance['token']}",
        "name": tracker.name or name,
        "mode": tracker.mode.value,
        "project": tracker.project,
        "entity": tracker.entity,
        "group": tracker.group or group_name(config),
        "config": plain(config),
        # What is not given is left to W&B, which looks into its variables.
        **{key: value for key, value in others.items() if value is not None},
    }


def _close(
    process: "subprocess.Popen[bytes]", timeout: float, warn: Callable[[str], None], log: str
) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        status = process.wait(timeout)
    except KeyboardInterrupt:
        process.kill()
        raise
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        warn(f"tracker: W&B did not finish within {timeout:g} s; metrics.jsonl has everything")
        return
    if status != 0:
        warn(f"tracker: W&B failed, see {log}; metrics.jsonl has everything")
