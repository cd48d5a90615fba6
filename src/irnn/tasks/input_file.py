"""What files of a task's sequences hold, so that predictions read them as the task means. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InputFile:
    """Describe the steps of sequences in a CSV file or an NPY array.

    Args:
        features: names of the F numbers of a step: columns of CSV, and the last axis of an array.
        marks: the feature that is 1 at marked steps and 0 elsewhere, usually at two of a sequence.
        one_hot: features are symbols, of which a step has one: CSV names it in a column `symbol`, and an
            array has 1 for it and 0 for the others.
        bounds: the least and the largest number that can stand there; None: any that the network holds.
        steps: how many steps a sequence has; None: any number.
        meaning: what the numbers are, where the names do not say it: "grey values 0 to 255".
    """

    features: tuple[str, ...]
    marks: str | None = None
    one_hot: bool = False
    bounds: tuple[float, float] | None = None
    steps: int | None = None
    meaning: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns of a step in CSV."""
        return ("symbol",) if self.one_hot else self.features

    @property
    def shape(self) -> str:
        """Write the shape of an array and what is in it."""
        size = len(self.features)
        what = self.meaning or ("one 1 a step, for its symbol" if self.one_hot else "numbers")
        return f"(N, T, {size}) {what}"


MARKED = InputFile(("value", "mask"), marks="mask")
"""Steps of (value, mask), as of the adding problem."""
