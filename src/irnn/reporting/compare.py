"""Compare two groups of runs: success rates and time to solve, and when the data cannot tell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from irnn.reporting.goals import common_goal, end_of, goals_in_words, name_of
from irnn.reporting.outcomes import (
    NO_CROSSING,
    Crossing,
    crossing,
    end_score,
    final_score,
    median,
    succeeded,
    time_to,
)
from irnn.reporting.ranks import Ranks
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
    told_values,
    varying_keys,
)
from irnn.reporting.statistics import (
    Interval,
    fisher_exact,
    newcombe,
    stratified_exact,
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
    sooner: Ranks
    better: Ranks
    cautions: tuple[str, ...]


def about(runs: Sequence[Run], comparison: Comparison | None) -> Comparison | None:
    """Give the comparison that was asked for where it is about these runs, all of one task."""
    return comparison if comparison and comparison.a.runs[0] in runs else None


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
            there = told_values([run.settings for run in runs], condition)
            raise ValueError(f"--compare {name}: no finished run has it; {there}")
    if {run.run_id for run in side_a} & {run.run_id for run in side_b}:
        raise ValueError(
            f"--compare {name_a} {name_b}: a run is on both sides; make them exclusive"
        )
    chosen = {key for condition in conditions for key in condition}
    comparison = compare_sides((name_a, side_a), (name_b, side_b), chosen, threshold)
    if not comparison.threshold:
        raise ValueError(_goalless(side_a[0].scoring))
    return comparison


def compare_sides(
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
    goals = goals_in_words(settings, scoring)
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
        f"{goals_in_words((run.settings for run in ended), scoring)}; compare at {first} or {or_beyond}, or "
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
    parts = []
    for key in keys:
        values = [{run.settings.get(key, ABSENT) for run in side} for side in (side_a, side_b)]
        if not values[0] & values[1]:
            a, b = (" or ".join(show(v) for v in sorted(each, key=order)) for each in values)
            parts.append(f"{short[key]} ({a} against {b})")
    return ", ".join(parts or short.values())


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
