"""A run's folder: who may train in it, what it holds, and what finishing means."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from irnn.runs import layout, metrics
from irnn.runs.claims import PATIENCE, is_lock
from irnn.runs.files import StorageError, storage_error, write_atomically, write_json
from irnn.runs.finding import runs_folder
from irnn.runs.identity import run_id
from irnn.runs.layout import SCHEMA, SOURCE
from irnn.runs.ownership import Ownership
from irnn.runs.reading import UnreadableError
from irnn.runs.schemas import DamagedError, Provenance, Result, read_as
from irnn.runs.sealing import DIGEST, check_seal, sealed
from irnn.spec.config import Config
from irnn.spec.options import plain
from irnn.spec.registry import sources_of
from irnn.spec.source_code import Source

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the compiled one, where PyYAML has it
_CLEARING = ".clearing."


class RunDirectory:
    """The folder `runs_dir/<run_id>/` of one run. Making this object touches no disk.

    Args:
        path: the folder.
        run_id: the run that it must be of; None: whatever run it is of.
    """

    def __init__(self, path: Path, run_id: str | None = None) -> None:
        self.path, self.run_id = path, run_id
        self.config = path / layout.CONFIG
        self.provenance = path / layout.PROVENANCE
        self.metrics = path / layout.METRICS
        self.last = path / layout.CHECKPOINTS / layout.LAST
        self.best = path / layout.CHECKPOINTS / layout.BEST
        self.result = path / layout.RESULT
        self.curve = path / layout.CURVE
        self.log = path / layout.LOG
        self._owner: Ownership | None = None

    @classmethod
    def of(cls, config: Config, name: str | None = None) -> "RunDirectory":
        """Name the folder of a configuration; `name` is its run id, where that is known already.

        Raises:
            ConfigError: `runs_dir` cannot be one.
        """
        name = name or run_id(config)
        return cls(runs_folder(config) / name, name)

    def read_result(self) -> dict[str, Any] | None:
        """Give `result.json`, or None for a run that has not finished.

        Raises:
            DamagedError: It is not what was written, or another run's.
        """
        result = read_as(self.result, Result, SCHEMA)
        if result is None:
            return None
        try:
            check_seal(result, self.result.name)
        except UnreadableError as error:
            raise DamagedError(self.result, error) from error
        if self.run_id not in (None, result["run_id"]):
            raise DamagedError(self.result, f"it is of run {result['run_id']}")
        result.pop(DIGEST, None)  # it is of the file
        return result

    @contextmanager
    def locked(self, *, patience: float = PATIENCE, unlock: bool = False) -> Iterator[None]:
        """Hold the folder for one process, and clear up after the last one; see `Ownership`.

        Raises:
            BusyError: Another process holds it.
            StorageError: The folder cannot be made.
        """
        try:
            self.last.parent.mkdir(parents=True, exist_ok=True)
            owner = Ownership(self.path, patience=patience, unlock=unlock)
            owner.acquire()
        except OSError as error:
            raise storage_error(self.path, error) from error
        self._owner = owner
        try:
            try:
                self._remove_leftovers()
            except StorageError:
                raise
            except OSError as error:
                raise storage_error(self.path, error) from error
            if owner.taken_over:
                metrics.renew(self.metrics, self.confirm)
            yield
        finally:
            self._owner = None
            owner.release()

    def confirm(self) -> None:
        """Make sure that the folder is still this process's, where it is locked.

        Raises:
            LostError: Another process took it over.
        """
        if self._owner is not None:
            self._owner.confirm()

    def clear(self) -> None:
        """Forget everything but the lock that the caller holds.

        What is there is renamed into a folder that the next owner takes away: an owner that was asleep in
        here while it was succeeded finds no place to rename its successor's files to (decision 9). After a
        kill in here, the next owner goes on with it.

        Raises:
            LostError: Another process took the folder over; nothing of its was touched.
            StorageError: Something cannot be removed.
        """
        removed = self.path / f"{_CLEARING}{secrets.token_hex(4)}.part"
        try:
            removed.mkdir()
            self.confirm()
            items = [item for item in self.path.iterdir() if not is_lock(item) and item != removed]
            for item in sorted(items, key=lambda item: item != self.result):
                self._move(item, removed / item.name)
            cleared = removed.with_name(f".cleared.{secrets.token_hex(4)}.part")
            self._move(removed, cleared)  # one step, after which no owner goes on with it
            self.last.parent.mkdir(exist_ok=True)
        except OSError as error:
            with suppress(OSError):
                removed.rmdir()  # if it is empty, nothing was begun
            raise storage_error(self.path, error) from error
        shutil.rmtree(cleared, ignore_errors=True)

    def _move(self, item: Path, place: Path) -> None:
        try:
            item.rename(place)
        except FileNotFoundError:  # the place went with this process's right, or the item by itself
            self.confirm()
            if not place.parent.exists():
                raise

    def _remove_leftovers(self) -> None:
        """Remove what a killed process was writing when it died; go on with what it was clearing."""
        places = (self.path, self.last.parent)
        parts = [part for place in places for part in place.glob(".*.part")]
        self.confirm()  # so what was listed is not a later owner's
        if any(part.name.startswith(_CLEARING) for part in parts):
            self.clear()
        for part in parts:
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)

    def describe(self, config: Config, session: dict[str, Any]) -> None:
        """Write `config.yaml`, and add this session to `provenance.json`."""
        known = read_as(self.provenance, Provenance)
        content = yaml.dump(plain(config), Dumper=_Dumper, sort_keys=False)
        write_atomically(self.config, content.encode(), self.confirm)
        for source in sources_of(config).values():
            self._keep(source)
        provenance = known or {**session, "token": secrets.token_hex(3), "sessions": []}
        provenance["sessions"].append(session)
        write_json(self.provenance, provenance, self.confirm)

    def _keep(self, source: Source) -> None:
        """Keep a copy of code that is used: for readers, since nothing executes it.

        Raises:
            StorageError: The disk is full.
        """
        for name, content in source.files.items():
            path = self.path / SOURCE / source.name / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(path, error) from error
            write_atomically(path, content, self.confirm)

    def finish(self, result: dict[str, Any]) -> None:
        """Write `result.json`: from now on the run is finished."""
        write_json(self.result, sealed(result), self.confirm)
