"""`runs_dir/.sweeps/<name>/sweep.json`: which runs were asked for together, those not started too."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import Timeout

from irnn.runs.files import StorageError, storage_error, write_json
from irnn.runs.layout import SWEEP, SWEEP_SCHEMA
from irnn.runs.locking import Lock
from irnn.runs.reading import UnreadableError
from irnn.runs.schemas import START_OVER, UPDATE, DamagedError, SweepRecord, read_as
from irnn.runs.sealing import check_seal, sealed
from irnn.spec.config import ConfigError

REMEDY = "remove it to record anew"
_PATIENCE_SECONDS = 30.0  # for another process that writes it


def read(folder: Path) -> dict[str, Any] | None:
    """Give the record of a sweep, or None where there is none.

    Raises:
        ConfigError: It is damaged, or of a newer irnn.
    """
    path = folder / SWEEP
    try:
        record = read_as(path, SweepRecord, SWEEP_SCHEMA)
        if record is not None:
            check_seal(record, path.name)
        return record
    except UnreadableError as error:
        raise DamagedError(path, error, REMEDY) from error
    except DamagedError as error:
        if error.remedy == UPDATE:
            raise error.with_remedy(f"{UPDATE}, or give this sweep another sweep.name") from error
        if error.remedy != START_OVER:
            raise
        raise error.with_remedy(REMEDY) from error


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
        with Lock(folder / ".lock", _PATIENCE_SECONDS):
            known = read(folder) or {"created": now, "jobs": []}
            overrides = {job["run_id"]: job["overrides"] for job in known["jobs"]}
            overrides.update({run_id: list(words) for run_id, words in jobs})
            content = {
                "schema": SWEEP_SCHEMA,
                "name": name,
                "command": list(command),
                "created": known.get("created", now),
                "updated": now,
                "jobs": [{"run_id": key, "overrides": value} for key, value in overrides.items()],
            }
            write_json(folder / SWEEP, sealed(content))
    except Timeout as error:
        raise ConfigError(f"{folder}/.lock is held by another process; try again") from error
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(folder, error) from error
