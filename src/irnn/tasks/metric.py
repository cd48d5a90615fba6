"""How a task is scored: the loss that trains, the metric that is reported, and what a trivial answer scores.

Nothing here imports torch: screens, reports and searches ask it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

LABELS = {"mse": "MSE", "cross_entropy": "cross-entropy", "accuracy": "accuracy"}


class Measure:
    """A metric by its name: how it is written, where it is recorded, and what of it is better."""

    name: str
    """The metric: "mse", "cross_entropy" or "accuracy"."""

    @property
    def higher(self) -> bool:
        """Whether more of it is better."""
        return self.name == "accuracy"

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Say in which direction it gets better."""
        return "higher" if self.higher else "lower"

    @property
    def label(self) -> str:
        """Write its name in a sentence."""
        return LABELS.get(self.name, self.name)

    @property
    def suffix(self) -> str:
        """Give what follows `train_` and `test_` in the keys of the loss that training lowers."""
        return "mse" if self.name == "mse" else "loss"

    @property
    def key(self) -> str:
        """Give its key in `metrics.jsonl`; what `result.json` says of a run's end has that key too."""
        return f"test_{self.name if self.higher else self.suffix}"

    @property
    def goal_key(self) -> str:
        """Name the setting that holds the goal."""
        return f"stop.{self.key}"

    @property
    def past(self) -> str:
        """Say on which side of a threshold it is better."""
        return "above" if self.higher else "below"

    def is_past(self, value: float, level: float) -> bool:
        """Whether a value is beyond a level, on the better side."""
        return value > level if self.higher else value < level


@dataclass(frozen=True)
class Metric(Measure):
    """How a task is scored.

    Args:
        loss: what training lowers, a mean over sequences (and over the steps that are read).
        loss_baseline: what the best answer that ignores the input loses; the divergence rule's floor.
        baseline_meaning: that answer in words, as the subject of a sentence: "answering 1".
        thresholds: values of the metric whose first crossing is recorded, as they are written.
        name: the metric that is reported and compared: the loss itself, or "accuracy".
        baseline: what the trivial answer scores in the metric.

    `squared_error`, `cross_entropy` and `accuracy` make one.
    """

    loss: Literal["mse", "cross_entropy"]
    loss_baseline: float
    baseline_meaning: str
    thresholds: tuple[str, ...]
    name: Literal["mse", "cross_entropy", "accuracy"]
    baseline: float

    @property
    def loss_label(self) -> str:
        """Write the loss's name in a sentence."""
        return LABELS[self.loss]

    def reaches(self, value: float, goal: float) -> bool:
        """Say whether a value is at a goal or beyond."""
        return value >= goal if self.higher else value <= goal

    def plain(self, goal: float | None) -> dict[str, Any]:
        """Turn into what `result.json` holds."""
        return {
            "name": self.name,
            "goal": goal,
            "better": self.better,
            "baseline": self.baseline,
            "baseline_meaning": self.baseline_meaning,
        }


def squared_error(
    baseline: float, meaning: str, thresholds: tuple[str, ...] = ("0.1", "0.05", "0.01", "0.001")
) -> Metric:
    """Train and score by the mean squared error.

    Args:
        baseline: what the best constant answer scores: the variance of the target.
        meaning: that answer in words, as the subject of a sentence: "answering 1".
        thresholds: values whose first crossing is recorded, as they are written.
    """
    return Metric("mse", baseline, meaning, thresholds, "mse", baseline)


def cross_entropy(baseline: float, meaning: str, thresholds: tuple[str, ...]) -> Metric:
    """Train and score by the cross-entropy, in nats, a mean over sequences and answered steps.

    Args:
        baseline: what the best answer that ignores the input scores: for C equal classes ln C.
        meaning: that answer in words, as the subject of a sentence: "guessing".
        thresholds: values whose first crossing is recorded, as they are written.
    """
    return Metric("cross_entropy", baseline, meaning, thresholds, "cross_entropy", baseline)


def accuracy(
    loss_baseline: float, chance: float, meaning: str, thresholds: tuple[str, ...]
) -> Metric:
    """Train by the cross-entropy, in nats, and score by the share of right answers, 0 to 1.

    Args:
        loss_baseline: the cross-entropy of the best answer that ignores the input: for C equal classes ln C.
        chance: its share of right answers: 1 / C.
        meaning: that answer in words, as the subject of a sentence: "guessing".
        thresholds: shares whose first crossing is recorded, as they are written.
    """
    return Metric("cross_entropy", loss_baseline, meaning, thresholds, "accuracy", chance)


IRNN_0_1 = squared_error(1 / 6, "answering 1")
"""How every run of irnn 0.1 is scored, whose folder does not say: it had the adding problem alone."""


def losses(record: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Read a record's training and held-out loss, whatever the task's loss is called."""
    suffix = "mse" if "test_mse" in record or "train_mse" in record else "loss"
    return record.get(f"train_{suffix}"), record.get(f"test_{suffix}")


@dataclass(frozen=True)
class Outcome(Measure):
    """What a `result.json` says of the metric.

    Args:
        name: the metric.
        baseline: what the trivial answer scores.
        baseline_meaning: that answer in words.
        best: the best value of the run; None if none was finite.
        goal: the value at which the run is solved; None if it was not asked for, or is not known.
    """

    name: str
    baseline: float
    baseline_meaning: str
    best: float | None
    goal: float | None

    @property
    def exhausted(self) -> str:
        """Say what a run is that used its whole budget."""
        return "ENDED" if self.goal is None else "NOT SOLVED"


def outcome_of(result: Mapping[str, Any]) -> Outcome:
    """Read what a result says of the metric."""
    if (metric := result.get("metric")) is None:
        goal = result.get("config", {}).get("stop", {}).get("test_mse")
        metric, best = IRNN_0_1.plain(goal), result["best_test_mse"]
    else:
        best = result["best_value"]
    name, baseline, meaning = (metric[key] for key in ("name", "baseline", "baseline_meaning"))
    return Outcome(name, baseline, meaning, best, metric.get("goal"))
