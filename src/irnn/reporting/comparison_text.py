"""A comparison in words."""

from irnn.reporting import wording
from irnn.reporting.compare import SIGNIFICANT, Comparison
from irnn.reporting.statistics import Interval
from irnn.reporting.text import counted


def sentences(comparison: Comparison) -> list[str]:
    """The comparison in words, the verdicts first in each line."""
    a, b, diff = comparison.a, comparison.b, comparison.difference
    first_a, first_b, unknown = comparison.sooner.pairs
    below = f"{comparison.past} {comparison.threshold}"
    done, rates, times = (
        (f"got {below}", f"gets {below} more often", f"gets {below} sooner")
        if comparison.asked
        else ("solved", "solves more often", "solves sooner")
    )
    counts = f"{a.name}: {a.solved} of {len(a.runs)} {done}; {b.name}: {b.solved} of {len(b.runs)}"
    by_rate = a.name if diff.estimate > 0 else b.name
    by_time = a.name if first_a > first_b else b.name
    if diff.estimate < 0:
        diff = Interval(-diff.estimate, -diff.high, -diff.low)
    ahead = (
        f"{by_rate} ahead by {100 * diff.estimate:.0f} points" if diff.estimate else "no difference"
    )
    left_out = f"; {comparison.left_out} runs without a counterpart left out" * bool(
        comparison.left_out
    )
    lines = [
        f"{_verdict(comparison.rate_p, f'{by_rate} {rates}')} ({counts}; {ahead}, 95 % interval "
        f"{100 * diff.low:.0f} to {100 * diff.high:.0f}; {wording.p_value(comparison.rate_p)}).",
        _nobody(comparison)
        or f"{_verdict(comparison.sooner.p, f'{by_time} {times}')} (median updates to "
        f"{comparison.threshold}: {wording.quantile(a.crossing.median)} against "
        f"{wording.quantile(b.crossing.median)}; {a.name} first in {first_a} pairs of runs, "
        f"{b.name} in {first_b}, undecided {unknown}; {wording.p_value(comparison.sooner.p)}).",
        _scores(comparison),
        f"Compared within {counted(len(comparison.strata), 'matched setting')}{left_out}.",
    ]
    return lines + list(comparison.cautions)


def _scores(comparison: Comparison) -> str:
    """The held-out scores at the end and at best, and whether they tell the sides apart."""
    a, b = comparison.a, comparison.b
    scoring = a.runs[0].scoring
    end_a, end_b, best_a, best_b = (
        wording.score(each, scoring) for each in (a.final, b.final, a.best, b.best)
    )
    first_a, first_b, _ = comparison.better.pairs
    p = comparison.better.p
    ahead = a.name if first_a > first_b else b.name
    return (
        f"{_verdict(p, f'{ahead} ends better')} (median held-out {scoring.label} at the end: {end_a} against "
        f"{end_b}, at its best: {best_a} against {best_b}; {wording.p_value(p)})."
    )


def _nobody(comparison: Comparison) -> str:
    """Say why there is no time to compare, where no run of either side got there."""
    runs = [*comparison.a.runs, *comparison.b.runs]
    if any(run.reached(comparison.threshold) is not None for run in runs):
        return ""
    where = f"{comparison.past} {comparison.threshold}"
    return f"No run of either side got {where}: there is no time to compare."


def _verdict(p: float, claim: str) -> str:
    return f"{claim}" if p < SIGNIFICANT else "The data cannot tell"
