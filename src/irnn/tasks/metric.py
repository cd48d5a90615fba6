"""How a task is scored: the loss that trains, the metric that is reported, and what a trivial answer scores.

Nothing here imports torch: screens, reports and searches ask it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Metric:
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
    def better(self) -> Literal["lower", "higher"]:
        """Say in which direction the metric gets better."""
        return "higher" if self.name == "accuracy" else "lower"

    @property
    def loss_label(self) -> str:
        """Write the loss's name in a sentence."""
        return LABELS[self.loss]

    @property
    def label(self) -> str:
        """Write the metric's name in a sentence."""
        return LABELS[self.name]

    @property
    def loss_suffix(self) -> str:
        """Give what follows `train_` and `test_` in the loss's keys."""
        return "mse" if self.loss == "mse" else "loss"

    @property
    def key(self) -> str:
        """Give the metric's key in `metrics.jsonl`; what it says of a run's end has that key too."""
        return "test_accuracy" if self.name == "accuracy" else f"test_{self.loss_suffix}"

    @property
    def stop_key(self) -> str:
        """Give the setting that holds the goal."""
        return f"stop.{self.key}"

    def passes(self, value: float, threshold: float) -> bool:
        """Say whether a value is beyond a threshold, on the better side."""
        return value > threshold if self.better == "higher" else value < threshold

    def reaches(self, value: float, goal: float) -> bool:
        """Say whether a value is at a goal or beyond."""
        return value >= goal if self.better == "higher" else value <= goal

    def plain(self, goal: float | None) -> dict[str, Any]:
        """Turn into what `result.json` holds."""
        return {
            "name": self.name,
            "goal": goal,
            "better": self.better,
            "baseline": self.baseline,
            "baseline_meaning": self.baseline_meaning,
        }


LABELS = {"mse": "MSE", "cross_entropy": "cross-entropy", "accuracy": "accuracy"}


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
class Outcome:
    """What a `result.json` says of the metric.

    Args:
        label: the metric's name in a sentence.
        best: the best value of the run; None if none was finite.
        better: "lower" or "higher".
        baseline: what the trivial answer scores.
        baseline_meaning: that answer in words.
        goal: the value at which the run is solved; None if it was not asked for, or is not known.
    """

    label: str
    best: float | None
    better: str
    baseline: float
    baseline_meaning: str
    goal: float | None = None

    @property
    def exhausted(self) -> str:
        """Say what a run is that used its whole budget."""
        return "ENDED" if self.goal is None else "NOT SOLVED"


def outcome_of(result: Mapping[str, Any]) -> Outcome:
    """Read what a result says of the metric."""
    if (metric := result.get("metric")) is None:
        first = IRNN_0_1
        return Outcome(
            first.label,
            result["best_test_mse"],
            first.better,
            first.baseline,
            first.baseline_meaning,
            result.get("config", {}).get("stop", {}).get("test_mse"),
        )
    return Outcome(
        LABELS[metric["name"]],
        result["best_value"],
        metric["better"],
        metric["baseline"],
        metric["baseline_meaning"],
        metric.get("goal"),
    )
