"""Sweeps as the runner writes them down: which runs were asked for together, and with what."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irnn.reporting.folders import absolute, expand, is_run_folder
from irnn.reporting.text import one_line, printable
from irnn.runs.layout import SWEEP, SWEEP_SCHEMA, SWEEPS
from irnn.runs.reading import read_json
from irnn.runs.schemas import newer
from irnn.runs.sealing import check_seal

_TRAINS = re.compile(r"irnn[.-]train\b")


@dataclass(frozen=True)
class Job:
    """One run that a sweep asked for, and the overrides that name it."""

    run_id: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Sweep:
    """A sweep's file, read; `command` is what to type to get all of its runs again."""

    name: str
    command: str
    jobs: tuple[Job, ...]
    schema: str

    @property
    def run_ids(self) -> frozenset[str]:
        """The runs that belong to it; a run may belong to several sweeps."""
        return frozenset(job.run_id for job in self.jobs)


def find_sweeps(patterns: Iterable[str]) -> dict[str, list[Path]]:
    """Map the name of each sweep beside the runs of these paths to its files.

    A root of runs holds its sweeps in `.sweeps/NAME/sweep.json`; for a run folder they are those of
    the root it lies in. Raises ValueError naming a path that does not exist.
    """
    found: dict[str, list[Path]] = {}
    roots = [root for pattern in patterns for root in expand(pattern)]
    places = dict.fromkeys(absolute(root.parent if is_run_folder(root) else root) for root in roots)
    for place in places:
        for file in sorted((place / SWEEPS).glob(f"*/{SWEEP}")):
            found.setdefault(file.parent.name, []).append(file)
    return found


def read_sweep(files: Sequence[Path]) -> Sweep:
    """Read one sweep; of the same name under several roots, the jobs of all.

    Raises ValueError naming the file and what is wrong with it.
    """
    sweeps = [_read(file) for file in files]
    jobs = {job.run_id: job for sweep in sweeps for job in sweep.jobs}
    commands = dict.fromkeys(sweep.command for sweep in sweeps if sweep.command)
    schemas = dict.fromkeys(sweep.schema for sweep in sweeps)
    return Sweep(
        name=sweeps[0].name,
        command="\n".join(commands),
        jobs=tuple(jobs.values()),
        schema=", ".join(schemas),
    )


def _read(file: Path) -> Sweep:
    data = None
    try:
        data = read_json(file)
        check_seal(data, file.name)
        return Sweep(
            name=printable(file.parent.name),
            command=printable(_command(data.get("command") or [])),
            jobs=tuple(_job(entry) for entry in data["jobs"]),
            schema=one_line(data.get("schema", "none")),
        )
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if reason := newer(data, SWEEP_SCHEMA):
            raise ValueError(
                f"{file} was written by a newer irnn ({reason}): update irnn, or choose runs with --where"
            ) from error
        raise ValueError(
            f"{file} is damaged; remove it and ask for the sweep again, which writes it anew, "
            "or choose runs with --where"
        ) from error


def _job(entry: dict[str, Any]) -> Job:
    if not isinstance(entry["run_id"], str):
        raise TypeError("a run_id is text")
    words = tuple(printable(str(word)) for word in entry.get("overrides") or ())
    return Job(printable(entry["run_id"]), words)


def _command(words: Sequence[str]) -> str:
    """One line to paste into a shell; the words may or may not begin with the program."""
    line = words if isinstance(words, str) else shlex.join(str(word) for word in words)
    return line if not line or _TRAINS.search(line) else f"python -m irnn.train {line}"
