"""Sequences some of whose steps are marked, as in the adding problem: how predictions describe them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.tasks.input_file import Cells, InputFile

_ORDINALS = ("first", "second", "third", "fourth")
"""The marked steps that have columns, as many of them as training marks."""


def columns(kind: InputFile) -> tuple[str, ...]:
    """Name the columns that describe a sequence: `first_step`, `first_value`, …, `marks`."""
    each = ("step", *kind.values)
    return (*(f"{which}_{what}" for which in _ORDINALS[: kind.marked] for what in each), "marks")


def counts(inputs: Tensor, kind: InputFile) -> Tensor:
    """Count the marked steps of sequences (T, N, F): (N,)."""
    return _is_marked(inputs, kind).sum(dim=0)


def cells(inputs: Tensor, kind: InputFile) -> list[Cells]:
    """Describe sequences (T, N, F): the first marked steps, their values, and how many are marked."""
    import torch

    is_marked = _is_marked(inputs, kind)
    marks, shown = is_marked.sum(dim=0), len(_ORDINALS[: kind.marked])
    owners, steps = is_marked.T.nonzero(as_tuple=True)  # in the order of sequences, then steps
    rank = torch.arange(len(owners)) - (marks.cumsum(0) - marks)[owners]
    owners, steps, rank = owners[rank < shown], steps[rank < shown], rank[rank < shown]
    values = inputs[..., [kind.features.index(name) for name in kind.values]].double()
    found = torch.full((len(marks), shown, 1 + values.shape[2]), math.nan, dtype=torch.float64)
    found[owners, rank, 0] = steps.double()
    found[owners, rank, 1:] = values[steps, owners]
    names = columns(kind)
    return [
        dict(
            zip(names, (*(cell for place in places for cell in _plain(*place)), count), strict=True)
        )
        for places, count in zip(found.tolist(), marks.tolist(), strict=True)
    ]


def screen_cells(row: Cells, kind: InputFile) -> dict[str, str]:
    """Write what `cells` gave for a screen: "0.5000 @ 3" for each marked step."""
    shown = {}
    for which in _ORDINALS[: kind.marked]:
        step, values = row[f"{which}_step"], [row[f"{which}_{name}"] for name in kind.values]
        text = ", ".join(f"{value:.4f}" for value in values if value is not None)
        shown[f"{which} marked"] = "" if step is None else f"{text} @ {step}"
    return shown


def _is_marked(inputs: Tensor, kind: InputFile) -> Tensor:
    assert kind.marks is not None
    return inputs[..., kind.features.index(kind.marks)] != 0


def _plain(step: float, *values: float) -> tuple[float | None, ...]:
    return (None,) * (1 + len(values)) if math.isnan(step) else (int(step), *values)
