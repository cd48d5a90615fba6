"""Collect finished runs into a record: python docs/records/collect.py RUNS_DIR... > results.jsonl

One JSON object per run: its `result.json`, the command, kernel, threads and commit that made it, and its
curve, [update, held-out MSE] at every evaluation.
"""

import json
import sys
from pathlib import Path
from typing import Any

ELSEWHERE = ("runs_dir=", "tracker=", "runtime.threads=")
"""What a command says about where and how to run; no part of what was run."""


def row(folder: Path) -> dict[str, Any]:
    """Read one run folder."""
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    provenance = json.loads((folder / "provenance.json").read_text())
    records = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    command = [word for word in provenance["command"].split() if not word.startswith(ELSEWHERE)]
    result["config"].pop("runs_dir")
    return {
        **result,
        "command": " ".join(command),
        "kernel": provenance["kernel"],
        "threads": provenance["threads"],
        "commit": provenance["git"]["commit"],
        "curve": [[record["step"], record["test_mse"]] for record in records],
    }


def main() -> None:
    """Print the record."""
    folders = [path.parent for root in sys.argv[1:] for path in Path(root).glob("*/result.json")]
    rows = [row(folder) for folder in folders]
    for each in sorted(rows, key=lambda r: (r["seq_len"], r["command"], r["seed"])):
        print(json.dumps(each))


if __name__ == "__main__":
    main()
