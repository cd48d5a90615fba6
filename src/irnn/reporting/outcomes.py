"""How runs came out: whether and when they got past a threshold, and the score they ended at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from irnn.reporting.run import Run
from irnn.reporting.statistics import Quantile, censored_quantile


@dataclass(frozen=True)
class Crossing:
    """Updates until the held-out score passed a threshold: quartiles, and how many runs did.

    Quartiles are NaN where runs that ended at a goal before the threshold leave them open.
    """

    crossed: int
    first_quartile: Quantile
    median: Quantile
    third_quartile: Quantile


_UNKNOWN = Quantile(math.nan, math.nan)
NO_CROSSING = Crossing(0, _UNKNOWN, _UNKNOWN, _UNKNOWN)
"""Of runs that are asked for no threshold."""


def time_to(run: Run, threshold: str) -> tuple[float, bool]:
    """When a run got past `threshold`, and whether it did.

    A run that did not is censored at its last update; one that diverged never will (inf).
    """
    at = run.reached(threshold)
    if at is not None:
        return float(at), True
    return (math.inf if run.status == "diverged" else float(run.steps)), False


def crossing(runs: Sequence[Run], threshold: str) -> Crossing:
    """Quartiles of the updates to `threshold` over `runs`, those that never crossed included."""
    times = [time_to(run, threshold) for run in runs]
    moments, observed = [t for t, _ in times], [seen for _, seen in times]
    low, middle, high = (censored_quantile(moments, observed, q) for q in (0.25, 0.5, 0.75))
    if not all(run.sought(threshold) for run in runs):
        low, middle, high = (_known(quantile) for quantile in (low, middle, high))
    return Crossing(sum(observed), low, middle, high)


def _known(quantile: Quantile) -> Quantile:
    """Of runs that ended at their goal it is not known that they needed longer than they lasted."""
    return quantile if math.isfinite(quantile.value) else _UNKNOWN


def median(values: Sequence[float]) -> float:
    """Median of the values that are numbers; NaN when none is."""
    known = sorted(value for value in values if not math.isnan(value))
    if not known:
        return math.nan
    half = len(known) // 2
    return known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2


def middle(values: Sequence[float]) -> float:
    """Median of values of which some are inf, for worse than any; NaN where the median is one of them."""
    value = median(values)
    return value if math.isfinite(value) else math.nan


def end_score(run: Run) -> float:
    """The held-out score at the end, turned so that less is better; one that blew up is worse than any."""
    if run.status == "diverged" or math.isnan(run.value):
        return math.inf
    return -run.value if run.scoring.higher else run.value


def final_score(runs: Sequence[Run]) -> float:
    """Median of the held-out scores at the end; NaN where the median run blew up, or there is none."""
    ends = middle([end_score(run) for run in runs])
    return -ends if runs and runs[0].scoring.higher else ends


def succeeded(run: Run, asked: str | None) -> bool:
    """Whether a run solved its task, or got past the threshold asked for."""
    return run.status == "solved" if asked is None else run.reached(asked) is not None
