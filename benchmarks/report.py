"""Time `python -m irnn.report` on many synthetic runs, and measure its memory: the command, as typed."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from machine import describe

REPOSITORY = Path(__file__).resolve().parent.parent
LIMIT_SECONDS, LIMIT_MEBIBYTES = 10.0, 1024.0
EVERY = 250
LENGTHS = (150, 200, 300, 400)
OPTIMS = ("sgd", "adam")
CLIPS = (1.0, 10.0, 100.0, 1000.0, None)


def make_runs(root: Path, runs: int, evaluations: int) -> None:
    """Write finished runs of exactly so many evaluations, in groups of up to 25 seeds."""
    sys.path.insert(0, str(REPOSITORY / "tests" / "reporting"))
    from synthetic_runs import config, write_run

    updates = EVERY * (evaluations - 1)
    groups = [(T, optim, clip) for T in LENGTHS for optim in OPTIMS for clip in CLIPS]
    for number in range(runs):
        seed, group = divmod(number, len(groups))
        T, optim, clip = groups[group]
        settings = {"seed": seed, "seq_len": T, "optim": optim, "clip": clip, "updates": updates}
        status = "solved" if seed % 2 else "exhausted"
        tree = config(**settings, stop__test_mse=None)  # evaluated to the end, solved or not
        write_run(root, tree, status=status, solve_at=(0.5 + seed / 100) * updates)


def measure(arguments: list[str]) -> tuple[float, float]:
    """Run the command in a process of its own; give its seconds and peak memory in MiB."""
    command = [sys.executable, "-m", "irnn.report", *arguments]
    measured = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.exit(code)\n"
    )
    begun = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", measured, *command], capture_output=True, text=True, check=True
    )
    return perf_counter() - begun, int(done.stdout) / 1024


def main() -> int:
    """Measure the table on screen and the whole report; 1 when a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"machine: {describe()}")
    worst_seconds = worst_memory = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        root, out = Path(temporary) / "runs", Path(temporary) / "report"
        make_runs(root, options.runs, options.evaluations)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) / 1e6
        print(f"{options.runs} runs of {options.evaluations} evaluations, {size:.0f} MB")
        for name, extra in (("on screen", []), ("with --out", ["--out", str(out)])):
            for number in range(options.rounds):
                seconds, memory = measure([str(root), *extra])
                print(f"{name:12} round {number}: {seconds:5.2f} s, {memory:4.0f} MiB", flush=True)
                worst_seconds = max(worst_seconds, seconds)
                worst_memory = max(worst_memory, memory)
    print(
        f"slowest {worst_seconds:.2f} s of {LIMIT_SECONDS:.0f}, "
        f"most memory {worst_memory:.0f} MiB of {LIMIT_MEBIBYTES:.0f}"
    )
    return int(worst_seconds > LIMIT_SECONDS or worst_memory > LIMIT_MEBIBYTES)


if __name__ == "__main__":
    sys.exit(main())
