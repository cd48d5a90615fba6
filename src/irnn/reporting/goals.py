"""At which held-out loss a run has solved its task: its own goal, or the threshold asked for."""

import math
from collections.abc import Iterable, Sequence

from irnn.reporting.settings import Settings, show

THRESHOLDS = ("0.1", "0.05", "0.01", "0.001")
"""What every run records, from leaving the plateau to precision."""
GOAL = "stop.test_mse"
PLATEAU = "0.05"
"""What most published rows measure, and so what is drawn against T where nothing else is asked for."""

_EARLIEST = "stop.min_updates"
_MOST_GOALS = 3


def name_of(level: float) -> str:
    """Write a threshold as results write it: 0.001."""
    short = f"{level:g}"
    return short if float(short) == level else repr(level)


def goal_of(settings: Settings) -> float | None:
    """The held-out MSE at which a run ends as solved; None for one that uses its whole budget."""
    goal = settings.get(GOAL)
    if isinstance(goal, bool) or not isinstance(goal, int | float) or not goal > 0:
        return None
    return float(goal)


def end_of(settings: Settings) -> float | None:
    """The loss at which a run ends, so that it cannot show when it would be lower; None: it goes on."""
    return None if settings.get(_EARLIEST) is not None else goal_of(settings)


def common_goal(runs: Sequence[Settings]) -> float | None:
    """The goal that all of these runs have; None where some have another, or none."""
    goals = {goal_of(settings) for settings in runs}
    return goals.pop() if len(goals) == 1 else None


def shown_thresholds(runs: Sequence[Settings], asked: float | None) -> tuple[str, ...]:
    """Thresholds worth a column, the largest first: none below the loss at which every run ends.

    The runs' goals and what was asked for are among them.
    """
    ends = [end_of(settings) for settings in runs]
    lowest = min((end for end in ends if end is not None), default=0.0) if all(ends) else 0.0
    goals = sorted({goal for settings in runs if (goal := goal_of(settings)) is not None})
    levels = {float(name) for name in THRESHOLDS if float(name) >= lowest}
    levels.update(goals if len(goals) <= _MOST_GOALS else goals[:1])
    levels.update(() if asked is None else (asked,))
    return tuple(name_of(level) for level in sorted(levels, reverse=True))


def drawn_threshold(thresholds: Sequence[str], asked: float | None) -> str:
    """The threshold to draw against T: what was asked for, 0.05 where runs got so far, or the last."""
    if asked is not None:
        return name_of(asked)
    return PLATEAU if PLATEAU in thresholds else thresholds[-1]


def told_goals(runs: Iterable[Settings]) -> str:
    """Count the runs by their goal: `0.01 (9 runs), none (3 runs)`."""
    counts: dict[float | None, int] = {}
    for settings in runs:
        goal = goal_of(settings)
        counts[goal] = counts.get(goal, 0) + 1
    ordered = sorted(counts, key=lambda goal: (goal is None, -(goal or 0)))
    return ", ".join(
        f"{show(goal)} ({counts[goal]} run{'s' * (counts[goal] != 1)})" for goal in ordered
    )


def parse_threshold(text: str) -> float:
    """Read what was typed for --threshold; raises ValueError naming what is accepted."""
    try:
        level = float(text) if "_" not in text else math.nan
    except ValueError:
        level = math.nan
    if not 0 < level < math.inf:
        raise ValueError(f"{text} is no held-out MSE; give a positive number, as in 0.01")
    return level
