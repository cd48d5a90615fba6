"""Grids: which values of single settings are better, all other settings equal."""

from typing import NamedTuple

from irnn.reporting import wording
from irnn.reporting.compare import SIGNIFICANT, compare_sides
from irnn.reporting.contenders import Contender, contenders, contending_keys
from irnn.reporting.evidence import MOST_CONTENDERS, p_of_lead
from irnn.reporting.statistics import against_the_best
from irnn.reporting.summary import Summary


class Factor(NamedTuple):
    """The best value of a setting, how many of its `others` it beats beyond chance, and that p-value."""

    best: str
    label: str
    others: tuple[str, ...]
    beaten: int
    p: float


def factors(best: Contender, summary: Summary) -> str:
    """Say of a grid which values are better, with the other settings matched; "" where none is told.

    The seeds of all cells speak for a value, where those of one cell are too few. Of a setting whose best
    value is not that of the best cell nothing is said to be told: it then depends on the others.
    """
    keys = contending_keys(summary)
    if len(keys) < 2:
        return ""
    known = [found for key in keys if (found := _factor(key, best, summary, len(keys)))]
    decided = [each for each in known if each.beaten]
    if not decided:
        return ""
    words = [_sentence(each) for each in decided]
    others = [each.label for each in known if not each.beaten]
    if others:
        words.append(f"which {' and which '.join(others)} is best cannot be told")
    return f"{'; '.join(words)}."


def _sentence(factor: Factor) -> str:
    number = len(factor.others)
    whom = f"every other {factor.label}" if number > 1 else factor.others[0]
    if factor.beaten < number:
        whom = f"{factor.beaten} of the {number} other values of {factor.label}"
    how_sure = f"beyond chance ({wording.p_value(factor.p)})"
    return f"{factor.best} is better than {whom}, other settings equal: {how_sure}"


def _factor(key: str, best: Contender, summary: Summary, tests: int) -> Factor | None:
    """Hold the best value of a setting against its others; None where that cannot be done.

    p-values are adjusted for having chosen the best, and for the number of settings looked at (`tests`).
    """
    values = contenders(summary, (key,))
    if len(values) < 2:
        return None  # it differs in runs alone that have not finished
    first, *others = values[:MOST_CONTENDERS]
    level = None if summary.asked is None else float(summary.asked)
    try:
        held = [
            compare_sides((first.name, first.runs), (each.name, each.runs), {key}, level)
            for each in others
        ]
    except ValueError:
        return None
    leads = against_the_best([p_of_lead(each) for each in held], len(values))
    adjusted = [min(1.0, tests * p) for p in leads]
    of_best = first.runs[0].settings.get(key) == best.runs[0].settings.get(key)
    beyond = [p for p in adjusted if p < SIGNIFICANT] if of_best else []
    label = dict(zip(summary.keys, summary.labels, strict=True))[key]
    names = tuple(each.name for each in others)
    return Factor(first.name, label, names, len(beyond), max(beyond, default=min(adjusted)))
