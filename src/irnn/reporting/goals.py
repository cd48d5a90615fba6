"""At which held-out score a run has solved its task: its own goal, or the threshold asked for."""

import math
from collections.abc import Iterable, Sequence

from irnn.reporting.scoring import Scoring
from irnn.reporting.settings import Settings, show
from irnn.reporting.text import counted

PLATEAU = "0.05"
"""What most published rows measure, and so what is drawn against T where nothing else is asked for."""

_EARLIEST = "stop.min_updates"
_MOST_GOALS = 3


def name_of(level: float) -> str:
    """Write a threshold as results write it: 0.001."""
    short = f"{level:g}"
    return short if float(short) == level else repr(level)


def goal_of(settings: Settings, scoring: Scoring) -> float | None:
    """The held-out score at which a run ends as solved; None for one that uses its whole budget."""
    goal = settings.get(scoring.goal_key)
    if isinstance(goal, bool) or not isinstance(goal, int | float) or not goal > 0:
        return None
    return float(goal)


def end_of(settings: Settings, scoring: Scoring) -> float | None:
    """The score at which a run ends, so that it cannot show when it would be better; None: it goes on."""
    return None if settings.get(_EARLIEST) is not None else goal_of(settings, scoring)


def common_goal(runs: Sequence[Settings], scoring: Scoring) -> float | None:
    """The goal that all of these runs have; None where some have another, or none."""
    goals = {goal_of(settings, scoring) for settings in runs}
    return goals.pop() if len(goals) == 1 else None


def shown_thresholds(
    runs: Sequence[Settings], scorings: Sequence[Scoring], asked: float | None
) -> tuple[str, ...]:
    """Thresholds worth a column, the easiest first: none beyond the score at which every run ends.

    They are those that all runs record, else those of the run that is scored hardest; the runs' goals and
    what was asked for are among them.

    Args:
        runs: settings of runs of one task.
        scorings: how each of them is scored.
        asked: the threshold asked for.
    """
    scoring = scorings[0]
    ends = [end_of(settings, scoring) for settings in runs]
    last = scoring.best(end for end in ends if end is not None) if all(ends) else math.nan
    goals = {goal for settings in runs if (goal := goal_of(settings, scoring)) is not None}
    hardest_first = scoring.easiest_first(goals)[::-1]
    levels = {level for level in _common(scorings) if not scoring.is_past(level, last)}
    levels.update(hardest_first if len(goals) <= _MOST_GOALS else hardest_first[:1])
    levels.update(() if asked is None else (asked,))
    return tuple(name_of(level) for level in scoring.easiest_first(levels))


def _common(scorings: Sequence[Scoring]) -> set[float]:
    """The thresholds of all runs; where they share none, as of several lengths, those of the hardest."""
    each = [[float(name) for name in one.thresholds] for one in dict.fromkeys(scorings)]
    shared = set.intersection(*map(set, each))
    known = [levels for levels in each if levels]
    if shared or not known:
        return shared
    last = scorings[0].best(levels[-1] for levels in known)
    return set(next(levels for levels in known if levels[-1] == last))


def drawn_threshold(thresholds: Sequence[str], asked: float | None) -> str:
    """The threshold to draw against T: what was asked for, 0.05 where runs got so far, or the last.

    A task without thresholds or goal has none: "".
    """
    if asked is not None:
        return name_of(asked)
    return PLATEAU if PLATEAU in thresholds else "".join(thresholds[-1:])


def goals_in_words(runs: Iterable[Settings], scoring: Scoring) -> str:
    """Count the runs by their goal: `0.01 (9 runs), none (3 runs)`."""
    counts: dict[float | None, int] = {}
    for settings in runs:
        goal = goal_of(settings, scoring)
        counts[goal] = counts.get(goal, 0) + 1
    ordered = sorted(counts, key=lambda goal: (goal is None, -(goal or 0)))
    return ", ".join(f"{show(goal)} ({counted(counts[goal], 'run')})" for goal in ordered)


def parse_threshold(text: str) -> float:
    """Read what was typed for --threshold; raises ValueError naming what is accepted."""
    try:
        level = float(text) if "_" not in text else math.nan
    except ValueError:
        level = math.nan
    if not 0 < level < math.inf:
        raise ValueError(f"{text} is no held-out score; give a positive number, as in 0.01")
    return level
