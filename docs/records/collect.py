"""Collect runs into a record: python docs/records/collect.py RUNS_DIR... [--sweep NAME...] [--into FILE]

One JSON object per run: its `result.json`, the command, kernel, instruction set, threads, machine and
commit that made it, the largest gradient norm of an update, and its curves, [update, score] at evaluations,
held-out, and [update, loss], training; where the score is no loss, that of the held-out set too. With --sweep
only that sweep's runs, then also those that are not finished: their status is "unfinished". With --into the
runs are added to the record FILE instead of printed; one that is there already stays as it is, unless it was
unfinished.
"""

import argparse
import json
import math
import re
from pathlib import Path
from typing import Any

import yaml

from irnn.reporting.scoring import Scoring, score_by
from irnn.runs.files import write_atomically
from irnn.runs.layout import PLACES

ELSEWHERE = ("runs_dir=", "tracker=", "runtime.threads=", "sweep.", "task.root=")
"""What a command says about where and how to run; no part of what was run."""
ABSOLUTE = re.compile(r"(?<=[=\[,'\"])/(?:[^/,]+/)*?(?=docs/records/|[^/,]+(?:[\],'\"]|$))")
"""Where a path of this machine lies, but for its last name, or its place in this repository's records."""
POINTS = 120
"""A curve keeps about so many of its evaluations, and all those that crossed a threshold."""


def row(folder: Path) -> dict[str, Any]:
    """Read one run folder."""
    provenance = json.loads((folder / "provenance.json").read_text())
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    finished = folder / "result.json"
    result = (
        json.loads(finished.read_text())
        if finished.is_file()
        else so_far(folder, records, provenance)
    )
    result.pop("digest", None)  # of what stands in that file
    scoring = score_by(result["config"], result.get("metric"), result["solved_at"])
    result["config"].pop("runs_dir")
    for section, name in (place.split(".") for place in PLACES):
        if given := result["config"][section].get(name):
            result["config"][section][name] = Path(given).name
    kept = thinned(records, set(result["solved_at"].values()))
    return {
        **result,
        "command": clean(provenance["command"]),
        "process": clean(provenance["process"]),
        **facts(provenance),
        **continued(provenance),
        "seconds_at": {
            threshold: next((r["seconds"] for r in records if r["step"] == step), None)
            for threshold, step in result["solved_at"].items()
        },
        "grad_norm_max": max((r.get("grad_norm_max") or 0.0 for r in records), default=0.0),
        **curves(kept, scoring),
    }


def curves(kept: list[dict[str, Any]], scoring: Scoring) -> dict[str, Any]:
    """Pair updates with scores and losses."""
    names = {"curve": scoring.key, "train_curve": f"train_{scoring.suffix}"}
    names |= {} if scoring.is_loss else {"loss_curve": f"test_{scoring.suffix}"}
    return {
        name: [[record["step"], record.get(key)] for record in kept] for name, key in names.items()
    }


def facts(session: dict[str, Any]) -> dict[str, Any]:
    """Say where a session was made."""
    git = session["git"] or {}  # an installed package has none
    return {
        "kernel": session["kernel"],
        "instruction_set": session.get("instruction_set"),
        "threads": session["threads"],
        "machine": session["machine"]["cpu"],
        "versions": {name: session["versions"][name] for name in ("irnn", "python", "torch")},
        "commit": git.get("commit"),
    }


def continued(provenance: dict[str, Any]) -> dict[str, Any]:
    """Say where else a run was made, if it was continued in another place."""
    first = facts(provenance)
    others = [place for place in map(facts, provenance["sessions"]) if place != first]
    return {"later_sessions": others} if others else {}


def so_far(
    folder: Path, records: list[dict[str, Any]], provenance: dict[str, Any]
) -> dict[str, Any]:
    """Say of an unfinished run what result.json would say, as far as it got."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    metric = provenance.get("metric")
    scoring = score_by(config, metric, None, provenance.get("thresholds"))
    values = [(r["step"], r[scoring.key]) for r in records if r.get(scoring.key) is not None]
    last, best = values[-1][1] if values else None, scoring.best((v for _, v in values), math.nan)
    said = {"metric": metric, "value": last, "best_value": best if values else None}
    events = [record["event"] for record in records if record.get("event")]
    return {
        "run_id": folder.name,
        "status": "unfinished",
        "seed": config["seed"],
        "seq_len": config["task"]["seq_len"],
        "model": config["model"]["name"],
        "steps": records[-1]["step"] if records else 0,
        **(
            {"test_mse": last, "best_test_mse": said["best_value"]}
            if scoring.suffix == "mse"
            else {}
        ),
        **(said if metric else {}),
        "solved_at": {
            threshold: next(
                (s for s, value in values if scoring.is_past(value, float(threshold))), None
            )
            for threshold in scoring.thresholds
        },
        "seconds": records[-1]["seconds"] if records else 0.0,
        "divergences": events,
        "config": config,
    }


def clean(command: str) -> str:
    """Leave out of a command what only says where and how to run, and where a plug-in's folder lies."""
    words = [word for word in command.split() if not word.startswith(ELSEWHERE)]
    return " ".join(ABSOLUTE.sub("", word) for word in words)


def thinned(records: list[dict[str, Any]], crossings: set[int | None]) -> list[dict[str, Any]]:
    """Keep every k-th evaluation, those that crossed a threshold, events, and the last."""
    every = max(1, round(len(records) / POINTS))
    return [
        record
        for number, record in enumerate(records)
        if number % every == 0
        or record["step"] in crossings
        or record.get("event")
        or number == len(records) - 1
    ]


def folders(roots: list[Path], sweeps: list[str]) -> list[Path]:
    """Find the finished runs of folders, or all begun runs of their sweeps."""
    if not sweeps:
        return [path.parent for root in roots for path in root.glob("*/result.json")]
    found = []
    for root in roots:
        for name in sweeps:
            record = root / ".sweeps" / name / "sweep.json"
            if record.is_file():
                jobs = json.loads(record.read_text())["jobs"]
                found += [root / job["run_id"] for job in jobs]
    return [path for path in dict.fromkeys(found) if (path / "metrics.jsonl").is_file()]


def added(record: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add runs to a record: a finished one is never replaced, an unfinished one by what has got further."""
    kept = {run["run_id"]: run for run in record}
    for run in rows:
        old = kept.get(run["run_id"])
        if old is None or (old["status"] == "unfinished" and rank(run) > rank(old)):
            kept[run["run_id"]] = run
    return list(kept.values())


def rank(run: dict[str, Any]) -> tuple[bool, int]:
    """Say how far a run got: finished, then updates."""
    return run["status"] != "unfinished", run["steps"]


def main() -> None:
    """Print the record, or add to it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roots", type=Path, nargs="+", metavar="RUNS_DIR")
    parser.add_argument("--sweep", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--into", type=Path, metavar="FILE")
    chosen = parser.parse_args()
    rows = [row(folder) for folder in folders(chosen.roots, chosen.sweep)]
    if chosen.into and chosen.into.is_file():
        rows = added([json.loads(line) for line in chosen.into.read_text().splitlines()], rows)
    rows.sort(key=lambda run: (run["seq_len"], run["command"], run["seed"]))
    text = "".join(json.dumps(run) + "\n" for run in rows)
    if chosen.into:
        chosen.into.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(chosen.into, text.encode())
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
