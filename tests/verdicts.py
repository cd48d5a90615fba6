"""What the tests of verdicts share: the records' runs, and the pages' words."""

from pathlib import Path
from typing import Any

from tests.record_scripts import script

ROOT = Path(__file__).parents[1]


claims = script("claims")


RUNS: dict[str, list[dict[str, Any]]] = {
    name: claim.runs() for name, claim in claims.CLAIMS.items()
}


def listed(numbers: list[int]) -> str:
    """Write numbers as the page does: in order, the last one after an "and"."""
    *first, last = [f"{number:,}" for number in sorted(numbers)]
    return f"{', '.join(first)} and {last}"


def text_of(page: str) -> str:
    return " ".join((ROOT / page).read_text().split())


def sgd(length: int, policy: str) -> list[dict[str, Any]]:
    """Find the runs of SGD of one length, in the order of their seeds; without those never made."""
    groups = claims.groups(RUNS["paper-sgd"], ("task.seq_len", "divergence.policy"))
    return sorted(groups.get((length, policy), []), key=lambda run: run["seed"])
