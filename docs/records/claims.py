"""The claims of docs/reproduction.md and docs/suite.md: each one's record, and what tells seeds apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contender import CONTENDER, contender
from tables import read

from irnn.reporting.scoring import Scoring, score_by

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "docs" / "records"

Run = dict[str, Any]
POLICY = "divergence.policy"
HEADINGS = {
    "task.seq_len": "T",
    "optim.lr": "lr",
    "optim.name": "optimizer",
    "init.gain": "scale",
    "clip.max_norm": "clip",
    "divergence.policy": "policy",
    "task.data": "data",
    "model.name": "model",
    "task.permutation": "permutation",
    "init.angles": "angles",
    "init.mixed": "mixed planes",
    CONTENDER: CONTENDER,
}


@dataclass(frozen=True)
class Claim:
    """A record, what tells its groups of seeds apart, and how it is drawn: panels, then colours.

    `page` is the page of docs/ that it stands on. With `explosions` its table says when runs first
    exploded, with `overfitting` what losses were at the end.
    """

    record: str
    keys: tuple[str, ...]
    panel: str
    colour: str
    explosions: bool = False
    overfitting: bool = False
    page: str = "reproduction"

    @property
    def folder(self) -> Path:
        """Where the record lies, if there is one."""
        return RECORDS / self.record

    def runs(self) -> list[Run]:
        """Read the record; none when there is no such record."""
        path = self.folder / "results.jsonl"
        return read(path) if path.is_file() else []

    def pooled(self) -> list[Run]:
        """Read the record, and count a run that never exploded under each policy, as it is the same."""
        runs = self.runs()
        return [*runs, *unexploded(runs)] if POLICY in self.keys else runs


CLAIMS = {
    "default": Claim(
        "2026-11-24-default-lengths", ("task.seq_len", "optim.lr"), "optim.lr", "task.seq_len"
    ),
    "paper-adam": Claim(
        "2026-11-27-paper-adam", ("task.seq_len",), "optim.name", "task.seq_len"
    ),
    "fast": Claim("2026-11-24-fast-lengths", ("task.seq_len",), "optim.name", "task.seq_len"),
    "irelu-demo": Claim("2026-11-24-irelu-demo", ("task.seq_len",), "optim.name", "task.seq_len"),
    "paper-sgd": Claim(
        "2026-11-26-paper-sgd", ("task.seq_len", "clip.max_norm", "divergence.policy"),
        "divergence.policy", "task.seq_len", explosions=True,
    ),
    "models-adam": Claim(
        "2026-11-28-models-adam", ("task.seq_len", "model.name"), "task.seq_len", "model.name"
    ),
    "models-paper": Claim(
        "2026-11-24-models-paper", ("task.seq_len", "model.name"), "task.seq_len", "model.name"
    ),
    "init-scale": Claim("2026-11-24-init-scale", ("init.gain",), "optim.name", "init.gain"),
    "clip-adam": Claim("2026-11-24-clip-adam", ("clip.max_norm",), "optim.name", "clip.max_norm"),
    "clip-sgd": Claim(
        "2026-11-24-clip-sgd", ("clip.max_norm",), "optim.name", "clip.max_norm", explosions=True
    ),
    "fixed-or-fresh": Claim(
        "2026-11-24-fixed-or-fresh", ("task.data",), "task.data", "seed", overfitting=True
    ),
    "fixed-all-epochs": Claim(
        "2026-11-26-fixed-all-epochs", ("task.data",), "task.data", "seed", overfitting=True
    ),
    "order": Claim(
        "2026-11-28-suite-order", (CONTENDER, "task.seq_len"), "task.seq_len", CONTENDER, page="suite"
    ),
    "copy": Claim(
        "2026-11-28-suite-copy", (CONTENDER, "task.seq_len"), "task.seq_len", CONTENDER, page="suite"
    ),
    "copy-rotation": Claim(
        "2026-11-28-suite-copy-rotation", (CONTENDER, "task.seq_len"), "task.seq_len", CONTENDER, page="suite"
    ),
    "copy-batches": Claim(
        "2026-11-28-suite-copy-batches", (CONTENDER, "task.seq_len"), "task.seq_len", CONTENDER, page="suite"
    ),
    "copy-longer": Claim(  # thresholds follow from T
        "2026-11-28-suite-copy-longer", (CONTENDER, "task.seq_len"), "task.seq_len", CONTENDER, page="suite"
    ),
    "turns": Claim(
        "2026-11-28-suite-turns", ("init.angles", "init.mixed"), "init.mixed", "init.angles", page="suite"
    ),
    "pixels": Claim(
        "2026-11-28-suite-pixels", ("task.permutation", CONTENDER), "task.permutation", CONTENDER,
        page="suite",
    ),
    "pixels-longer": Claim(
        "2026-11-28-suite-pixels-longer", ("task.permutation", CONTENDER), "task.permutation",
        CONTENDER, page="suite",
    ),
    "pixels-sgd": Claim(
        "2026-11-28-suite-pixels-sgd", (CONTENDER,), "task.permutation", CONTENDER, page="suite"
    ),
    "keller-grid": Claim(
        "2026-11-28-suite-keller-grid", ("task.seq_len", "optim.lr", "clip.max_norm"), "optim.lr",
        "clip.max_norm", page="suite",
    ),
    "keller-grid-longer": Claim(
        "2026-11-28-suite-keller-grid-longer", ("task.seq_len", "optim.lr", "clip.max_norm"), "optim.lr",
        "clip.max_norm", page="suite",
    ),
    "keller-grid-long": Claim(
        "2026-11-28-suite-keller-grid-long", ("task.seq_len", "optim.lr", "clip.max_norm"), "optim.lr",
        "clip.max_norm", page="suite",
    ),
    "keller-default": Claim(
        "2026-11-28-suite-keller-default", ("task.seq_len",), "optim.name", "task.seq_len", page="suite"
    ),
    "keller-fast": Claim(
        "2026-11-28-suite-keller-fast", ("task.seq_len",), "optim.name", "task.seq_len", page="suite"
    ),
}  # fmt: skip


def setting(run: Run, key: str) -> Any:
    """Look a dotted key up in a run's configuration, or say which contender it is."""
    if key == CONTENDER:
        return contender(run["config"])
    node: Any = run["config"]
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def scoring(run: Run) -> Scoring:
    """Say how a run is scored."""
    return score_by(run["config"], run.get("metric"), run["solved_at"])


def best(run: Run) -> float:
    """Give a run's best score; those of the first version have only a mean squared error."""
    value: float = run["best_value"] if "best_value" in run else run["best_test_mse"]
    return value


def goal(run: Run) -> float | None:
    """Give the score at which a run counts as solved and stops; None where it never does."""
    level: float | None = run["config"]["stop"].get(scoring(run).key)
    return level


def policed(run: Run, policy: str) -> dict[str, Any]:
    """Give a run's divergence settings with another policy."""
    return {**run["config"]["divergence"], "policy": policy}


def unexploded(runs: Sequence[Run]) -> list[Run]:
    """Give the runs of policy "stop" that never exploded as runs of the other policies.

    They are the same, update for update, and are not made again; those that were are not given.
    """
    made = {(run["seq_len"], run["seed"], setting(run, POLICY)) for run in runs}
    return [
        {**run, "as_stop": True, "config": {**run["config"], "divergence": policed(run, policy)}}
        for policy in ("restart", "rollback")
        for run in runs
        if setting(run, POLICY) == "stop" and run["status"] in ("solved", "exhausted")
        if (run["seq_len"], run["seed"], policy) not in made
    ]


def shown(value: Any) -> str:
    """Write a setting for a table."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def groups(runs: Sequence[Run], keys: Sequence[str]) -> dict[tuple[Any, ...], list[Run]]:
    """Pool the seeds: the runs that agree in all of `keys`, in the order of their values."""
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        found.setdefault(tuple(setting(run, key) for key in keys), []).append(run)
    return dict(sorted(found.items(), key=lambda item: [order(value) for value in item[0]]))


def order(value: Any) -> tuple[int, float, str]:
    """Sort numbers, then nothing, then names."""
    if value is None:
        return 1, 0.0, ""
    return (0, value, "") if isinstance(value, int | float) else (2, 0.0, str(value))
