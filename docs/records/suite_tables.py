"""The tables of docs/suite.md that stand on several records, and what others published beside them."""

import statistics
from collections.abc import Sequence

from claim_tables import counts, median_of, middle, number, score
from claims import CLAIMS, RECORDS, Claim, Run, best, goal, groups, scoring
from contender import CONTENDER
from tables import read, table

from irnn.tasks.published_rows import PublishedRow, rows_of

GLANCE = {
    "order": "temporal order",
    "copy": "copy memory",
    "copy-longer": "copy memory",
    "copy-rotation": "copy memory",
    "copy-batches": "copy memory",
    "pixels": "pixels",
    "pixels-longer": "pixels",
    "pixels-sgd": "pixels",
}
"""The claims at a glance, and what their tasks are called."""
SEARCH = RECORDS / "2026-11-28-suite-search" / "results.jsonl"
"""The runs of seed 100."""
UNSAID = (
    "seed=100",
    "budget.",
    "evaluate.",
    "task.held_out=",
    "task.train_size=",
    "task.test_size=",
)
"""Words of a command that the search's runs share."""
SOLVED = "0.05"
"""The MSE at which Keller et al. call a network done."""
KEYS = ("task.permutation", "task.seq_len", CONTENDER)
KELLER = "wRNN paper ICLR 2024 Table 1"


def glance_table() -> list[str]:
    """Every task, length and contender: how often it was solved, how good it became, and when."""
    rows = []
    for name, title in GLANCE.items():
        for (order, length, who), runs in groups(CLAIMS[name].runs(), KEYS).items():
            scored = scoring(runs[0])
            rows.append(
                [
                    title if order is None else f"{title}, permuted",
                    f"{length:,}",
                    who,
                    *counts(runs)[:2],
                    score(statistics.median(map(best, runs)), scored.name),
                    score(scored.baseline, scored.name),
                    number(statistics.median(run["steps"] for run in runs)),
                    f"{statistics.median(run['seconds'] for run in runs):,.0f}",
                ]
            )
    heads = ["task", "T", CONTENDER, "solved", "Wilson 95 %", "best score, median"]
    return table([*heads, "trivial answer", "updates, median", "seconds, median"], rows)


def keller_table() -> list[str]:
    """Updates to an MSE of 0.05 at each length: as published, and here by three recipes."""
    published = {row.seq_len: row for row in rows_of("adding") if is_keller(row, "IRNN")}
    others = {row.seq_len: row for row in rows_of("adding") if is_keller(row, "wRNN")}
    rows = [
        [
            f"{length:,}",
            outcome(published[length]),
            best_of_grid(length),
            below(CLAIMS["keller-default"], length),
            below(CLAIMS["keller-fast"], length),
            outcome(others[length]),
        ]
        for length in published
    ]
    heads = [
        "T",
        "IRNN as published, best of their grid",
        "the paper's start here, best of the grid",
    ]
    heads += ["default recipe", "`experiment=fast`", "wRNN as published"]
    return table(heads, rows)


def is_keller(row: PublishedRow, model: str) -> bool:
    """Whether a published row is one of the table of Keller et al. on this network."""
    return row.source == KELLER and row.model == model


def outcome(row: PublishedRow) -> str:
    """Write when a published network was done."""
    return "never" if row.never else f"{row.updates:,}"


def below(claim: Claim, length: int) -> str:
    """Write when the runs of one length were below 0.05, in the median, and how many of them."""
    runs = [run for run in claim.runs() if run["seq_len"] == length]
    return crossed(runs) if runs else "not run"


def best_of_grid(length: int) -> str:
    """Write the same of the grid's cell that was soonest, and which it is."""
    grids = [claim for name, claim in CLAIMS.items() if name.startswith("keller-grid")]
    runs = [run for claim in grids for run in claim.runs() if run["seq_len"] == length]
    if not runs:
        return "not run"
    (rate, clip), cell = min(
        groups(runs, ("optim.lr", "clip.max_norm")).items(),
        key=lambda item: middle(item[1], "solved_at", SOLVED),
    )
    return f"{crossed(cell)}: Adam {rate:g}, clipping {clip:g}" if clip else crossed(cell)


def crossed(runs: Sequence[Run]) -> str:
    """Write the median update at which runs were below 0.05, and how many were."""
    solved = sum(run["solved_at"][SOLVED] is not None for run in runs)
    return f"{median_of(runs, 'solved_at', SOLVED)} ({solved} of {len(runs)})"


def search_table() -> list[str]:
    """The runs that settled the recipes: what was tried, how good it became, and when it was solved."""
    rows = []
    for run in read(SEARCH):
        scored = scoring(run)
        words = [word for word in run["command"].split()[3:] if not word.startswith(UNSAID)]
        changes = " ".join(word.replace("task.seq_len", "seq_len") for word in words)
        done = f"{run['steps']:,}" if run["status"] == "solved" else f"not in {run['steps']:,}"
        done = f"ended at {run['steps']:,}" if goal(run) is None else done
        rows.append([f"`{changes}`", score(best(run), scored.name), done])
    return table(["setting", "best score", "solved"], sorted(rows))
