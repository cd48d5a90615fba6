"""Show where an update's time goes, cell by cell: samples of `perf` (Linux), grouped by what a function does.

Ends with the table of docs/kernel.md. One thread; other work on the machine disturbs times more than shares.
"""

import argparse
import itertools
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

import machine
from cases import ACTIVE, GATES, OPEN, Case

SECONDS = 4.0  # of updates that are sampled
PARTS = {  # the first that matches a function of the library
    "products": r"tile|panel|multiply",
    "gates, states, tape": r"walk|_row|Terms|Roster|Narrow",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["irnn", *GATES])
    parser.add_argument("--steps", type=int, nargs="+", default=[150, 1000], metavar="T")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)  # the process that is sampled
    chosen = parser.parse_args()
    if chosen.work:
        return work(case_of(chosen.work[0], int(chosen.work[1])))
    if not shutil.which("perf"):
        sys.exit("this needs perf, of the package linux-perf or linux-tools")
    heads = ["cell", "T", "update / floor", *PARTS, "packing and sums", "outside the kernel"]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for model, steps in itertools.product(chosen.models, chosen.steps):
        print(f"| {' | '.join(row(model, steps))} |", flush=True)


def case_of(model: str, steps: int) -> Case:
    """Choose weights with which no step and no unit is left out."""
    return Case(steps, 16, 100, ACTIVE if model == "irnn" else OPEN, model=model)


def work(case: Case) -> None:
    """Make updates, and print how long one takes and what the arithmetic alone would."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    import contenders

    run = contenders.Project(case)
    run(5)
    floor = case.flops() / machine.product_rate(2.0, clock=process_time)
    best, end = float("inf"), process_time() + SECONDS
    while process_time() < end:
        begun = process_time()
        run(4)
        best = min(best, (process_time() - begun) / 4)
    outside = [run.shares(case.updates() // 4)["outside"] for _ in range(9)]
    print(best, floor, statistics.median(outside))


def row(model: str, steps: int) -> list[str]:
    """Sample one case: an update's time against its floor, and shares of it."""
    with tempfile.TemporaryDirectory() as folder:
        samples = str(Path(folder) / "samples")
        this = [sys.executable, __file__, "--work", model, str(steps)]
        record = ["perf", "record", "-q", "-F", "2999", "-o", samples, "--", *this]
        done = subprocess.run(record, check=True, capture_output=True, text=True)
        update, floor, outside = (float(word) for word in done.stdout.split()[-3:])
        report = ["perf", "report", "-i", samples, "--stdio", "--sort", "dso,symbol"]
        report += ["--field-separator", ";", "--percent-limit", "0"]
        lines = subprocess.run(report, check=True, capture_output=True, text=True).stdout
    found = shares(lines)
    inside = [(1 - outside) * found[part] for part in (*PARTS, "rest")]
    shown = (f"{100 * share:.1f} %" for share in (*inside, outside))
    return [model, f"{steps:,}", f"{update / floor:.2f}", *shown]


def shares(report: str) -> dict[str, float]:
    """Group the samples of the kernel's library by part; they add up to 1."""
    found = dict.fromkeys((*PARTS, "rest"), 0.0)
    for line in report.splitlines():
        match = re.match(r"\s*([\d.]+)%?\s*;\s*_native\.so\s*;\s*(.*)", line)
        if match:
            name = re.sub(r"<.*>|\(anonymous namespace\)::", "", match[2])
            part = next((p for p, named in PARTS.items() if re.search(named, name)), "rest")
            found[part] += float(match[1])
    whole = sum(found.values())
    if not whole:
        sys.exit("perf saw nothing of the kernel: may it sample here (kernel.perf_event_paranoid)?")
    return {part: value / whole for part, value in found.items()}


if __name__ == "__main__":
    os.chdir(Path(__file__).parent)
    main()
