"""How numbers are written, the same on screen, on the page and in figures."""

import math

from irnn.reporting.outcomes import Crossing
from irnn.reporting.scoring import Scoring
from irnn.reporting.statistics import Interval, Quantile

NOTHING = "-"


def count(value: float) -> str:
    """A whole number with commas between thousands: 16,250."""
    if math.isnan(value):
        return NOTHING
    return f"{round(value):,}"


def quantile(value: Quantile) -> str:
    """Updates, or '>20,000' when the budget ended first, or 'never' when no budget would do."""
    if math.isfinite(value.value):
        return count(value.value)
    if math.isnan(value.value):
        return NOTHING
    return f">{count(value.bound)}" if math.isfinite(value.bound) else "never"


def quartiles(crossing: Crossing) -> str:
    """The interquartile range: '7,750 to >20,000'."""
    low, high = quantile(crossing.first_quartile), quantile(crossing.third_quartile)
    return low if low == high else f"{low} to {high}"


def crossing(of: Crossing, layout: str = "{}\n{}") -> str:
    """The median and below it the interquartile range, or one of them where both say the same."""
    middle, spread = quantile(of.median), quartiles(of)
    return middle if spread == middle else layout.format(middle, spread)


def percent(rate: float) -> str:
    """A rate as whole per cent."""
    return NOTHING if math.isnan(rate) else f"{100 * rate:.0f} %"


def rate(interval: Interval) -> str:
    """A success rate with its interval: '67 % (21 to 94)'."""
    if math.isnan(interval.estimate):
        return NOTHING
    return f"{percent(interval.estimate)} ({100 * interval.low:.0f} to {100 * interval.high:.0f})"


def duration(seconds: float) -> str:
    """Seconds as the two largest units that matter: 45 s, 12 min, 3 h 20 min."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def loss(value: float) -> str:
    """A loss to two significant digits, 'not finite' where there is none."""
    return f"{value:.2g}" if math.isfinite(value) else "not finite"


def score(value: float, scoring: Scoring) -> str:
    """A value of the metric: a loss to two significant digits, what is better higher to four."""
    if not scoring.higher:
        return loss(value)
    return f"{value:.4g}" if math.isfinite(value) else "not finite"


def best_score(value: float, scoring: Scoring) -> str:
    """The best score of some runs; '-' where none has one."""
    return NOTHING if math.isnan(value) else score(value, scoring)


def p_value(p: float) -> str:
    """A p-value to two digits: 'p = 0.032', 'p < 0.001'."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def speed(value: float) -> str:
    """Updates per second."""
    if math.isnan(value):
        return NOTHING
    return f"{value:.1f}" if value < 100 else count(value)
