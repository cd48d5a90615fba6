"""What sequences of a task hold, as a user writes them and predictions show them. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

Cells = dict[str, str | float | int | None]
"""Some columns of a row: what stands in each of them."""


@dataclass(frozen=True)
class InputFile:
    """Describe the steps of sequences in a CSV file or an NPY array.

    Args:
        features: names of the F numbers of a step: columns of CSV, and the last axis of an array.
        marks: the feature that is 1 at marked steps and 0 elsewhere, of which predictions then show place
            and values.
        marked: how many steps of a sequence are marked in training.
        one_hot: features are symbols, of which a step has one: CSV names it in a column `symbol`, and an
            array has 1 for it and 0 for the others.
        bounds: the least and the largest number that can stand there; None: any that the network holds.
        trained: the least and the largest number that training has, where there are such: others are
            answered with a note.
        steps: how many steps a sequence has; None: any number.
        meaning: what the numbers are, where the names do not say it: "grey values 0 to 255".

    Raises:
        ValueError: `marks` is none of the features.
    """

    features: tuple[str, ...]
    marks: str | None = None
    marked: int = 2
    one_hot: bool = False
    bounds: tuple[float, float] | None = None
    trained: tuple[float, float] | None = None
    steps: int | None = None
    meaning: str = ""

    def __post_init__(self) -> None:
        if self.marks not in (None, *self.features):
            raise ValueError(f"marks={self.marks!r} is none of the features {self.features}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns of a step in CSV."""
        return ("symbol",) if self.one_hot else self.features

    @property
    def values(self) -> tuple[str, ...]:
        """Name the features that are not the mark."""
        return tuple(name for name in self.features if name != self.marks)

    @property
    def shape(self) -> str:
        """Write the shape of an array and what is in it."""
        size = len(self.features)
        what = self.meaning or ("one 1 a step, for its symbol" if self.one_hot else "numbers")
        return f"{'(N, T) or ' * (size == 1)}(N, T, {size}) {what}"

    @property
    def example(self) -> tuple[str, str]:
        """Write the header of a CSV file and a row that could follow it."""
        low, high = self.trained or self.bounds or (0, 1)
        usual = f"{low + (high - low) / 4:.2g}"
        step = ["1" if name == self.marks else usual for name in self.features]
        cells = [self.features[0]] if self.one_hot else step
        return ",".join(("sequence", *self.columns)), ",".join(("a", *cells))
