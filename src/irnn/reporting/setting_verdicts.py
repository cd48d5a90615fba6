"""Settings held against each other, in a sentence or two: which is better and how sure that is."""

import math
from collections.abc import Sequence

from irnn.reporting import wording
from irnn.reporting.compare import SIGNIFICANT, Comparison, Side, compare_sides
from irnn.reporting.contenders import Contender, contending_keys
from irnn.reporting.evidence import MOST_CONTENDERS, evidence_of, is_worse, p_of_lead
from irnn.reporting.factors import factors
from irnn.reporting.run import Run
from irnn.reporting.statistics import (
    FEWEST,
    against_the_best,
    runs_to_tell_order,
    runs_to_tell_rates,
)
from irnn.reporting.summary import Summary
from irnn.reporting.text import counted


def verdict_of_two(comparison: Comparison, summary: Summary) -> str:
    """Two sides: who is better by what and how sure that is, or what would tell."""
    evidence = evidence_of(comparison)
    a, b = comparison.a, comparison.b
    if is_worse(comparison, evidence.by):
        a, b = b, a
    how_sure = f"the difference is beyond chance ({wording.p_value(evidence.p)})"
    inside = "" if summary.asked is None else "in "
    counts = (
        f"{a.name} {solves(summary)} {inside}{a.solved} of {_many(a)}, {b.name} {inside}{b.solved} of "
        f"{len(b.runs)}"
    )
    if evidence.by == "rate":
        return f"{counts}; {how_sure}."
    if evidence.by == "time":
        first, second = (wording.quantile(side.crossing.median) for side in (a, b))
        updates = f"after {first} updates against {second}"
        sooner = f"{solves(summary)} sooner than"
        both = f"{a.solved} of {len(a.runs)} and {b.solved} of {len(b.runs)} {solve(summary)}"
        return f"{a.name} {sooner} {b.name}: {updates} (medians; {both}); {how_sure}."
    ends = _ends(a, b, summary)
    if evidence.by == "score":
        return f"{a.name} ends better than {b.name}: {ends}; {how_sure}."
    text = counts
    if not comparison.threshold:
        text = f"{a.name} ends ahead of {b.name}: {ends}"
    elif not a.solved and not b.solved:
        text = f"Neither {a.name} nor {b.name} {solves(summary)}: {ends}"
    return f"{text}; that may be chance ({wording.p_value(evidence.p)}). {_needed(comparison)}"


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
        return f"It takes at least {FEWEST} {unit_of(a.runs)}s each to tell{what}."
    return f"About {wanted} {unit_of(a.runs)}s each would tell{what}, if it goes on like this."


def verdict_of_several(rivals: Sequence[Contender], summary: Summary) -> str:
    """The best of several settings, and which of the others it is told from."""
    keys = set(contending_keys(summary))
    threshold = None if summary.asked is None else float(summary.asked)
    best, *others = rivals[:MOST_CONTENDERS]
    try:
        held = [
            compare_sides((best.name, best.runs), (each.name, each.runs), keys, threshold)
            for each in others
        ]
    except ValueError:
        return _untested(best, rivals, summary)
    if len(held) == 1:
        return verdict_of_two(held[0], summary)
    tests, head = _standing(best, rivals, held, summary)
    adjusted = against_the_best(tests, len(rivals))
    unsure = [each for each, p in zip(held, adjusted, strict=True) if p >= SIGNIFICANT]
    if not unsure:
        how_sure = wording.p_value(max(adjusted))
        others_told = f"each of the {len(held)} others"
        return f"{best.name} {head}; better than {others_told} beyond chance ({how_sure})."
    by_factor = factors(best, summary)
    if by_factor:
        return f"{by_factor} Of {len(rivals)} settings {best.name} {head}."
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
        ends = f"is ahead, {_ends(nearest.a, nearest.b, summary)}, and none {solves(summary)}"
        return [p_of_lead(each) for each in held], ends
    leads = best.solved * rivals[1].tried > rivals[1].solved * best.tried
    times = math.isfinite(best.median)
    after = f", the median after {wording.count(best.median)} updates" if times else ""
    how = "most often" if leads else "soonest" if times else "as often as any"
    won = f"{solves(summary)} {how}, {best.solved} of {_many(nearest.a)}{after}"
    return [p_of_lead(each) for each in held], won


def _untested(best: Contender, rivals: Sequence[Contender], summary: Summary) -> str:
    """Settings that no test may hold against each other, as those with different goals."""
    solved = sum(each.solved for each in rivals)
    tried = sum(each.tried for each in rivals)
    return (
        f"{solved} of {counted(tried, 'run')} {solve(summary)}, {best.name} most often ({best.solved} of "
        f"{best.tried}). Their goals or settings differ too much for a test; narrow them with --where, or "
        "say with --threshold what counts."
    )


def _ends(a: Side, b: Side, summary: Summary) -> str:
    scores = [wording.score(side.final, summary.scoring) for side in (a, b)]
    return f"held-out {summary.scoring.label} {scores[0]} against {scores[1]} at the end (medians)"


def solve(summary: Summary) -> str:
    """What runs do that succeed."""
    return "solve" if summary.asked is None else f"get {summary.success}"


def solves(summary: Summary) -> str:
    """What one setting does that succeeds."""
    return "solves" if summary.asked is None else f"gets {summary.success}"


def unit_of(runs: Sequence[Run]) -> str:
    """What runs are called: seeds, where each has one of its own."""
    seeds = {run.seed for run in runs}
    return "seed" if None not in seeds and len(seeds) == len(runs) else "run"


def _many(side: Side) -> str:
    return counted(len(side.runs), unit_of(side.runs))
