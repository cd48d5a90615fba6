"""Time a whole update of an LSTM, a GRU and a tanh network against PyTorch's layers and JAX: parity first.

Then one of a ReLU network in large batches, with AVX2 too. Ends with all rows as Markdown.
"""

import argparse
import itertools
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import machine
import parity
from cases import FRESH, GATES, OPEN, Case
from update import Bench

CONTENDERS = ("irnn", "nn.RNN", "jax scan", "floor")
LARGE = ("irnn", "irnn avx2", "nn.RNN", "nn.RNN avx2", "floor")  # ReLU in batches of 128


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(GATES), choices=list(GATES))
    parser.add_argument("--steps", type=int, nargs="+", default=[150, 1000], metavar="T")
    parser.add_argument("--batch", type=int, nargs="+", default=[16], metavar="B")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--large", type=int, nargs="*", default=[150, 400], metavar="T")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    print(json.dumps(machine.describe(), indent=1))
    cases = [
        Case(steps, batch, 100, start, model=model)
        for model, steps, batch, start in itertools.product(
            chosen.models, chosen.steps, chosen.batch, (FRESH, OPEN)
        )
    ]
    torch.set_num_threads(1)  # the reference's products are too small to gain by more
    large = [Case(steps, 128, 100) for steps in chosen.large]
    errors = parity.check([*cases, *large])
    names = ["irnn", *(name for name in chosen.contenders if name != "irnn")]
    rows = [
        row for threads in chosen.threads for row in timed(cases, names, threads, chosen.rounds)
    ]
    relu = timed(large, LARGE, max(chosen.threads), chosen.rounds)
    machine.write(chosen.out, "cells", {"parity": errors, "rows": rows, "large": relu})
    print("\n".join([*markdown(rows, names), "", *markdown(relu, LARGE)]))


def timed(
    cases: Sequence[Case], names: Sequence[str], threads: int, rounds: int
) -> list[dict[str, Any]]:
    """Measure cases one after the other, with the same processes."""
    if not cases:
        return []
    bench, rows = Bench(list(names), threads, rounds), []
    for case in cases:
        print(f"{case}, {threads} thread{'s' * (threads > 1)}", flush=True)
        rows.append(bench.measure(case))
    bench.stop()
    return rows


def markdown(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    """Write the rows as a table: medians in milliseconds, and the others' as multiples of ours."""
    others = [name for name in names if name not in ("irnn", "floor")]
    heads = ["model", "B", "T", "threads", "weights", "irnn ms", *(f"{o} / irnn" for o in others)]
    heads += ["irnn / floor"] * ("floor" in names) + ["outside the kernel"]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for row in rows:
        middle = {name: statistics.median(times) for name, times in row["seconds"].items()}
        cells = [row[part] for part in ("model", "B", "T", "threads", "start")]
        cells.append(f"{1e3 * middle['irnn']:.2f}")
        cells += [f"{middle[o] / middle['irnn']:.1f}" if o in middle else "-" for o in others]
        if "floor" in names:
            cells.append(f"{middle['irnn'] / middle['floor']:.2f}")
        cells.append(f"{row['outside_kernel']:.1%}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


if __name__ == "__main__":
    main()
