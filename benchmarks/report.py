"""Time `python -m irnn.report` on many synthetic runs, and measure its memory: the command, as typed.

With `--serve`: how soon it answers, how soon it tells of a run that changed, and its memory.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep
from urllib.request import urlopen

from machine import describe

REPOSITORY = Path(__file__).resolve().parent.parent
LIMIT_SECONDS, LIMIT_MEBIBYTES = 10.0, 1024.0
SERVED_SECONDS, SERVED_MEBIBYTES = 2.0, 300.0
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


def serve(root: Path, rounds: int) -> tuple[float, float]:
    """Serve while one run goes on; give the slowest news in seconds and the peak memory in MiB."""
    run = min(root.glob("*/result.json"))
    run.unlink()
    metrics = run.with_name("metrics.jsonl")
    last = json.loads(metrics.read_text().splitlines()[-1])
    command = [sys.executable, "-u", "-m", "irnn.report", str(root), "--serve", "0"]
    begun = perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://\S+?(?=[/\s])", server.stdout.readline())[0]
            urlopen(f"{address}/").read()
            print(f"served       first page: {perf_counter() - begun:5.2f} s", flush=True)
            version, slowest = json.load(urlopen(f"{address}/state?since=0"))["version"], 0.0
            for number in range(rounds):
                sleep(3)
                last["step"] += EVERY
                with metrics.open("a") as file:
                    file.write(json.dumps(last) + "\n")
                begun = perf_counter()
                version = json.load(urlopen(f"{address}/state?since={version}"))["version"]
                seconds = perf_counter() - begun
                print(f"served       round {number}: {seconds:5.2f} s until a changed run is told")
                slowest = max(slowest, seconds)
            status = Path(f"/proc/{server.pid}/status").read_text()
            return slowest, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
        finally:
            server.terminate()


def main() -> int:
    """Measure the table on screen, the whole report and the served page; 1 when a limit is broken."""
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
        told, served = serve(root, options.rounds)
    print(
        f"slowest {worst_seconds:.2f} s of {LIMIT_SECONDS:.0f}, "
        f"most memory {worst_memory:.0f} MiB of {LIMIT_MEBIBYTES:.0f}; served: {told:.2f} s of "
        f"{SERVED_SECONDS:.0f}, {served:.0f} MiB of {SERVED_MEBIBYTES:.0f}"
    )
    broken = worst_seconds > LIMIT_SECONDS or worst_memory > LIMIT_MEBIBYTES
    return int(broken or told > SERVED_SECONDS or served > SERVED_MEBIBYTES)


if __name__ == "__main__":
    sys.exit(main())
