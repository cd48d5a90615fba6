"""The report in one sentence of plain words: which is better and how sure that is, or what would tell."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from irnn.reporting import wording
from irnn.reporting.compare import SIGNIFICANT, Comparison, Side, hold
from irnn.reporting.contenders import SEQ_LEN, Contender, contenders, contending_keys
from irnn.reporting.run import Run
from irnn.reporting.statistics import FEWEST, holm, runs_to_tell_order, runs_to_tell_rates, wilson
from irnn.reporting.summary import Group, Summary, median

_MOST_CONTENDERS = 40
_MOST_LENGTHS = 6
_CAPITALS = ("Which", "Neither", "Seeds", "Runs", "Solved", "Not", "Diverged", "Ended", "A", "No")


class Finding(NamedTuple):
    """What tells two sides apart beyond chance ("rate", "time", "score", or "" for nothing), and its p."""

    by: str
    p: float


def verdict(summary: Summary, comparison: Comparison | None = None) -> str:
    """Say in a sentence or two what the runs of a task show.

    Of a `comparison` that was asked for it says the outcome, else it holds the settings that differ against
    each other, lengths of the task matched.
    """
    finished = [run for run in summary.runs if run.finished]
    if not finished:
        return _nothing_yet(summary)
    said = _of_finished(finished, summary, comparison)
    waiting = sum(run.awaited for run in summary.runs)
    if not waiting:
        return said
    begins = said if said.split(maxsplit=1)[0] not in _CAPITALS else said[:1].lower() + said[1:]
    return (
        f"So far {begins} {_count(waiting, 'run')} {'is' if waiting == 1 else 'are'} still going."
    )


def _of_finished(finished: Sequence[Run], summary: Summary, comparison: Comparison | None) -> str:
    if comparison is not None:
        return _duel(comparison, summary)
    rivals = contenders(summary)
    if len(rivals) > 1:
        return _among(rivals, summary)
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
        return f"{_count(len(group.finished), 'run')} got to a held-out {best} at best (median)."
    rate = wilson(group.succeeded, group.tried)
    when = group.crossings[group.goal].median
    after = f", the median after {wording.quantile(when)} updates" * math.isfinite(when.value)
    tried = _count(group.tried, _unit(group.finished))
    interval = f"95 % interval of the share: {100 * rate.low:.0f} to {100 * rate.high:.0f} %"
    return f"{group.succeeded} of {tried} {_solve(summary)}{after} ({interval})."


def _by_task(summary: Summary) -> str:
    """Only the task differs, its length above all: no setting is better, so say how far it goes."""
    done = [group for group in summary.groups if group.finished]
    solve = _solve(summary)
    if all(group.goal is None for group in done):
        score = wording.score(summary.scoring.best(group.best for group in done), summary.scoring)
        return (
            f"The best of {_count(len(done), 'setting')} is a held-out {summary.scoring.label} of "
            f"{score}{_trivial(summary)}."
        )
    if summary.naming != (SEQ_LEN,) or len(done) > _MOST_LENGTHS:
        solved, tried = (
            sum(getattr(group, name) for group in done) for name in ("succeeded", "tried")
        )
        lengths = [group for group in done if 2 * group.succeeded >= group.tried > 0]
        line = f"{solved} of {_count(tried, 'run')} {solve}"
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
    units = "Seeds" if all(_unit(group.finished) == "seed" for group in done) else "Runs"
    return f"{units} that {solve}: {', '.join(parts)}."


def _duel(comparison: Comparison, summary: Summary) -> str:
    """Two sides: who is better by what and how sure that is, or what would tell."""
    finding = find(comparison)
    a, b = comparison.a, comparison.b
    if _is_worse(comparison, finding.by):
        a, b = b, a
    how_sure = f"the difference is beyond chance ({wording.p_value(finding.p)})"
    inside = "" if summary.asked is None else "in "
    counts = (
        f"{a.name} {_solves(summary)} {inside}{a.solved} of {_many(a)}, {b.name} {inside}{b.solved} of "
        f"{len(b.runs)}"
    )
    if finding.by == "rate":
        return f"{counts}; {how_sure}."
    if finding.by == "time":
        first, second = (wording.quantile(side.crossing.median) for side in (a, b))
        updates = f"after {first} updates against {second}"
        sooner = f"{_solves(summary)} sooner than"
        both = f"{a.solved} of {len(a.runs)} and {b.solved} of {len(b.runs)} {_solve(summary)}"
        return f"{a.name} {sooner} {b.name}: {updates} (medians; {both}); {how_sure}."
    ends = _ends(a, b, summary)
    if finding.by == "score":
        return f"{a.name} ends better than {b.name}: {ends}; {how_sure}."
    told = (
        counts
        if a.solved or b.solved
        else f"Neither {a.name} nor {b.name} {_solves(summary)}: {ends}"
    )
    return f"{told}; that may be chance ({wording.p_value(finding.p)}). {_needed(comparison)}"


def find(comparison: Comparison) -> Finding:
    """Find what tells the sides apart: success rates first, then times; scores where nobody solves."""
    nobody = not comparison.a.solved and not comparison.b.solved
    tests = [] if nobody else [("rate", comparison.rate_p)]
    if any(seen for _, seen in comparison.sooner.times) and not (
        tests and tests[0][1] < SIGNIFICANT
    ):
        tests.append(("time", comparison.sooner.p))
    if nobody:
        tests.append(("score", comparison.better.p))
    for by, p in tests:
        if p < SIGNIFICANT:
            return Finding(by, p)
    differs = comparison.difference.estimate != 0  # then it is of the rates that the reader asks
    return Finding("", tests[0][1] if differs else min(p for _, p in tests))


def _is_worse(comparison: Comparison, by: str) -> bool:
    """Whether A is the side that is behind."""
    if by in ("", "rate") and comparison.difference.estimate:
        return comparison.difference.estimate < 0
    ranks = comparison.better if by == "score" or not comparison.threshold else comparison.sooner
    first, second, _ = ranks.pairs
    if first == second:
        first, second, _ = comparison.better.pairs
    return first < second


def _needed(comparison: Comparison, what: str = "") -> str:
    """How many runs a side would tell, if what was seen goes on."""
    a, b = comparison.a, comparison.b
    wanted = None
    if a.solved or b.solved:
        wanted = runs_to_tell_rates(a.solved / len(a.runs), b.solved / len(b.runs))
        wanted = wanted or runs_to_tell_order(*comparison.sooner.pairs)
    else:
        wanted = runs_to_tell_order(*comparison.better.pairs)
    if wanted is None:
        return "They are alike so far."
    wanted = max(wanted, min(len(a.runs), len(b.runs)) + 1)
    if wanted > 1_000:
        return "If there is a difference, it is too small for 1,000 runs a side to tell."
    if wanted <= FEWEST:
        return f"It takes at least {FEWEST} {_unit(a.runs)}s each to tell{what}."
    return f"About {wanted} {_unit(a.runs)}s each would tell{what}, if it goes on like this."


def _among(rivals: Sequence[Contender], summary: Summary) -> str:
    """The best of several settings, and which of the others it is told from."""
    keys = set(contending_keys(summary))
    threshold = None if summary.asked is None else float(summary.asked)
    best, *others = rivals[:_MOST_CONTENDERS]
    try:
        held = [
            hold((best.name, best.runs), (each.name, each.runs), keys, threshold) for each in others
        ]
    except ValueError:
        return _untested(best, rivals, summary)
    if len(held) == 1:
        return _duel(held[0], summary)
    tests, head = _standing(best, rivals, held, summary)
    adjusted = holm(tests)
    unsure = [each for each, p in zip(held, adjusted, strict=True) if p >= SIGNIFICANT]
    if not unsure:
        how_sure = wording.p_value(max(adjusted))
        others_told = f"each of the {len(held)} others"
        return f"{best.name} {head}; better than {others_told} beyond chance ({how_sure})."
    nearest = unsure[0].b.name
    needed = _needed(unsure[0], f" it from {nearest}")
    if len(unsure) == len(held):
        how_sure = wording.p_value(min(adjusted))
        which = f"Which of {len(rivals)} settings is best cannot be told ({how_sure})"
        return f"{which}: {best.name} {head}. {needed}"
    names = nearest if len(unsure) == 1 else f"{nearest} and {len(unsure) - 1} more"
    return (
        f"{best.name} {head}; beyond chance better than {len(held) - len(unsure)} of the {len(held)} others, "
        f"but not than {names}. {needed}"
    )


def _standing(
    best: Contender, rivals: Sequence[Contender], held: Sequence[Comparison], summary: Summary
) -> tuple[list[float], str]:
    """What puts the best first, as the p-value against each other one and in words."""
    nearest = held[0]
    if not best.solved:
        ends = f"ends closest, {_ends(nearest.a, nearest.b, summary)}, and none {_solves(summary)}"
        return [each.better.p for each in held], ends
    leads = best.solved * rivals[1].tried > rivals[1].solved * best.tried
    times = math.isfinite(best.median)
    after = f", the median after {wording.count(best.median)} updates" if times else ""
    how = "most often" if leads else "soonest" if times else "as often as any"
    tests = [each.rate_p for each in held]
    if not leads and times:
        tests[0] = min(holm([tests[0], nearest.sooner.p]))
    return tests, f"{_solves(summary)} {how}, {best.solved} of {_many(nearest.a)}{after}"


def _untested(best: Contender, rivals: Sequence[Contender], summary: Summary) -> str:
    """Settings that no test may hold against each other, as those with different goals."""
    solved = sum(each.solved for each in rivals)
    tried = sum(each.tried for each in rivals)
    return (
        f"{solved} of {_count(tried, 'run')} {_solve(summary)}, {best.name} most often ({best.solved} of "
        f"{best.tried}). Their goals or settings differ too much for a test; narrow them with --where, or "
        "say with --threshold what counts."
    )


def _ends(a: Side, b: Side, summary: Summary) -> str:
    scores = [wording.score(side.final, summary.scoring) for side in (a, b)]
    return f"held-out {summary.scoring.label} {scores[0]} against {scores[1]} at the end (medians)"


def _solve(summary: Summary) -> str:
    return "solve" if summary.asked is None else f"get {summary.success}"


def _solves(summary: Summary) -> str:
    return "solves" if summary.asked is None else f"gets {summary.success}"


def _unit(runs: Sequence[Run]) -> str:
    """What runs are called: seeds, where each has one of its own."""
    seeds = {run.seed for run in runs}
    return "seed" if None not in seeds and len(seeds) == len(runs) else "run"


def _many(side: Side) -> str:
    return _count(len(side.runs), _unit(side.runs))


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' * (number != 1)}"
