"""The claims of docs/reproduction.md: the record behind each, and what tells its groups of seeds apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tables import read

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
}


@dataclass(frozen=True)
class Claim:
    """A record, what tells its groups of seeds apart, and how it is drawn: panels, then colours.

    With `explosions` its table says when runs first exploded, with `overfitting` what losses were at the end.
    """

    record: str
    keys: tuple[str, ...]
    panel: str
    colour: str
    explosions: bool = False
    overfitting: bool = False

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
        "2026-11-24-models-adam", ("task.seq_len", "model.name"), "task.seq_len", "model.name"
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
}  # fmt: skip


def setting(run: Run, key: str) -> Any:
    """Look a dotted key up in a run's configuration."""
    node: Any = run["config"]
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


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
