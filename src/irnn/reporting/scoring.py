"""How a run's task is scored, as the run's own folder says: no task is known here by its name."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from irnn.reporting.text import one_line
from irnn.runs.layout import UNNAMED_TASK
from irnn.tasks.metric import IRNN_0_1, Measure

_MOST_THRESHOLDS = 12
_LARGEST_DENOMINATOR = 200


@dataclass(frozen=True)
class Scoring(Measure):
    """A task's metric, as a run's folder tells of it.

    Args:
        task: the task's name in the run's configuration.
        name: the metric's: "mse", "cross_entropy", "accuracy", or what a plug-in calls it.
        direction: in which it gets better: "lower" or "higher".
        baseline: what a trivial answer scores; NaN where the folder does not say.
        baseline_meaning: that answer in words, "answering 1".
        thresholds: values whose first crossing the run records, the easiest first, as it writes them.
    """

    task: str
    name: str
    direction: str
    baseline: float
    baseline_meaning: str
    thresholds: tuple[str, ...]

    @property
    def higher(self) -> bool:
        """Whether more of it is better, as the folder says."""
        return self.direction == "higher"

    @property
    def kind(self) -> tuple[str, str, bool]:
        """What runs must share to stand on one axis."""
        return self.task, self.name, self.higher

    @property
    def is_loss(self) -> bool:
        """Whether the metric is the loss that training lowers."""
        return not self.higher

    @property
    def loss_label(self) -> str:
        """Write the loss's name in a sentence."""
        return self.label if self.is_loss else "loss"

    @property
    def sign(self) -> str:
        """Write `past` as a sign."""
        return ">" if self.higher else "<"

    def best(self, values: Iterable[float], default: float = math.nan) -> float:
        """Give the best of some values."""
        return max(values, default=default) if self.higher else min(values, default=default)

    def easiest_first(self, levels: Iterable[float]) -> list[float]:
        """Order levels as training passes them."""
        return sorted(levels, reverse=not self.higher)

    def description(self) -> str:
        """Say in a line how the task is scored."""
        line = f"task={self.task}: held-out {self.label}, {self.better} is better"
        trivial = f"; {self.baseline_meaning} scores {self.baseline:.4g}"
        return line + trivial * (not math.isnan(self.baseline))

    def trivial(self) -> str:
        """Write the trivial answer's score, as a fraction where it is a simple one: 1/6."""
        near = Fraction(self.baseline).limit_denominator(_LARGEST_DENOMINATOR)
        return str(near) if abs(near - self.baseline) < 1e-12 else f"{self.baseline:.4g}"


def score_by(
    config: Mapping[str, Any], metric: object, solved_at: object, thresholds: object = None
) -> Scoring:
    """Read how a run is scored from its folder.

    Args:
        config: its configuration.
        metric: `metric` of its result.json or provenance.json; None in runs of irnn 0.1.
        solved_at: of its result.json, if there is one: the thresholds are its keys.
        thresholds: of provenance.json, for a run that has not finished.
    """
    task = _task(config)
    first = IRNN_0_1
    if not isinstance(metric, Mapping) or not isinstance(metric.get("name"), str):
        name = first.name if task == UNNAMED_TASK else _name_from_goal(config)
        metric = dict[str, Any](name=name)
        if task == UNNAMED_TASK:
            metric |= {"baseline": first.baseline, "baseline_meaning": first.baseline_meaning}
    name = one_line(metric["name"])
    higher = metric.get("better", "higher" if name == "accuracy" else "lower") == "higher"
    names = first.thresholds if task == UNNAMED_TASK and name == first.name else ()
    if not names:
        names = tuple(solved_at) if isinstance(solved_at, Mapping) and solved_at else ()
        names = names or (tuple(thresholds) if isinstance(thresholds, list | tuple) else ())
    levels = {str(each): level for each in names if (level := _level(each)) is not None}
    ordered = sorted(levels, key=lambda each: levels[each], reverse=not higher)
    return Scoring(
        task=task,
        name=name,
        direction="higher" if higher else "lower",
        baseline=_baseline(metric.get("baseline")),
        baseline_meaning=one_line(metric.get("baseline_meaning", "a trivial answer")),
        thresholds=tuple(ordered[:_MOST_THRESHOLDS]),
    )


def _task(config: Mapping[str, Any]) -> str:
    section = config.get("task")
    name = section.get("name") if isinstance(section, Mapping) else None
    return (one_line(name) if isinstance(name, str) else "") or UNNAMED_TASK


def _name_from_goal(config: Mapping[str, Any]) -> str:
    """Guess the metric of a run whose folder does not name it from the goal that it has."""
    stop = config.get("stop")
    stop = stop if isinstance(stop, Mapping) else {}
    for key, name in (("test_accuracy", "accuracy"), ("test_loss", "cross_entropy")):
        if stop.get(key) is not None:
            return name
    return "mse"


def _level(text: object) -> float | None:
    try:
        level = float(str(text))
    except ValueError:
        return None
    return level if 0 < level < math.inf else None


def _baseline(value: object) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if known else math.nan  # type: ignore[arg-type]


def one_task(scorings: Iterable[Scoring], what: str) -> None:
    """Refuse to hold runs of several tasks against each other.

    Raises:
        ValueError: `what` was asked for of more than one.
    """
    kinds = {scoring.kind: scoring for scoring in scorings}
    if len(kinds) > 1:
        text = " and ".join(f"task={each.task} ({each.label})" for each in kinds.values())
        raise ValueError(
            f"{what}: the runs are of {text}, whose scores cannot be held against each other; keep one "
            f"task with --where task={next(iter(kinds))[0]}"
        )


UNKNOWN = score_by({}, None, None)
"""What is assumed where no folder says anything: that of irnn 0.1, whose reports need no explanation."""
