"""Pool runs that differ only in their seed into groups and summarise each."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from irnn.reporting.goals import common_goal, drawn_threshold, name_of, shown_thresholds
from irnn.reporting.outcomes import Crossing, crossing, median, succeeded
from irnn.reporting.run import COUNTED, Run
from irnn.reporting.scoring import UNKNOWN, Scoring, one_task
from irnn.reporting.settings import (
    ABSENT,
    Value,
    is_shown,
    labels,
    naming_keys,
    order,
    show,
    split_dependent,
    varying_keys,
)
from irnn.reporting.statistics import Interval, wilson

DRAWN = 8
"""Groups that the page shows before its reader asks for more: the best."""


@dataclass(frozen=True)
class Group:
    """Runs that share every shown setting; all rates and times are over its finished runs.

    `counts` maps each status to its number; `succeeded` counts those that solved, or got past the
    threshold asked for, of those `tried` that did not end before it, and `rate` is their share with its
    interval; `goal` names the score at which a
    run has succeeded, None where it has none; times are medians in seconds, speeds in updates a second.
    """

    values: tuple[Value, ...]
    runs: tuple[Run, ...]
    counts: Mapping[str, int]
    goal: str | None
    succeeded: int
    tried: int
    rate: Interval
    crossings: Mapping[str, Crossing]
    seconds: float
    steps_per_second: float
    best: float

    @property
    def finished(self) -> tuple[Run, ...]:
        """The runs that statistics are about."""
        return tuple(run for run in self.runs if run.finished)


@dataclass(frozen=True)
class Summary:
    """The groups of runs of one task, and the settings that tell them apart.

    `keys` are full keys, `varying` those of all settings that differ, `labels` short names of `keys`,
    `naming` those of the keys that a group's name needs, `constant` what all runs share, and `follows`
    lines on settings that vary only with a name already shown. `thresholds` are worth a column, `drawn`
    is the one to draw against T, `asked` the one asked for and `goal` the goal that all runs have in
    common, if there is one. `scoring` is the task's, of its first run, and `scorings` are all of them:
    lengths may differ in what the trivial answer scores. `mark` ends the names of this task's parts on a
    page of several.
    """

    keys: tuple[str, ...]
    varying: tuple[str, ...]
    labels: tuple[str, ...]
    naming: tuple[str, ...]
    groups: tuple[Group, ...]
    constant: Mapping[str, Value]
    follows: tuple[str, ...]
    thresholds: tuple[str, ...]
    drawn: str
    asked: str | None
    goal: str | None
    scoring: Scoring
    scorings: tuple[Scoring, ...]
    mark: str = ""

    @property
    def success(self) -> str:
        """What a success rate counts."""
        return "success rate" if self.asked is None else f"{self.scoring.past} {self.asked}"

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs, group by group."""
        return tuple(run for group in self.groups for run in group.runs)

    @cached_property
    def ranked(self) -> tuple[int, ...]:
        """The numbers of the groups, the best first: by success, then updates to it, then the score."""
        level = self.asked or self.goal

        def rank(index: int) -> tuple[float, float, float]:
            group = self.groups[index]
            at = group.crossings[level].median.value if level else math.inf
            best = -group.best if self.scoring.higher else group.best
            return (
                -group.succeeded / max(1, group.tried),
                math.inf if math.isnan(at) else at,
                math.inf if math.isnan(best) else best,
            )

        return tuple(sorted(range(len(self.groups)), key=rank))

    @cached_property
    def styles(self) -> tuple[int, ...]:
        """The number of each group's colour and dashes; of many groups the best have the first ones."""
        count = len(self.groups)
        if count <= DRAWN:
            return tuple(range(count))
        place = {index: rank for rank, index in enumerate(self.ranked)}
        return tuple(place[index] for index in range(count))

    @property
    def to_goal(self) -> str:
        """What the updates in a grid are updates to."""
        if self.asked or self.goal:
            return f"to {self.asked or self.goal}"
        return "to the goal" * any(group.goal for group in self.groups)

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses worth a column: solved, and every other that some run has."""
        seen = {status for group in self.groups for status, n in group.counts.items() if n}
        return tuple(status for status in COUNTED if status in seen or status == "solved")

    def name(self, group: Group, without: Collection[str] = (), nothing: str | None = None) -> str:
        """One line that tells this group from the others, the keys in `without` left unsaid."""
        if nothing is None:
            nothing = "this run" if len(self.groups[0].runs) == 1 else "all runs"
        columns = zip(self.keys, self.labels, group.values, strict=True)
        parts = [
            f"{label}={show(value)}"
            for key, label, value in columns
            if key in self.naming and key not in without
        ]
        return ", ".join(parts) or nothing


def summarise_tasks(runs: Sequence[Run], threshold: float | None = None) -> tuple[Summary, ...]:
    """Summarise the runs of each task by itself, in the order of the tasks' names; one at least.

    Raises:
        ValueError: A threshold was asked for of several tasks.
    """
    if threshold is not None:
        one_task((run.scoring for run in runs), f"--threshold {name_of(threshold)}")
    tasks: dict[tuple[str, str, bool], list[Run]] = {}
    for run in runs:
        tasks.setdefault(run.scoring.kind, []).append(run)
    parts = [tasks[kind] for kind in sorted(tasks)] or [[]]
    return tuple(
        replace(summarise(part, threshold), mark=f"-task{number}" if number else "")
        for number, part in enumerate(parts)
    )


def summarise(runs: Sequence[Run], threshold: float | None = None) -> Summary:
    """Group the runs of one task by what varies between them, seeds and run-time settings aside.

    With a `threshold` a run succeeds when it gets past that held-out score, else when it solves.
    """
    settings = [run.settings for run in runs]
    varying = varying_keys(settings)
    keys, dependent = split_dependent(varying, settings)
    pooled: dict[tuple[Value, ...], list[Run]] = {}
    for run in runs:
        values = tuple(run.settings.get(key, ABSENT) for key in keys)
        pooled.setdefault(values, []).append(run)
    ordered = sorted(pooled, key=lambda values: [order(value) for value in values])
    names = labels(keys)
    everything = dict.fromkeys(key for one in settings for key in one)
    scorings = tuple(run.scoring for run in runs) or (UNKNOWN,)
    thresholds = shown_thresholds(settings, scorings, threshold)
    asked = None if threshold is None else name_of(threshold)
    goal = common_goal(settings, scorings[0])
    constant = {key: settings[0].get(key) for key in everything if key not in varying}
    return Summary(
        keys=tuple(keys),
        varying=tuple(varying),
        labels=tuple(names[key] for key in keys),
        naming=tuple(naming_keys(keys, settings)),
        groups=tuple(_group(values, pooled[values], thresholds, asked) for values in ordered),
        constant={key: value for key, value in constant.items() if is_shown(key)},
        follows=_follows(dependent, runs),
        thresholds=thresholds,
        drawn=drawn_threshold(thresholds, threshold),
        asked=asked,
        goal=None if goal is None else name_of(goal),
        scoring=scorings[0],
        scorings=tuple(dict.fromkeys(scorings)),
    )


def _group(
    values: tuple[Value, ...], runs: list[Run], thresholds: Sequence[str], asked: str | None
) -> Group:
    runs = sorted(runs, key=lambda run: (run.seed is None, run.seed or 0, run.run_id))
    finished = [run for run in runs if run.finished]
    counts = {status: sum(run.status == status for run in runs) for status in COUNTED}
    tried = [run for run in finished if asked is None or run.sought(asked)]
    successes = sum(succeeded(run, asked) for run in tried)
    own = common_goal([run.settings for run in runs], runs[0].scoring)
    goal = asked or (None if own is None else name_of(own))
    named = dict.fromkeys((*thresholds, *([goal] if goal else [])))
    return Group(
        values=values,
        runs=tuple(runs),
        counts=counts,
        goal=goal,
        succeeded=successes,
        tried=len(tried),
        rate=wilson(successes, len(tried)),
        crossings={name: crossing(finished, name) for name in named},
        seconds=median([run.seconds for run in finished]),
        steps_per_second=median([run.steps_per_second for run in finished]),
        best=median([run.best_value for run in finished]),
    )


def _follows(dependent: Mapping[str, str], runs: Sequence[Run]) -> tuple[str, ...]:
    """Say per name what comes with it: `optim=sgd has lr=0.01, momentum=0`."""
    by_name: dict[tuple[str, Value], dict[str, Value]] = {}
    for key, name in dependent.items():
        for run in runs:
            if run.settings.get(key) is not None:
                decider = (name, run.settings.get(name))
                by_name.setdefault(decider, {})[key] = run.settings[key]
    lines = []
    for (name, value), settings in by_name.items():
        pairs = ", ".join(f"{key.rsplit('.', 1)[1]}={show(v)}" for key, v in settings.items())
        lines.append(f"{name.rsplit('.', 1)[0]}={show(value)} has {pairs}")
    return tuple(lines)
