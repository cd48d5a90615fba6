"""What tells two sides apart beyond chance."""

from typing import NamedTuple

from irnn.reporting.compare import SIGNIFICANT, Comparison

MOST_CONTENDERS = 40
"""Settings of which the best is held against each other one; of more, against the best of them."""


class Evidence(NamedTuple):
    """What tells two sides apart beyond chance ("rate", "time", "score", or "" for nothing), and its p."""

    by: str
    p: float


def evidence_of(comparison: Comparison) -> Evidence:
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
            return Evidence(by, p)
    differs = comparison.difference.estimate != 0  # then it is of the rates that the reader asks
    return Evidence("", tests[0][1] if differs else min(p for _, p in tests))


def is_worse(comparison: Comparison, by: str) -> bool:
    """Whether A is the side that is behind."""
    if by in ("", "rate") and comparison.difference.estimate:
        return comparison.difference.estimate < 0
    ranks = comparison.better if by == "score" or not comparison.threshold else comparison.sooner
    first, second, _ = ranks.pairs
    if first == second:
        first, second, _ = comparison.better.pairs
    return first < second


def p_of_lead(comparison: Comparison) -> float:
    """The p-value of A's lead; one where it is B that is ahead."""
    evidence = evidence_of(comparison)
    return 1.0 if is_worse(comparison, evidence.by) else evidence.p
