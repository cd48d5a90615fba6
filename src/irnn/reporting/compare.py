"""Compare two groups of runs: success rates and time to solve, and when the data cannot tell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from irnn.reporting import wording
from irnn.reporting.goals import common_goal, end_of, name_of, told_goals
from irnn.reporting.run import Run
from irnn.reporting.scoring import Scoring, one_task
from irnn.reporting.settings import (
    ABSENT,
    Value,
    labels,
    meets,
    order,
    parse_condition,
    show,
    varying_keys,
)
from irnn.reporting.statistics import (
    Interval,
    fisher_exact,
    logrank_scores,
    newcombe,
    permutation_p,
    sooner_share,
    stratified_exact,
)
from irnn.reporting.summary import (
    NO_CROSSING,
    Crossing,
    crossing,
    end_score,
    final_score,
    median,
    succeeded,
    time_to,
)

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Side:
    """The finished runs on one side of a comparison.

    `solved` counts those that solved the task, or got past the threshold asked for; `final` and `best` are
    medians of the held-out score, NaN where the median run ended without a finite one.
    """

    name: str
    runs: tuple[Run, ...]
    solved: int
    crossing: Crossing
    final: float
    best: float


@dataclass(frozen=True)
class Ranks:
    """Two sides ranked within strata: `times` are (value, whether it was seen), less is better."""

    times: Sequence[tuple[float, bool]]
    in_a: NDArray[np.bool_]
    index: NDArray[np.int64]

    @property
    def _parts(self) -> list[NDArray[np.intp]]:
        return [np.flatnonzero(self.index == number) for number in range(max(self.index) + 1)]

    @cached_property
    def p(self) -> float:
        """P-value of the permutation log-rank test, computed when it is asked for."""
        scores = np.zeros(len(self.times))
        for part in self._parts:
            own = [self.times[i] for i in part]
            scores[part] = logrank_scores([at for at, _ in own], [seen for _, seen in own])
        return permutation_p(scores, self.in_a, self.index)

    @cached_property
    def pairs(self) -> tuple[int, int, int]:
        """Count the pairs of runs in which A comes first, in which B does, and those that are undecided."""
        counts = np.zeros(3, dtype=int)
        for part in self._parts:
            a, b = ([self.times[i] for i in part if self.in_a[i] == side] for side in (True, False))
            counts += np.array(sooner_share(a, b))
        return int(counts[0]), int(counts[1]), int(counts[2])


@dataclass(frozen=True)
class Comparison:
    """A against B over the settings that both have runs for.

    `strata` names those settings with (runs of A, runs of B); runs without a counterpart are only
    counted in `left_out`. `threshold` is the held-out score that counts, on the side `past`: the goal of all
    these runs, "" where they have none, or what was `asked` for. `difference` is A's success rate minus B's.
    `sooner` ranks the runs by when they solve, `better` by the held-out score they end at, those that
    diverged behind all others.
    """

    a: Side
    b: Side
    strata: tuple[tuple[str, int, int], ...]
    left_out: int
    threshold: str
    past: str
    asked: bool
    difference: Interval
    rate_p: float
    sooner: "Ranks"
    better: "Ranks"
    cautions: tuple[str, ...]


def compare(
    runs: Sequence[Run], name_a: str, name_b: str, threshold: float | None = None
) -> Comparison:
    """Compare the finished runs that meet condition `name_a` with those that meet `name_b`.

    Runs are compared within settings that differ in nothing else: every further setting that
    varies defines a stratum, and labels are permuted inside strata only. One stratum uses Fisher's
    exact test for the rates. Success is reaching the goal that all of them have, or getting past
    `threshold`. Raises ValueError when a side is empty, the sides overlap, or tasks or goals are mixed.
    """
    known = list(dict.fromkeys(key for run in runs for key in run.settings))
    conditions = [parse_condition(name, known) for name in (name_a, name_b)]
    finished = [run for run in runs if run.finished]
    side_a, side_b = ([run for run in finished if meets(run.settings, c)] for c in conditions)
    for name, side, condition in zip((name_a, name_b), (side_a, side_b), conditions, strict=True):
        if not side:
            raise ValueError(f"--compare {name}: no finished run has it; {_found(runs, condition)}")
    if {run.run_id for run in side_a} & {run.run_id for run in side_b}:
        raise ValueError(
            f"--compare {name_a} {name_b}: a run is on both sides; make them exclusive"
        )
    chosen = {key for condition in conditions for key in condition}
    comparison = hold((name_a, side_a), (name_b, side_b), chosen, threshold)
    if not comparison.threshold:
        raise ValueError(_goalless(side_a[0].scoring))
    return comparison


def hold(
    one: tuple[str, Sequence[Run]],
    other: tuple[str, Sequence[Run]],
    chosen: set[str],
    threshold: float | None = None,
) -> Comparison:
    """Hold finished runs against others, each given with its name.

    `chosen` are the settings that tell the sides apart. Runs that have no goal, none of them, are
    compared by the score they end at only. See `compare` for the rest.
    """
    (name_a, side_a), (name_b, side_b) = one, other
    one_task((run.scoring for run in (*side_a, *side_b)), f"--compare {name_a} {name_b}")
    strata_keys = _strata_keys(side_a, side_b, chosen)
    matched_a, matched_b, strata = _match(side_a, side_b, strata_keys)
    if not strata:
        raise ValueError(
            f"--compare {name_a} {name_b}: the sides share no setting of "
            f"{_apart(side_a, side_b, strata_keys)}; narrow one with --where"
        )
    both = [*matched_a, *matched_b]
    goalless = threshold is None and all(run.goal is None for run in both)
    level = "" if goalless else _threshold(both, threshold)
    asked = None if threshold is None else level
    index = np.array([strata.index(_stratum(run, strata_keys)) for run in both])
    parts = [np.flatnonzero(index == number) for number in range(len(strata))]
    in_a = np.arange(len(both)) < len(matched_a)
    a, b = (
        _side(name, matched, level, asked)
        for name, matched in ((name_a, matched_a), (name_b, matched_b))
    )
    solved = np.array([succeeded(run, asked) for run in both])
    tables = [(*_margin(solved[p[in_a[p]]]), *_margin(solved[p[~in_a[p]]])) for p in parts]
    margins = (a.solved, len(a.runs), b.solved, len(b.runs))
    times = [(math.inf, False) if goalless else time_to(run, level) for run in both]
    named = [
        (_named(strata_keys, values), table[1], table[3])
        for values, table in zip(strata, tables, strict=True)
    ]
    return Comparison(
        a=a,
        b=b,
        strata=tuple(named),
        left_out=len(side_a) + len(side_b) - len(both),
        threshold=level,
        past=both[0].scoring.past,
        asked=asked is not None,
        difference=newcombe(*margins),
        rate_p=fisher_exact(*margins) if len(strata) == 1 else stratified_exact(tables),
        sooner=Ranks(times, in_a, index),
        better=Ranks([(end_score(run), True) for run in both], in_a, index),
        cautions=tuple(_cautions(named, a, b)),
    )


def _named(keys: Sequence[str], values: Sequence[Value]) -> str:
    short = labels(keys)
    words = (f"{short[key]}={show(value)}" for key, value in zip(keys, values, strict=True))
    return ", ".join(words) or "all runs"


def _margin(solved: NDArray[np.bool_]) -> tuple[int, int]:
    return int(solved.sum()), solved.size


def _side(name: str, runs: Sequence[Run], level: str, asked: str | None) -> Side:
    solved = sum(succeeded(run, asked) for run in runs)
    best = median([run.best_value for run in runs])
    reached = crossing(runs, level) if level else NO_CROSSING
    return Side(name, tuple(runs), solved, reached, final_score(runs), best)


def _threshold(runs: Sequence[Run], asked: float | None) -> str:
    """The held-out score at which these runs have solved their task, by its name."""
    if asked is not None:
        return _sought(runs, name_of(asked))
    settings, scoring = [run.settings for run in runs], runs[0].scoring
    key, score = scoring.goal_key, f"held-out {scoring.label}"
    goal = common_goal(settings, scoring)
    if goal is not None:
        return name_of(goal)
    goals = told_goals(settings, scoring)
    first = scoring.easiest_first(run.goal for run in runs if run.goal is not None)[0]
    raise ValueError(
        f"--compare: the runs have different goals, {key} is {goals}; compare all of them at one "
        f"{score} with --threshold {name_of(first)}, or keep one goal with --where {key}=..."
    )


def _goalless(scoring: Scoring) -> str:
    return (
        f"--compare: these runs have no goal ({scoring.goal_key} is null), so none can solve; say with "
        f"--threshold {scoring.past} which held-out {scoring.label} a run has succeeded, as in --threshold "
        f"{0.9 if scoring.higher else 0.01}"
    )


def _sought(runs: Sequence[Run], level: str) -> str:
    """Give the threshold that all runs could have got past; raise ValueError where some ended before."""
    ended = [run for run in runs if not run.sought(level)]
    if not ended:
        return level
    scoring = runs[0].scoring
    ends = [end for run in ended if (end := end_of(run.settings, scoring)) is not None]
    first = name_of(scoring.easiest_first(ends)[0])
    side, or_beyond = ("below", "less") if scoring.higher else ("above", "more")
    who = "every run" if len(ended) == len(runs) else f"{len(ended)} of the {len(runs)} runs"
    nobody = "No run could have reached it: " if len(ended) == len(runs) else ""
    raise ValueError(
        f"--threshold {level}: {nobody}{who} ended at a goal {side} it, {scoring.goal_key} being "
        f"{told_goals((run.settings for run in ended), scoring)}; compare at {first} or {or_beyond}, or "
        f"train with {scoring.goal_key}={level}"
    )


def _strata_keys(side_a: Sequence[Run], side_b: Sequence[Run], chosen: set[str]) -> list[str]:
    """Settings that vary inside a side; one that differs only between the sides comes with it."""
    within = [varying_keys([run.settings for run in side]) for side in (side_a, side_b)]
    return [key for key in dict.fromkeys(within[0] + within[1]) if key not in chosen]


def _stratum(run: Run, keys: Sequence[str]) -> tuple[Value, ...]:
    return tuple(run.settings.get(key, ABSENT) for key in keys)


def _match(
    side_a: Sequence[Run], side_b: Sequence[Run], keys: Sequence[str]
) -> tuple[list[Run], list[Run], list[tuple[Value, ...]]]:
    shared = {_stratum(run, keys) for run in side_a} & {_stratum(run, keys) for run in side_b}
    strata = sorted(shared, key=lambda values: [order(value) for value in values])
    matched_a, matched_b = (
        [run for run in side if _stratum(run, keys) in shared] for side in (side_a, side_b)
    )
    return matched_a, matched_b, strata


def _apart(side_a: Sequence[Run], side_b: Sequence[Run], keys: Sequence[str]) -> str:
    """Name the settings that keep the sides apart: those without a common value, or else all."""
    short = labels(keys)
    told = []
    for key in keys:
        values = [{run.settings.get(key, ABSENT) for run in side} for side in (side_a, side_b)]
        if not values[0] & values[1]:
            a, b = (" or ".join(show(v) for v in sorted(each, key=order)) for each in values)
            told.append(f"{short[key]} ({a} against {b})")
    return ", ".join(told or short.values())


def _found(runs: Sequence[Run], condition: dict[str, tuple[Value, ...]]) -> str:
    found = []
    for key in condition:
        values = sorted({run.settings.get(key, ABSENT) for run in runs}, key=order)
        found.append(f"{key} is {', '.join(show(value) for value in values)}")
    return "; ".join(found)


def _cautions(strata: Sequence[tuple[str, int, int]], a: Side, b: Side) -> list[str]:
    cautions = []
    if len({n_a / n_b for _, n_a, n_b in strata}) > 1:
        cautions.append(
            "The sides have unequal shares of runs per setting, so the pooled rates and their "
            "difference mix settings; the p-values do not."
        )
    budgets = [{run.settings.get("budget.updates") for run in side.runs} for side in (a, b)]
    if budgets[0] != budgets[1]:
        cautions.append(
            "The sides had different budgets of updates: the one with less was given up on sooner, "
            "and neither test can undo that."
        )
    return cautions


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
    matched = len(comparison.strata)
    lines = [
        f"{_verdict(comparison.rate_p, f'{by_rate} {rates}')} ({counts}; difference "
        f"{100 * diff.estimate:+.0f} points, 95 % interval {100 * diff.low:+.0f} to "
        f"{100 * diff.high:+.0f}; {wording.p_value(comparison.rate_p)}).",
        _nobody(comparison)
        or f"{_verdict(comparison.sooner.p, f'{by_time} {times}')} (median updates to "
        f"{comparison.threshold}: {wording.quantile(a.crossing.median)} against "
        f"{wording.quantile(b.crossing.median)}; {a.name} first in {first_a} pairs of runs, "
        f"{b.name} in {first_b}, undecided {unknown}; {wording.p_value(comparison.sooner.p)}).",
        _scores(comparison),
        f"Compared within {matched} matched setting{'s' * (matched != 1)}"
        + (f"; {comparison.left_out} runs without a counterpart left out." * bool(matched))
        * bool(comparison.left_out)
        + ("." if not comparison.left_out else ""),
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
