"""A run that differs from another in nothing but its end goes on from that one's checkpoint.

The budget is part of a run's identity (docs/decisions/0002), so `budget.updates=20000` after
`budget.updates=10000` is another run in another folder. Its first 10 000 updates would be the same to the
bit: no update knows where the run will end, unless a schedule tells it. So they are taken over, with their
records. What stands in the other folder is only read, and may be written meanwhile.

Evaluations do change what follows (the divergence rule and rollbacks build on them), and a run's end is
evaluated wherever it falls. What this run would not have evaluated, it cannot continue from.
"""

import glob
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from irnn.runs import checkpoint, layout, metrics
from irnn.runs.directory import RunDirectory
from irnn.runs.files import StorageError, write_atomically, write_json
from irnn.runs.identity import run_id
from irnn.runs.reading import UnreadableError, read_bytes, read_yaml
from irnn.runs.schemas import Provenance, read_as
from irnn.spec.checks import goal_of
from irnn.spec.config import Config, ConfigError, total_updates
from irnn.training.progress import Progress

_CPU = torch.device("cpu")
_MACHINE = ("device", "kernel", "instruction_set", "dtype", "deterministic")


@dataclass(frozen=True)
class Shorter:
    """A run that is this one but for its budget and stop rule."""

    directory: RunDirectory
    config: Config

    @property
    def name(self) -> str:
        """Its run id."""
        return self.directory.path.name


@dataclass(frozen=True)
class Beginning:
    """What a shorter run has made: its last and best checkpoint, and the lines of its records."""

    last: dict[str, Any]
    best: dict[str, Any] | None
    lines: bytes

    @property
    def step(self) -> int:
        """Updates made."""
        step: int = self.last["progress"]["step"]
        return step


class CannotContinueError(Exception):
    """Why a shorter run is not what this one begins with."""


def inherit(config: Config, directory: RunDirectory) -> list[str]:
    """Begin a run's folder with what a shorter run has made of it; say in a few words what was done.

    Args:
        config: the run, which has no checkpoint yet.
        directory: its folder, locked, with its `provenance.json`.

    Returns:
        A line that names the run whose checkpoint stands in the folder now; or one for each run that it
        does not go on from, and why; none where there is no such run.

    Raises:
        StorageError: The disk is full. The same command tries again.
    """
    reasons: list[str] = []
    usable: list[tuple[Shorter, Beginning]] = []
    for shorter in _shorter_runs(config, directory):
        try:
            usable.append((shorter, _beginning(config, directory, shorter)))
        except CannotContinueError as reason:
            if str(reason):
                reasons.append(f"not continued from {shorter.name}: {reason}")
        except StorageError:
            raise
        except (ConfigError, UnreadableError, OSError, LookupError, ValueError, TypeError) as error:
            reasons.append(f"not continued from {shorter.name}: {error}")
    if not usable:
        return reasons[:1]  # one line is enough to know where to look
    shorter, beginning = max(usable, key=lambda each: each[1].step)
    _adopt(config, directory, shorter, beginning)
    but = "budget" if shorter.config.stop == config.stop else "budget and stop rule"
    return [f"from update {beginning.step:,} of {shorter.name}, which differs in its {but} alone"]


def _shorter_runs(config: Config, directory: RunDirectory) -> Iterator[Shorter]:
    """Find the runs that this one would be, had it their budget and stop rule."""
    own = run_id(config)
    readable_prefix = glob.escape(own.rpartition("-")[0])
    for path in sorted(directory.path.parent.glob(f"{readable_prefix}-*")):
        if path.name == own:
            continue
        try:
            written = read_yaml(path / layout.CONFIG)
            budget = type(config.budget)(**written["budget"])
            other = replace(config, budget=budget, stop=type(config.stop)(**written["stop"]))
            same = run_id(other) == path.name  # so all that it does not say here is equal
        except (OSError, UnreadableError, TypeError, KeyError, ValueError, AttributeError):
            continue  # a folder of something else, or of another version
        if same:
            yield Shorter(RunDirectory(path), other)


def _beginning(config: Config, directory: RunDirectory, shorter: Shorter) -> Beginning:
    """Read its last and best checkpoint and its records, as this run would have written them.

    Raises:
        CannotContinueError: This run would have other ones; without a reason, if there is nothing to go on
            from.
        ConfigError, UnreadableError, OSError: A file of it cannot be used.
    """
    if not shorter.directory.last.exists():
        raise CannotContinueError
    content = checkpoint.load(shorter.directory.last, _CPU)
    if content["run_id"] != shorter.name:
        raise CannotContinueError("its checkpoint is another run's")
    progress = Progress.from_plain(content["progress"], config.task.metric)
    step, total, seconds = progress.step, total_updates(config), config.budget.seconds
    too_far = total is not None and step > total
    if step == 0 or too_far or (seconds is not None and progress.seconds >= seconds):
        raise CannotContinueError
    if config.optim.schedule is not None:
        schedule = config.optim.schedule.value
        raise CannotContinueError(f"optim.schedule={schedule} falls over the whole budget")
    _compare_machines(directory, shorter)
    lines = read_bytes(shorter.directory.metrics, metrics.MOST_BYTES)[: progress.metrics_bytes]
    digest = progress.metrics_digest
    if digest is not None and hashlib.sha256(lines).hexdigest() != digest:
        raise CannotContinueError("its records are not those of its checkpoint")
    records = [json.loads(line) for line in lines.splitlines()]
    _check_evaluations(config, shorter.config, records)
    progress.solved = _is_solved(config, records, step)
    content["progress"] = progress.plain()
    best = None
    if math.isfinite(progress.best_value):
        best = checkpoint.load(shorter.directory.best, _CPU)
        if best["run_id"] != shorter.name or best["step"] > step:
            raise CannotContinueError(
                "its best.pt is not of that time; it may be training just now"
            )
    if directory.metrics.exists():
        begun = read_bytes(directory.metrics, metrics.MOST_BYTES)
        if not lines.startswith(begun):
            raise CannotContinueError  # this run has records of its own
    return Beginning(content, best, lines)


def _compare_machines(directory: RunDirectory, shorter: Shorter) -> None:
    """Refuse numbers that this session would not have made."""
    known = [read_as(each.provenance, Provenance) for each in (directory, shorter.directory)]
    if known[0] is None or known[1] is None:
        raise CannotContinueError("it has no provenance.json")
    own = known[0]["sessions"][-1]
    for other in known[1]["sessions"]:
        for key in _MACHINE:
            if own.get(key) != other.get(key):
                raise CannotContinueError(
                    f"it was made with {key} {other.get(key)}, not {own.get(key)}"
                )
        versions = [each.get("versions", {}).get("torch") for each in (own, other)]
        if versions[0] != versions[1]:
            raise CannotContinueError(f"it was made with PyTorch {versions[1]}, not {versions[0]}")
        if own.get("kernel") != "native" and own.get("threads") != other.get("threads"):
            raise CannotContinueError(
                f"it was made with {other.get('threads')} threads, not {own.get('threads')}"
            )


def _check_evaluations(config: Config, ended: Config, records: list[dict[str, Any]]) -> None:
    """See to it that this run would have been evaluated where the other was, and nowhere else.

    Regular evaluations are the same, and so are those of a restart. What is left is the other's end.
    """
    every, restarted = config.evaluate.every, False
    for record in records:
        event, step = record.get("event"), record["step"]
        # An update may explode anywhere; whether an end's evaluation saw it, the record does not say.
        at_end = step == total_updates(ended) or ended.budget.seconds is not None
        if step % every and not restarted and (event is None or at_end):
            raise CannotContinueError(
                f"it was evaluated at update {step:,}, where it ended; this run is evaluated every "
                f"{every:,} (a budget of a multiple can be continued)"
            )
        restarted = event is not None and event["action"] == "restart"


def _is_solved(config: Config, records: list[dict[str, Any]], step: int) -> bool:
    """Say whether this run's stop rule is met at the checkpoint.

    Raises:
        CannotContinueError: It was met before.
    """
    goal, metric = goal_of(config), config.task.metric
    for record in records:
        value, late = record[metric.key], record["step"] >= (config.stop.min_updates or 0)
        healthy = value is not None and record.get("event") is None
        if goal is not None and healthy and metric.reaches(value, goal) and late:
            if record["step"] == step:
                return True
            raise CannotContinueError(
                f"{metric.goal_key}={goal:g} was met at update {record['step']:,}, and its checkpoint is of "
                f"update {step:,}"
            )
    return False


def _adopt(config: Config, directory: RunDirectory, shorter: Shorter, beginning: Beginning) -> None:
    """Write what the shorter run has; the checkpoint last, so that a kill in between begins again."""
    name, guard = run_id(config), directory.confirm
    provenance = read_as(directory.provenance, Provenance)
    before = read_as(shorter.directory.provenance, Provenance)
    assert provenance is not None
    assert before is not None
    provenance["continued_from"] = {
        "run_id": shorter.name,
        "step": beginning.step,
        "sessions": before["sessions"],
        "continued_from": before.get("continued_from"),
    }
    if beginning.best is not None:
        checkpoint.save(directory.best, {**beginning.best, "run_id": name}, guard)
    write_atomically(directory.metrics, beginning.lines, guard)
    write_json(directory.provenance, provenance, guard)
    checkpoint.save(directory.last, {**beginning.last, "run_id": name}, guard)
