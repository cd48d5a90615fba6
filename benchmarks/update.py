"""Time one whole training update against its peers: parity first, then alternating rounds.

Every contender runs in its own process; rounds alternate between them, so that other work on the
machine disturbs all alike. One round is as many updates as the data pipeline makes batches for in
one go. Reported is the median over rounds, with the fastest and the slowest.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import machine
import parity
from cases import ACTIVE, TRAINED, Case
from worker import CONTENDERS, Worker

COMPILE_LIMIT = 240.0  # seconds that torch.compile may take for one case


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[150, 400, 1000], metavar="T")
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 128], metavar="B")
    parser.add_argument("--hidden", type=int, nargs="+", default=[100, 128], metavar="H")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    return parser.parse_args()


class Bench:
    """The contenders at one number of threads, and what has been measured of them."""

    def __init__(self, names: list[str], threads: int, rounds: int) -> None:
        self.threads, self.rounds = threads, rounds
        self.workers = {name: Worker(name, threads) for name in names}

    def prepare(self, case: Case) -> list[str]:
        """Build and check every contender; return the names of those that take part."""
        taking_part, ours = [], None
        for name in list(self.workers):
            limit = COMPILE_LIMIT if name == "torch.compile" else None
            try:
                losses = self.workers[name].ask("prepare", case, limit=limit)
            except RuntimeError as error:
                if name == "irnn":
                    sys.exit(str(error))
                print(f"  {name} left out from here on: {error}", flush=True)
                self.workers.pop(name).stop()
                continue
            if losses:
                ours = ours or losses
                difference = parity.loss_difference(losses, ours)
                if difference > parity.LOSS_TOLERANCE:
                    sys.exit(f"{name} does other work than irnn at {case}: {losses} {ours}")
            taking_part.append(name)
        return taking_part

    def measure(self, case: Case) -> dict[str, object]:
        """Time one case and print its table."""
        names = self.prepare(case)
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(self.rounds):
            for name in names:
                seconds[name].append(self.workers[name].ask("time", case))
        shares = [self.workers["irnn"].ask("shares", case) for _ in range(min(self.rounds, 2))]
        outside, batch = (
            statistics.median(share[part] for share in shares) for part in ("outside", "batch")
        )
        ours = statistics.median(seconds["irnn"])
        for name, times in seconds.items():
            median = statistics.median(times)
            print(
                f"  {name:14}{1e3 * median:9.3f} ms  [{1e3 * min(times):.3f} .. "
                f"{1e3 * max(times):.3f}]   {median / ours:6.2f} x irnn"
            )
        print(f"  irnn outside the kernel {outside:.1%}, making batches {batch:.1%}", flush=True)
        return {
            **{name: value for name, value in vars(case).items() if name != "run"},
            "threads": self.threads,
            "seconds": seconds,
            "silent": parity.silent_share(case),
            "outside_kernel": outside,
            "batch": batch,
        }

    def stop(self) -> None:
        for worker in self.workers.values():
            worker.stop()


def main() -> None:
    chosen = arguments()
    about = machine.describe()
    print(json.dumps(about, indent=1))
    with tempfile.TemporaryDirectory() as runs:
        measure(chosen, trained(runs))


def trained(runs: str) -> str:
    """Train the default recipe to its end, and give its folder."""
    words = ["seq_len=150", "seed=0", "tracker=none", f"runs_dir={runs}"]
    subprocess.run(
        [sys.executable, "-m", "irnn.train", *words], check=True, stdout=subprocess.DEVNULL
    )
    (run,) = Path(runs).glob("irnn-*")
    return str(run)


def measure(chosen: argparse.Namespace, run: str) -> None:
    """Check and time every case: all sizes from the identity; at the first size also other weights."""
    cases = [Case(*sizes) for sizes in itertools.product(chosen.steps, chosen.batch, chosen.hidden)]
    batch, hidden = chosen.batch[0], chosen.hidden[0]
    cases += [Case(steps, batch, hidden, ACTIVE) for steps in chosen.steps]
    if hidden == 100:
        cases.append(Case(150, batch, hidden, TRAINED, run))
    torch.set_num_threads(1)  # the reference's products are too small to gain by more
    errors = parity.check(cases)
    names = ["irnn", *(name for name in chosen.contenders if name != "irnn")]
    rows = []
    for threads in chosen.threads:
        bench = Bench(names, threads, chosen.rounds)
        for case in cases:
            print(f"{case}, {threads} thread{'s' * (threads > 1)}", flush=True)
            rows.append(bench.measure(case))
        bench.stop()
    machine.write(chosen.out, "update", {"parity": errors, "rows": rows})


if __name__ == "__main__":
    main()
