"""Write run folders as the runner does, for tests: plateau, then descent, or an explosion."""

import json
import math
import random
import zlib
from pathlib import Path

import yaml

from irnn.reporting.folders import find_folders
from irnn.reporting.load import load_runs

THRESHOLDS = ("0.1", "0.05", "0.01", "0.001")
BASELINE = 1 / 6
METRICS = {
    "temporal_order": {
        "name": "accuracy",
        "goal": 0.99,
        "better": "higher",
        "baseline": 0.25,
        "baseline_meaning": "guessing",
    },
    "copy_memory": {
        "name": "cross_entropy",
        "goal": 0.002,
        "better": "lower",
        "baseline": 0.52,
        "baseline_meaning": "guessing the ten symbols",
    },
    "pixels": {
        "name": "accuracy",
        "goal": 0.95,
        "better": "higher",
        "baseline": 0.1,
        "baseline_meaning": "guessing",
    },
}
"""Of tasks other than adding, whose folders of irnn 0.1 say nothing."""
LEVELS = {
    "temporal_order": ("0.5", "0.9", "0.99"),
    "copy_memory": ("0.26", "0.052", "0.0052"),
    "pixels": ("0.5", "0.9", "0.95", "0.98"),
}


def config(seed=0, seq_len=150, optim="adam", clip=1.0, updates=20_000, **overrides):
    """The resolved configuration of a run; `overrides` are dotted keys with __ for the dot."""
    lr = {"adam": 0.001, "sgd": 0.01, "rmsprop": 0.0005}[optim]
    tree = {
        "seed": seed,
        "batch_size": 16,
        "task": {
            "name": "adding",
            "seq_len": seq_len,
            "marks": "anywhere",
            "data": "fresh",
            "train_size": 100_000,
            "test_size": 10_000,
        },
        "model": {"name": "irnn", "hidden_size": 100},
        "init": {"name": "identity", "gain": 1.0},
        "optim": {"name": optim, "lr": lr, "recurrent_lr_scale": 1.0},
        "clip": {"max_norm": clip},
        "budget": {"updates": updates, "epochs": None, "seconds": None},
        "stop": {"test_mse": 0.001},
        "evaluate": {"every": 250},
        "checkpoint": {"every": 1000},
        "divergence": {"policy": "stop"},
        "runtime": {"device": "cpu", "threads": 1, "kernel": "torch", "dtype": "float32"},
        "tracker": {"mode": "offline", "group": None},
        "runs_dir": "runs",
        "force": False,
    }
    for key, value in overrides.items():
        *sections, last = key.split("__")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[last] = value
    return tree


def provenance(tree):
    overrides = f"seq_len={tree['task']['seq_len']} optim={tree['optim']['name']}"
    return {
        "command": f"python -m irnn.train {overrides} seed={tree['seed']}",
        "git": {"commit": "605c4a6d2f", "dirty": False},
        "versions": {"python": "3.11.7", "torch": "2.13.0", "irnn": "0.1.0"},
        "machine": {"hostname": "bench", "cpu": "Example CPU", "cores": 2, "platform": "Linux"},
        "device": tree["runtime"]["device"],
        "kernel": tree["runtime"]["kernel"],
        "instruction_set": "avx2",
        "threads": 1,
        "dtype": tree["runtime"]["dtype"],
        "started": "2026-01-02T03:04:05+00:00",
    }


def losses(rng, solve_at, steps, every):
    """Held-out loss at each evaluation: the 1/6 plateau until about half of `solve_at`."""
    for step in range(0, steps + 1, every):
        progress = max(0.0, 2 * step / solve_at - 1) if solve_at else 0.0
        yield step, BASELINE * 10 ** (-2.3 * progress) * math.exp(rng.gauss(0, 0.06))


def of_task(tree, task):
    """Turn a configuration of the adding problem into one of another task."""
    metric = METRICS[task]
    key = "test_accuracy" if metric["better"] == "higher" else "test_loss"
    tree["task"].update(name=task, marks=None)
    tree["stop"] = {"test_mse": None, key: metric["goal"]}
    return tree


def scores(task, record):
    """Say in another task's terms how far a record of the adding problem has come."""
    test, train = ((record.pop(f"{side}_mse")) for side in ("test", "train"))
    metric = METRICS[task]
    scale = metric["baseline"] / BASELINE if metric["better"] == "lower" else 8
    record.update(
        test_loss=None if test is None else scale * test, train_loss=min(1e19, scale * train)
    )
    if metric["better"] == "higher":
        rest = 1 - metric["baseline"]
        share = None if test is None else 1 - rest * min(1.0, test / BASELINE)
        record["test_accuracy"] = share


def write_run(
    root,
    tree=None,
    status="solved",
    solve_at=8000,
    finish=True,
    cut=False,
    task="adding",
    **settings,
):
    """Write one run folder below `root` and return its path."""
    tree = tree or config(**settings)
    if task != "adding":
        tree = of_task(tree, task)
    rng = random.Random(f"{tree['seed']}-{tree['task']['seq_len']}-{tree['optim']['name']}")
    every, budget = tree["evaluate"]["every"], tree["budget"]["updates"]
    seq_len, optim = tree["task"]["seq_len"], tree["optim"]["name"]
    changed = zlib.crc32(json.dumps(tree, sort_keys=True).encode())
    run_id = f"irnn-T{seq_len}-{optim}-s{tree['seed']}-{changed:08x}"
    folder = Path(root) / run_id
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    told = provenance(tree)
    if task != "adding":
        told |= {"task": task, "metric": METRICS[task], "thresholds": LEVELS[task]}
    (folder / "provenance.json").write_text(json.dumps({**told, "sessions": [told]}))
    (folder / "train.log").write_text("started\n")
    explode_at = budget * 0.4 if status == "diverged" else math.inf
    records, divergences = [], []
    for step, test in losses(rng, solve_at if status == "solved" else None, budget, every):
        record = {
            "step": step,
            "epoch": step * 16 / 100_000,
            "train_mse": test * math.exp(rng.gauss(-0.05, 0.1)),
            "test_mse": test,
            "grad_norm": rng.uniform(0.1, 3),
            "clip_fraction": 0.2,
            "lr": tree["optim"]["lr"],
            "spectral_radius": 1.0 + step * 1e-7,
            "identity_distance": step * 1e-5,
            "steps_per_second": rng.uniform(480, 520),
            "seconds": step / 500,
        }
        records.append(record)
        if step >= explode_at:
            event = {"step": step, "reason": "gradient norm is inf", "action": "stop"}
            record.update(test_mse=None, train_mse=1e19, grad_norm=None, event=event)
            divergences.append(event)
            break
        if status == "solved" and test <= (
            0.001 if task != "adding" else tree["stop"]["test_mse"] or 0
        ):
            break
    if task != "adding":
        for record in records:
            scores(task, record)
    text = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "metrics.jsonl").write_text(text[:-40] if cut else text)
    if finish:
        write_result(folder, run_id, tree, status, records, divergences)
    return folder


def write_result(folder, run_id, tree, status, records, divergences):
    task = tree["task"]["name"]
    if task in METRICS:
        write_result_of(folder, run_id, tree, status, records, divergences)
        return
    known = [(r["step"], r["test_mse"]) for r in records if r["test_mse"] is not None]
    solved_at = {
        name: next((step for step, test in known if test < float(name)), None)
        for name in THRESHOLDS
    }
    last = records[-1]
    result = {
        "run_id": run_id,
        "schema": 1,
        "status": status,
        "seed": tree["seed"],
        "seq_len": tree["task"]["seq_len"],
        "model": tree["model"]["name"],
        "steps": last["step"],
        "epochs": last["epoch"],
        "test_mse": last["test_mse"],
        "best_test_mse": min(test for _, test in known),
        "solved_at": solved_at,
        "seconds": last["seconds"],
        "steps_per_second": last["steps_per_second"],
        "restarts": 0,
        "divergences": divergences,
        "config": tree,
    }
    (folder / "result.json").write_text(json.dumps(result))


def write_result_of(folder, run_id, tree, status, records, divergences):
    """Write what a run of another task than adding leaves."""
    task = tree["task"]["name"]
    metric, last = METRICS[task], records[-1]
    higher = metric["better"] == "higher"
    key = "test_accuracy" if higher else "test_loss"
    known = [(r["step"], r[key]) for r in records if r[key] is not None]

    def crossed(level):
        past = (s for s, v in known if (v > float(level) if higher else v < float(level)))
        return next(past, None)

    result = {
        "run_id": run_id,
        "schema": 1,
        "status": status,
        "seed": tree["seed"],
        "seq_len": tree["task"]["seq_len"],
        "model": tree["model"]["name"],
        "steps": last["step"],
        "epochs": last["epoch"],
        "task": task,
        "metric": metric,
        "value": last[key],
        "best_value": (max if higher else min)(value for _, value in known),
        "test_loss": last["test_loss"],
        "train_loss": last["train_loss"],
        "solved_at": {level: crossed(level) for level in LEVELS[task]},
        "seconds": last["seconds"],
        "steps_per_second": last["steps_per_second"],
        "restarts": 0,
        "divergences": divergences,
        "config": tree,
    }
    (folder / "result.json").write_text(json.dumps(result))


def write_sweep(root, seq_lens=(150, 200, 300, 400), optims=("sgd", "adam"), seeds=range(3)):
    """A plausible sweep: Adam mostly solves, later for longer T; SGD hangs or explodes."""
    folders = []
    for seq_len in seq_lens:
        for optim in optims:
            for seed in seeds:
                rng = random.Random(f"{seq_len}{optim}{seed}")
                solve_at = int(30 * seq_len * math.exp(rng.gauss(0, 0.4)))
                status = "solved" if optim == "adam" and solve_at < 16_000 else "exhausted"
                if optim == "sgd" and rng.random() < 0.4:
                    status = "diverged"
                if optim == "sgd" and seq_len == 150 and seed == 0:
                    status = "solved"
                run = write_run(
                    root,
                    seed=seed,
                    seq_len=seq_len,
                    optim=optim,
                    status=status,
                    solve_at=solve_at,
                )
                folders.append(run)
    return folders


def loaded(root):
    """Read runs as a report does."""
    return load_runs(find_folders([str(root)]))
