"""A run's folder: who may train in it, what it holds, and what finishing means."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from irnn.config import Config, ConfigError, plain
from irnn.runs.files import read_json, storage_error, write_atomically, write_json
from irnn.runs.identity import run_id

_LOCK = ".lock"


class BusyError(RuntimeError):
    """Another process is training this run."""


class RunDirectory:
    """The folder `runs_dir/<run_id>/` of one run. Making this object touches no disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.provenance = path / "provenance.json"
        self.metrics = path / "metrics.jsonl"
        self.last = path / "checkpoints" / "last.pt"
        self.best = path / "checkpoints" / "best.pt"
        self.result = path / "result.json"
        self.curve = path / "curve.png"
        self.log = path / "train.log"

    @classmethod
    def of(cls, config: Config) -> "RunDirectory":
        """Name the folder of a configuration."""
        return cls(Path(config.runs_dir).expanduser() / run_id(config))

    def read_result(self) -> dict[str, Any] | None:
        """Give `result.json`, or None for a run that has not finished."""
        if not self.result.exists():
            return None
        return read_json(self.result, "status", "seed", "steps", "solved_at", "divergences")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one process; the lock dies with its process, however that ends.

        Raises:
            BusyError: Another process holds it.
            StorageError: The folder cannot be made.
        """
        try:
            self.last.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / _LOCK, timeout=0)
            lock.acquire()
        except Timeout as error:
            raise BusyError(f"{self.path} is being trained by {self._owner()}") from error
        except OSError as error:
            raise storage_error(self.path, error) from error
        try:
            yield
        finally:
            lock.release()

    def _owner(self) -> str:
        try:
            latest = read_json(self.provenance)["sessions"][-1]
            return f"process {latest['pid']} on {latest['hostname']}"
        except (ConfigError, KeyError, IndexError, TypeError):
            return "another process"

    def clear(self) -> None:
        """Forget everything but the lock that the caller holds.

        First what says that the run is finished, then what it would continue from: a kill in between
        leaves a run that starts over, never one that answers from what is gone.
        """
        try:
            for first in (self.result, self.last):
                first.unlink(missing_ok=True)
            for item in self.path.iterdir():
                if item.is_dir():
                    shutil.rmtree(item, ignore_errors=True)
                elif item.name != _LOCK:
                    item.unlink()
            self.last.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise storage_error(self.path, error) from error

    def remove_leftovers(self) -> None:
        """Remove what a killed process was writing when it died."""
        for folder in (self.path, self.last.parent):
            for part in folder.glob(".*.part"):
                part.unlink(missing_ok=True)

    def describe(self, config: Config, session: dict[str, Any]) -> None:
        """Write `config.yaml`, and add this session to `provenance.json`."""
        known = None
        if self.provenance.exists():
            known = read_json(self.provenance, "token", "sessions")
        write_atomically(self.config, yaml.safe_dump(plain(config), sort_keys=False).encode())
        provenance = known or {**session, "token": secrets.token_hex(3), "sessions": []}
        provenance["sessions"].append(session)
        write_json(self.provenance, provenance)

    def finish(self, result: dict[str, Any]) -> None:
        """Write `result.json`: from now on the run is finished."""
        write_json(self.result, result)
