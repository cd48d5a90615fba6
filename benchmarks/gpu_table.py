"""Print what `gpu.py` and `gpu_runs.py` wrote as Markdown, for docs/gpu.md.

python benchmarks/gpu_table.py DIR
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Rows = list[tuple[object, ...]]


def main() -> None:
    folder = Path(sys.argv[1])
    found = json.loads((folder / "gpu.json").read_text())
    about = (found.get(key) for key in ("gpu", "driver", "torch", "cores", "date"))
    print("One {}, driver {}, PyTorch {}, {} cores of its host, {}.".format(*about))
    for make in (alone, packs, parts, small):
        try:
            make(found)
        except (KeyError, AttributeError) as error:  # a stage that failed left a message
            print(f"\n{make.__name__}: not measured ({error!r})")
    rates = folder / "gpu_runs_rates.json"
    if rates.exists():
        runs(json.loads(rates.read_text())["rates"])
    together = folder / "gpu_runs_packed.json"
    if together.exists():
        packed(json.loads(together.read_text())["packed"])


def table(head: tuple[str, ...], rows: Rows) -> None:
    print("\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(map(shown, row)) + " |")


def shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}".replace(",", " ") if cell >= 1000 else f"{cell:.3g}"
    return "-" if cell is None else str(cell)


def alone(found: Any) -> None:
    ours, others = next(iter(found["time_single"].values())), found["compare"]
    names = ("nn.RNN loop", "nn.RNN graph", "irnn on the CPU", "JAX scan")
    rows: Rows = [
        (f"T = {T}", us, *(others.get(f"{name} T={T}") for name in names)) for T, us in ours.items()
    ]
    table(
        ("one run, B = 16, H = 100: us an update", "irnn", "`nn.RNN` in a loop", "in a graph",
         "irnn on the CPU", "JAX `scan`"), rows,
    )  # fmt: skip


def packs(found: Any) -> None:
    rows: Rows = []
    for name, us in found["time_matrix"].items():
        count = int(name.rsplit("=", 1)[1])
        rows.append((name.replace("=", " = "), us, us / count, 1e6 * count / us))
    table(("packs", "us an update of all", "us a run", "run-updates/s"), rows)
    for name, us in found["compare"].items():
        if "vmap" in name:
            print(f"\n{name}: {us:.1f} us.")


def parts(found: Any) -> None:
    names = ("walk", "sum_products", "gather", "descend")
    rows: Rows = [
        (label, *map(each.get, names), sum(each.values()))
        for label, each in found["time_parts"].items()
    ]
    table(("launches, us", *names, "sum"), rows)
    table(("10 000 held-out sequences, T = 150", "ms a run"), [*found["time_evaluations"].items()])


def small(found: Any) -> None:
    rows: Rows = [
        (name.replace("=", " = "), each["GPU"], each["CPU"], each["threads"])
        for name, each in found["time_small"].items()
    ]
    table(("one run, us an update", "GPU", "CPU", "threads (best of 1, 2, 4, 8)"), rows)


def runs(found: Any) -> None:
    keys = ("steady update us", "evaluation ms", "update us", "whole us", "process s")
    rows: Rows = [
        (f"{name}, {device}", *map(each.get, keys))
        for name, row in found.items()
        for device, each in row.items()
        if isinstance(each, dict)
    ]
    table(
        ("`irnn-train`, T = 150, B = 16", "us an update, warm", "ms an evaluation with checkpoint",
         "us an update, start included", "us with all else", "s the process"), rows,
    )  # fmt: skip


def packed(found: Any) -> None:
    keys = ("process s", "solved", "run-updates/s, process start to all results")
    keys = (*keys, "run-updates/s, later records")
    rows: Rows = [
        (name, *map(each.get, keys)) for name, each in found.items() if isinstance(each, dict)
    ]
    table(("`irnn-train -m` in a pack, T = 150", *keys), rows)
    print(f"\nPacked and alone: {found['the same bits as alone']}")


if __name__ == "__main__":
    main()
