"""The settings that stand against each other in a report, the best of them first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from irnn.reporting.outcomes import crossing, middle
from irnn.reporting.run import Run
from irnn.reporting.settings import SEQ_LEN, Value, show
from irnn.reporting.summary import Group, Summary


@dataclass(frozen=True)
class Contender:
    """The finished runs of one setting, whatever their task's length; `name` says only what differs."""

    name: str
    runs: tuple[Run, ...]
    solved: int
    tried: int
    median: float
    score: float

    @property
    def rank(self) -> tuple[float, float, float]:
        """Sort key, the best first: success, then updates to it, then the held-out score."""
        return -self.solved / max(1, self.tried), self.median, self.score


def contending_keys(summary: Summary) -> list[str]:
    """The settings that contend: those that differ, except the task's, which nobody chooses.

    Where nothing else differs, what the task is made of contends too, but its length never.
    """
    chosen = [key for key in summary.naming if not key.startswith("task.")]
    return chosen or [key for key in summary.naming if key != SEQ_LEN]


def contenders(summary: Summary, keys: Sequence[str] | None = None) -> list[Contender]:
    """Pool the groups by every setting that contends, or by `keys` alone; the best comes first."""
    keys = contending_keys(summary) if keys is None else keys
    if not keys:
        return []
    pooled: dict[tuple[Value, ...], list[Group]] = {}
    for group in summary.groups:
        values = dict(zip(summary.keys, group.values, strict=True))
        if group.finished:
            pooled.setdefault(tuple(values[key] for key in keys), []).append(group)
    names = dict(zip(summary.keys, summary.labels, strict=True))
    found = []
    for chosen, groups in pooled.items():
        words = (
            show(value)
            if key.endswith(".name") and isinstance(value, str)
            else f"{names[key]}={show(value)}"
            for key, value in zip(keys, chosen, strict=True)
        )
        found.append(_contender(", ".join(words), groups, summary))
    return sorted(found, key=lambda each: each.rank)


def _contender(name: str, groups: Sequence[Group], summary: Summary) -> Contender:
    runs = tuple(run for group in groups for run in group.finished)
    level = summary.asked or summary.goal
    at = crossing(runs, level).median if level else None
    turn = -1 if summary.scoring.higher else 1
    score = middle(
        [math.inf if run.status == "diverged" else turn * run.best_value for run in runs]
    )
    return Contender(
        name=name,
        runs=runs,
        solved=sum(group.succeeded for group in groups),
        tried=sum(group.tried for group in groups),
        median=math.inf if at is None or math.isnan(at.value) else at.value,
        score=math.inf if math.isnan(score) else score,
    )
