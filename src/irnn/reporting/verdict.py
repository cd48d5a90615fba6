"""The report in one sentence of plain words: which is better and how sure that is, or what would tell."""

import math
from collections.abc import Sequence

from irnn.reporting import wording
from irnn.reporting.compare import Comparison
from irnn.reporting.contenders import contenders
from irnn.reporting.outcomes import median
from irnn.reporting.run import Run
from irnn.reporting.setting_verdicts import solve, unit_of, verdict_of_several, verdict_of_two
from irnn.reporting.settings import SEQ_LEN
from irnn.reporting.statistics import wilson
from irnn.reporting.summary import Group, Summary
from irnn.reporting.text import counted

_MOST_LENGTHS = 6
_CAPITALS = ("Which", "Neither", "Seeds", "Runs", "Solved", "Not", "Diverged", "Ended", "A", "No")


def verdict(summary: Summary, comparison: Comparison | None = None) -> str:
    """Say in a sentence or two what the runs of a task show.

    Of a `comparison` that was asked for it says the outcome, else it holds the settings that differ against
    each other, lengths of the task matched.
    """
    finished = [run for run in summary.runs if run.finished]
    if not finished:
        return _nothing_yet(summary)
    sentence = _of_finished(finished, summary, comparison)
    waiting = sum(run.awaited for run in summary.runs)
    if not waiting:
        return sentence
    is_name = sentence.split(maxsplit=1)[0] not in _CAPITALS
    begins = sentence if is_name else sentence[:1].lower() + sentence[1:]
    return (
        f"So far {begins} {counted(waiting, 'run')} {'is' if waiting == 1 else 'are'} still going."
    )


def _of_finished(finished: Sequence[Run], summary: Summary, comparison: Comparison | None) -> str:
    if comparison is not None:
        return verdict_of_two(comparison, summary)
    rivals = contenders(summary)
    if len(rivals) > 1:
        return verdict_of_several(rivals, summary)
    if len(finished) == 1:
        return _single(finished[0], summary)
    if len(summary.groups) > 1:
        return _by_task(summary)
    return _seeds(summary.groups[0], summary)


def _nothing_yet(summary: Summary) -> str:
    runs = [run for run in summary.runs if run.curve.step.size]
    if not runs:
        return "No run has finished yet."
    furthest = max(runs, key=lambda run: run.steps)
    return (
        f"No run has finished yet; the furthest is at update {wording.count(furthest.steps)}, held-out "
        f"{summary.scoring.label} {wording.score(furthest.value, summary.scoring)}{_trivial(summary)}."
    )


def _single(run: Run, summary: Summary) -> str:
    label, score = summary.scoring.label, wording.score(run.value, summary.scoring)
    if summary.asked is not None:
        at = run.reached(summary.asked)
        past = f"{summary.success} is reached"
        if at is not None:
            return f"A held-out {label} {past} after {wording.count(at)} updates."
        return f"No held-out {label} {past} within {wording.count(run.steps)} updates."
    if run.status == "solved":
        steps = wording.count(run.steps)
        return f"Solved after {steps} updates: held-out {label} {score}{_trivial(summary)}."
    best = wording.score(run.best_value, summary.scoring)
    if run.status == "diverged":
        at = run.divergences[-1].step if run.divergences else run.steps
        return (
            f"Diverged at update {wording.count(at)}; the best held-out {label} before was {best}."
        )
    ended = f"Ended after {wording.count(run.steps)} updates"
    ended = (
        f"Not solved within {wording.count(run.steps)} updates" if run.goal is not None else ended
    )
    return f"{ended}: the best held-out {label} is {best}{_trivial(summary)}."


def _trivial(summary: Summary) -> str:
    known = {each.baseline for each in summary.scorings if math.isfinite(each.baseline)}
    if len(known) != 1:
        return ""
    return f", where always {summary.scoring.baseline_meaning} scores {summary.scoring.trivial()}"


def _seeds(group: Group, summary: Summary) -> str:
    if not group.goal:
        best = f"{summary.scoring.label} of {wording.score(group.best, summary.scoring)}"
        return f"{counted(len(group.finished), 'run')} got to a held-out {best} at best (median)."
    rate = wilson(group.succeeded, group.tried)
    when = group.crossings[group.goal].median
    after = f", the median after {wording.quantile(when)} updates" * math.isfinite(when.value)
    tried = counted(group.tried, unit_of(group.finished))
    interval = f"95 % interval of the share: {100 * rate.low:.0f} to {100 * rate.high:.0f} %"
    return f"{group.succeeded} of {tried} {solve(summary)}{after} ({interval})."


def _by_task(summary: Summary) -> str:
    """Only the task differs, its length above all: no setting is better, so say how far it goes."""
    done = [group for group in summary.groups if group.finished]
    they = solve(summary)
    if all(group.goal is None for group in done):
        score = wording.score(summary.scoring.best(group.best for group in done), summary.scoring)
        return (
            f"The best of {counted(len(done), 'setting')} is a held-out {summary.scoring.label} of "
            f"{score}{_trivial(summary)}."
        )
    if summary.naming != (SEQ_LEN,) or len(done) > _MOST_LENGTHS:
        solved, tried = (
            sum(getattr(group, name) for group in done) for name in ("succeeded", "tried")
        )
        lengths = [group for group in done if 2 * group.succeeded >= group.tried > 0]
        line = f"{solved} of {counted(tried, 'run')} {they}"
        if not solved:
            best = median([run.best_value for group in done for run in group.finished])
            line += f"; the best held-out {summary.scoring.label} is {wording.score(best, summary.scoring)}"
            line += " (median)"
        if summary.naming == (SEQ_LEN,) and lengths:
            longest = f"T = {lengths[-1].runs[0].seq_len:.0f}"
            line += f"; the longest length that at least half of the runs solve is {longest}"
        return f"{line}."
    parts = [
        f"{group.succeeded} of {group.tried} at T = {group.runs[0].seq_len:.0f}" for group in done
    ]
    units = "Seeds" if all(unit_of(group.finished) == "seed" for group in done) else "Runs"
    return f"{units} that {they}: {', '.join(parts)}."
