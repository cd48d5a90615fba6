"""How well sequences were answered, and what of them the network never saw in training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from irnn.prediction.answers import Answers
    from irnn.tasks.base import Task
    from irnn.tasks.metric import Metric


@dataclass
class Score:
    """Counts sequences and answers: how many were right, the loss summed, the worst error, the longest."""

    sequences: int = 0
    answers: int = 0
    right: int = 0
    loss: float = 0.0
    worst: float = 0.0
    longest: int = 0

    def add(self, some: Answers) -> None:
        """Count answers in."""
        loss, right, count = some.sums
        self.sequences += len(some.names)
        self.answers += count
        self.right += right
        self.loss += loss
        self.longest = max(self.longest, some.steps)
        if some.targets is not None and some.chances is None:
            self.worst = max(self.worst, float((some.given - some.targets).abs().max()))

    def value(self, metric: Metric) -> float:
        """Give the task's metric."""
        return (self.right if metric.name == "accuracy" else self.loss) / self.answers


@dataclass
class Tally:
    """Counts answers in three ways; `trained` is the task as it was trained."""

    trained: Task
    total: Score = field(default_factory=Score)
    longer: Score = field(default_factory=Score)
    others: Score = field(default_factory=Score)
    other_marks: int = 0
    outside: int = 0

    def add(self, some: Answers) -> None:
        """Count answers in."""
        self.total.add(some)
        (self.longer if some.steps > self.trained.steps else self.others).add(some)
        other_marks, outside = some.unusual
        self.other_marks += other_marks
        self.outside += outside

    def verdict(self, task: Task) -> str:
        """Say how well all were answered, beside the trivial answer; "" without right answers.

        `task` is that of the sequences: what a trivial answer scores may depend on their length.
        """
        total, metric = self.total, task.metric
        if not total.answers:
            return ""
        if metric.loss == "mse":
            more = f", worst error {total.worst:.4f}"
        elif metric.name == "accuracy":
            more = f", {metric.loss_label} {total.loss / total.answers:.6f}"
        else:
            more = f", {total.right:,} of {total.answers:,} answers right"
        return (
            f"{total.sequences:,} sequences: {metric.label} {total.value(metric):.6f} "
            f"({metric.baseline_meaning} scores {metric.baseline:.4f}){more}"
        )

    def notes(self, at_trained: Score | None = None) -> list[str]:
        """Say what of the sequences the network never saw, and its score there where that is known.

        `at_trained` is the score on sequences of the length of training, where these have none.
        """
        notes, kind = [], self.trained.input_file
        if self.longer.sequences:
            notes.append(self._longer(self.others if self.others.sequences else at_trained))
        if self.other_marks:
            marks = {1: "one mark", 2: "two marks"}.get(kind.marked, f"{kind.marked} marks")
            notes.append(
                f"{self.other_marks:,} of them do not have exactly {marks}; the network never saw such"
            )
        if kind.trained and self.outside:
            notes.append(
                f"{self.outside:,} of them have values outside {kind.trained[0]:g} to {kind.trained[1]:g}; "
                "the network never saw such"
            )
        return notes

    def _longer(self, beside: Score | None) -> str:
        longer, steps, metric = self.longer, self.trained.steps, self.trained.metric
        text = (
            f"{longer.sequences:,} of them are longer than the {steps:,} steps of training, up to "
            f"{longer.longest:,} or {longer.longest / steps:.3g} times"
        )
        if not longer.answers:
            return text
        text += f": {metric.label} {longer.value(metric):.6g}"
        return text + (
            f", against {beside.value(metric):.6g} up to {steps:,} steps" if beside else ""
        )
