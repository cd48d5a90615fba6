"""`runs_dir/.sweeps/<name>/sweep.json`: which runs were asked for together, those not started too."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from irnn.config import ConfigError
from irnn.runs.files import StorageError, read_json, storage_error, write_json

SCHEMA = 1
_PATIENCE_SECONDS = 30.0  # for another process that writes it


def read(folder: Path) -> dict[str, Any] | None:
    """Give the record of a sweep, or None where there is none.

    Raises:
        ConfigError: It is damaged.
    """
    path = folder / "sweep.json"
    try:
        content = read_json(path, "schema", "name", "jobs") if path.exists() else None
    except ConfigError as error:
        raise ConfigError(f"{str(error).partition(';')[0]}; remove it to record anew") from error
    if content is not None and not _are_jobs(content["jobs"]):
        raise ConfigError(
            f"{path} is damaged (its jobs are not what was written); remove it to record anew"
        )
    return content


def _are_jobs(jobs: object) -> bool:
    return isinstance(jobs, list) and all(
        isinstance(job, dict)
        and isinstance(job.get("run_id"), str)
        and isinstance(job.get("overrides"), list)
        for job in jobs
    )


def add(
    folder: Path, name: str, command: Sequence[str], jobs: Iterable[tuple[str, Sequence[str]]]
) -> None:
    """Record jobs, as pairs of run id and overrides, keeping those recorded before.

    Raises:
        ConfigError: The record that is there is damaged.
        StorageError: It cannot be written.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=_PATIENCE_SECONDS):
            known = read(folder) or {"created": now, "jobs": []}
            overrides = {job["run_id"]: job["overrides"] for job in known["jobs"]}
            overrides.update({run_id: list(words) for run_id, words in jobs})
            content = {
                "schema": SCHEMA,
                "name": name,
                "command": list(command),
                "created": known.get("created", now),
                "updated": now,
                "jobs": [{"run_id": key, "overrides": value} for key, value in overrides.items()],
            }
            write_json(folder / "sweep.json", content)
    except Timeout as error:
        raise ConfigError(f"{folder}/.lock is held by another process; try again") from error
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(folder, error) from error
