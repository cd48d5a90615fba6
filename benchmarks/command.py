"""Time the command itself, from process start: --help, the first update, a solved run, peak memory.

Each measurement is a process of its own with a fresh run folder and no tracker.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import machine

# Makes a run say when its first update is done, then ends it.
FIRST_UPDATE = """
import sys
from irnn import train
from irnn.training.trainer import Trainer
update = Trainer.update
def first(self):
    update(self)
    sys.stdout.flush()
    import os
    os._exit(0)
Trainer.update = first
train.main(sys.argv[1:])
"""


def command(*words: str, runs: str) -> list[str]:
    return [*words, f"runs_dir={runs}", "tracker=none"]


def timed(words: list[str]) -> float:
    """Seconds of a process; what it says is shown when it fails."""
    begun = perf_counter()
    done = subprocess.run(words, capture_output=True, text=True)
    seconds = perf_counter() - begun
    if done.returncode != 0:
        sys.exit(f"{words} failed:\n{done.stdout}{done.stderr}")
    return seconds


def help_text() -> float:
    """Seconds of `irnn-train --help`."""
    return timed([sys.executable, "-m", "irnn.train", "--help"])


def first_update() -> float:
    """Seconds from process start until the first update of the default run is done."""
    with tempfile.TemporaryDirectory() as runs:
        return timed(command(sys.executable, "-c", FIRST_UPDATE, runs=runs))


def solved(*overrides: str) -> float:
    """Seconds from process start to the end of a run that is solved at T = 150."""
    with tempfile.TemporaryDirectory() as runs:
        words = [sys.executable, "-m", "irnn.train", "seq_len=150", *overrides]
        seconds = timed(command(*words, runs=runs))
        results = list(Path(runs).glob("*/result.json"))
        if '"status": "solved"' not in results[0].read_text():
            sys.exit(f"{overrides} did not solve T = 150")
        return seconds


def peak_memory() -> float:
    """MiB that a run of 5 updates at T = 10 000 with fresh data holds at most, its evaluations too."""
    with tempfile.TemporaryDirectory() as runs:
        words = [sys.executable, "-m", "irnn.train", "seq_len=10000", "task.data=fresh"]
        words += ["batch_size=16", "budget.updates=5"]
        words += ["init_scale=0.9"]  # does not explode before the fifth update
        arguments = command(*words, runs=runs)
        process = os.spawnv(os.P_NOWAIT, arguments[0], arguments)
        _, status, usage = os.wait4(process, 0)
        if status != 0:
            sys.exit("the run at T = 10 000 failed")
        return usage.ru_maxrss / 1024  # KiB on Linux


PARTS = {
    "help": (help_text, "s", 5),
    "first update": (first_update, "s", 5),
    "solved": (solved, "s", 1),
    "solved, fast": (lambda: solved("experiment=fast"), "s", 1),
    "peak memory": (peak_memory, "MiB", 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    chosen = parser.parse_args()
    rows: dict[str, object] = {}
    for name in chosen.parts:
        measure, unit, rounds = PARTS[name]
        rows[name] = readings = [measure() for _ in range(rounds)]
        print(f"  {name:14} {machine.spread(readings, unit)}", flush=True)
    machine.write(chosen.out, "command", {"readings": rows})


if __name__ == "__main__":
    main()
