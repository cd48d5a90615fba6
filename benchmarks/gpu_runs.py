"""Train real runs on this machine's GPU: how fast, whether killed ones go on, whether the CPU agrees.

PYTHONPATH=src python benchmarks/gpu_runs.py [--out DIR] [STAGE ...]
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import torch

SHORT = ("task.seq_len=150", "seed=1", "tracker=none", "evaluate.every=250", "checkpoint.every=250")
KINDS = {
    "irnn, CUDA kernels": (),
    "irnn, T=1000": ("task.seq_len=1000",),
    "irnn, no bookkeeping": ("evaluate.every=100000", "checkpoint.every=100000"),
    "lstm": ("model=lstm",),
    "gru": ("model=gru",),
    "irnn by PyTorch": ("runtime.kernel=torch",),
    "irnn, two layers": ("model.num_layers=2",),
    "irnn, float64": ("runtime.dtype=float64",),
}
AGREEING = {
    "kernels": ("budget.updates=100",),
    "lstm": ("model=lstm", "budget.updates=100"),
    "explodes": (
        "optim=sgd", "optim.lr=0.5", "clip=100", "init.input_std=0.3", "budget.updates=300",
        "divergence.grace=40",
    ),
}  # fmt: skip
RUNS = 132
PACKED = ("task.seq_len=150", "tracker=none", "runtime.device=cuda")
PACKS = {  # the seeds come first
    "132 seeds of the default recipe": (f"seed=range({RUNS})",),
    "132 seeds, 4 000 updates": (
        f"seed=range({RUNS})",
        "budget.updates=4000",
        "stop.test_mse=null",
    ),
    "528 seeds, 4 000 updates": ("seed=range(528)", "budget.updates=4000", "stop.test_mse=null"),
}
DIVERGED = 3  # exit status
RATES_WITHIN = 62  # seconds, after which no further kind of run is begun
CLOCKS = ("seconds", "steps_per_second")


def start(out: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "irnn.train", *SHORT, f'runs_dir="{out}"', *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def train(out: Path, *words: str) -> tuple[float, Path]:
    """Give the seconds of the whole process and the run's folder."""
    begun = time.perf_counter()
    process = start(out, *words)
    try:
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    if process.returncode not in (0, DIVERGED):
        raise RuntimeError(said[-1500:])
    (folder,) = [path.parent for path in out.rglob("result.json")]
    return time.perf_counter() - begun, folder


def steady(found: list[dict]) -> dict[str, float]:
    """Give what an update, and an evaluation with a checkpoint, took once warm: medians of later records."""
    later = found[len(found) // 3 :]
    if len(later) < 3:
        return {}
    updates = statistics.median(1e6 / each["steps_per_second"] for each in later)
    others = statistics.median(
        after["seconds"]
        - before["seconds"]
        - (after["step"] - before["step"]) / after["steps_per_second"]
        for before, after in pairwise(later)
    )
    return {"steady update us": updates, "evaluation ms": 1e3 * others}


def records(folder: Path, without: tuple[str, ...] = CLOCKS) -> list[dict]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    kept = [json.loads(line) for line in lines]
    return [{k: v for k, v in each.items() if k not in without} for each in kept]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoints" / "last.pt", map_location="cpu", weights_only=True)[
        "weights"
    ]["model"]


def rates(out: Path) -> dict[str, object]:
    rows: dict[str, object] = {}
    begun = time.perf_counter()
    for name, words in KINDS.items():
        if time.perf_counter() - begun > RATES_WITHIN:
            print(f"{name}: left out, {RATES_WITHIN} s are over", flush=True)
            continue
        row = {}
        for device, updates in (("cuda", 2000), ("cpu", 250)):
            if device == "cpu" and name not in ("irnn, CUDA kernels", "lstm", "gru"):
                continue
            try:
                place = out / f"{name} {device}".replace(" ", "_").replace(",", "")  # has a "="
                more = (f"runtime.device={device}", f"budget.updates={updates}")
                wall, folder = train(place, *words, *more)
            except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
                row[device] = f"{type(error).__name__}: {error}"
                print(name, device, row[device], flush=True)
                continue
            result = json.loads((folder / "result.json").read_text())
            us = 1e6 / result["steps_per_second"]
            row[device] = {
                "update us": us, "whole us": 1e6 * result["seconds"] / updates, "process s": wall
            }  # fmt: skip
            row[device] |= steady(records(folder, ()))
            shown = "  ".join(f"{key} {value:.1f}" for key, value in row[device].items())
            print(f"{name:22s} {device:5s} {shown}", flush=True)
        rows[name] = row
    return rows


def resumed(out: Path) -> dict[str, object]:
    """Kill runs in the middle, continue them, and compare with undisturbed ones."""

    def one(name: str, *words: str) -> dict[str, object]:
        own = ("runtime.device=cuda", "budget.updates=3000", *words)
        _, whole = train(out / name / "whole", *own)
        place = out / name / "killed"
        process, waited = start(place, *own), []
        for number, seen in ((signal.SIGTERM, 2), (signal.SIGKILL, 4)):
            while process.poll() is None and _lines(place) < seen:
                time.sleep(0.01)
            asked = time.perf_counter()
            process.send_signal(number)
            process.communicate()
            waited.append(time.perf_counter() - asked)
            process = start(place, *own)
        process.communicate()
        (folder,) = [path.parent for path in place.rglob("result.json")]
        same = all(torch.equal(x, weights(folder)[k]) for k, x in weights(whole).items())
        return {"weights": same, "records": records(whole) == records(folder), "waited": waited}

    with ThreadPoolExecutor() as pool:
        first, second = pool.submit(one, "kernels"), pool.submit(one, "lstm", "model=lstm")
        rows: dict[str, object] = {"kernels": first.result(), "lstm": second.result()}
    print("killed twice and continued, bitwise as undisturbed:", rows, flush=True)
    return rows


def packed(out: Path) -> dict[str, object]:
    """Time the command that trains many runs together, then hold a few of them to the same runs alone."""
    rows: dict[str, object] = {}
    for name, words in PACKS.items():
        place = out / name.replace(" ", "_").replace(",", "")
        wall, said = sweep(place, *words)
        results = [json.loads(path.read_text()) for path in place.rglob("result.json")]
        updates = sum(each["steps"] for each in results)
        rows[name] = {
            "process s": wall,
            "runs": len(results),
            "solved": sum(each["status"] == "solved" for each in results),
            "run-updates": updates,
            "run-updates/s, process start to all results": updates / wall,
            "run-updates/s, later records": steady_together(place),
            "packed with": sorted({each.get("pack", 0) for each in sessions(place)}),
        }
        print(name, json.dumps(rows[name]), said[-400:], flush=True)
    place = out / next(iter(PACKS)).replace(" ", "_").replace(",", "")
    same = [same_alone(place, out / "alone", seed) for seed in (0, RUNS - 1)]
    rows["the same bits as alone"] = same
    print("packed runs and the same runs alone:", same, flush=True)
    return rows


def sweep(out: Path, *words: str) -> tuple[float, str]:
    """Give the seconds of a whole sweep's process, and what it said."""
    command = [sys.executable, "-m", "irnn.train", "-m", *PACKED, f'runs_dir="{out}"', *words]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    wall = time.perf_counter() - begun
    if done.returncode != 0:
        logs = [path.read_text()[-1500:] for path in out.rglob("pack-*.log")]
        raise RuntimeError("\n".join([done.stdout[-1000:], done.stderr[-1000:], *logs]))
    return wall, done.stdout


def sessions(place: Path) -> list[dict]:
    found = (json.loads(path.read_text()) for path in place.rglob("provenance.json"))
    return [each for provenance in found for each in provenance["sessions"]]


def steady_together(place: Path) -> float:
    """Add up what all runs made in a second, evaluations and files included, over the later half of each."""
    total = 0.0
    for folder in (path.parent for path in place.rglob("result.json")):
        later = records(folder, ())
        later = later[len(later) // 2 :]
        if len(later) > 1:
            seconds = later[-1]["seconds"] - later[0]["seconds"]
            total += (later[-1]["step"] - later[0]["step"]) / seconds
    return total


def same_alone(place: Path, out: Path, seed: int) -> dict[str, object]:
    """Train one of the runs by itself, and compare weights and records bitwise."""
    words = [*PACKED, f"seed={seed}", *next(iter(PACKS.values()))[1:]]
    command = [sys.executable, "-m", "irnn.train", *words, f'runs_dir="{out}"']
    subprocess.run(command, capture_output=True, text=True, timeout=120)
    (alone,) = [path.parent for path in out.glob(f"*-s{seed}-*/result.json")]
    together = place / alone.name
    equal = all(torch.equal(x, weights(together)[k]) for k, x in weights(alone).items())
    return {"seed": seed, "weights": equal, "records": records(alone) == records(together)}


def _lines(place: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in place.rglob("metrics.jsonl"))


def agrees(out: Path) -> dict[str, object]:
    """Compare the first updates on the GPU with the CPU's, and where a run explodes."""

    def one(name: str, device: str) -> tuple[object, ...]:
        own = (
            *AGREEING[name],
            "evaluate.every=20",
            f"runtime.device={device}",
            "runtime.threads=2",
            "task.test_size=1000",
        )
        _, folder = train(out / name / device, *own)
        result = json.loads((folder / "result.json").read_text())
        events = [(each["step"], each["reason"]) for each in result["divergences"]]
        return (
            [(each["step"], each["test_mse"]) for each in records(folder)],
            result["status"],
            events,
        )

    cases = [(name, device) for name in AGREEING for device in ("cpu", "cuda")]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda case: one(*case), cases))
    rows: dict[str, object] = {
        " ".join(case): each for case, each in zip(cases, found, strict=True)
    }
    for name, each in rows.items():
        print(name, json.dumps(each), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("stages", nargs="*", default=["rates", "agrees", "resumed", "packed"])
    chosen = parser.parse_args()
    out = chosen.out
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, object] = {"gpu": torch.cuda.get_device_name()}
    stages = {"rates": rates, "agrees": agrees, "resumed": resumed, "packed": packed}
    for stage in [stages[name] for name in chosen.stages]:
        begun = time.perf_counter()
        try:
            report[stage.__name__] = stage(out / "runs" / stage.__name__)
        except Exception as error:  # what was found before is kept
            report[stage.__name__] = f"{type(error).__name__}: {error}"
            print(report[stage.__name__], flush=True)
        print(f"--- {stage.__name__}: {time.perf_counter() - begun:.0f} s", flush=True)
        (out / f"gpu_runs_{stage.__name__}.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
