"""Measure the CUDA kernels on this machine's GPU: parity first, then whole updates against other programs.

    PYTHONPATH=src python benchmarks/gpu.py [--quick] [--out DIR] [STAGE ...]

Prints tables and writes DIR/gpu.json. Needs PyTorch with CUDA and cuda-bindings; JAX and optax where they are
to be compared with. `--quick` times many ways to lay the kernels out at a few sizes, and fewer competitors.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

import gpu_contenders as contenders
from gpu_operator import PLANS as OPERATOR_PLANS
from gpu_operator import check_operator, time_operator
from gpu_problems import BATCH, DEVICE, HIDDEN, median_ms, pack_for, parity, same_bits
from irnn.kernels.cuda import compiler, gpu
from irnn.kernels.cuda.pack import Pack
from irnn.kernels.cuda.plan import Plan, choose

HERE = Path(__file__).parent
ALONE = choose(HIDDEN, 2)
PACKED = choose(HIDDEN, 2, packed=True)
SINGLE_PLANS = {
    "8x8": ALONE,
    "8x4": replace(ALONE, units=4),
    "4x4": replace(ALONE, share=4, units=4),
    "16x8": replace(ALONE, share=16, units=8),
}
PACK_PLANS = {
    "8x8 r1 b3": replace(ALONE, blocks=3),
    "8x8 r2 b3": PACKED,
    "8x8 r4 b3": replace(ALONE, rows=4, blocks=3),
    "8x8 r1 t4": replace(ALONE, teams=4),
    "8x8 r2 t4": replace(ALONE, rows=2, teams=4),
    "8x8 r4 t4": replace(ALONE, rows=4, teams=4),
}
SMALL = ((20, 16, 150), (32, 16, 150), (50, 16, 150), (100, 1, 150), (100, 2, 150), (100, 16, 10))
EVALUATIONS = {
    "8x8 r1": ALONE,
    "8x8 r1 b3": replace(ALONE, blocks=3),
    "8x8 r2 b3": replace(ALONE, rows=2, blocks=3),
    "8x8 r4 b3": replace(ALONE, rows=4, blocks=3),
    "8x8 r8 b3": replace(ALONE, rows=8, blocks=3),
    "8x8 r1 t4": replace(ALONE, teams=4),
    "8x8 r2 t4": replace(ALONE, rows=2, teams=4),
    "8x8 r4 t4": replace(ALONE, rows=4, teams=4),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("stages", nargs="*", default=[each.__name__ for each in STAGES])
    chosen = parser.parse_args()
    stages = [each for each in STAGES if each.__name__ in chosen.stages]
    chosen.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    report: dict[str, object] = {
        "gpu": torch.cuda.get_device_name(),
        "driver": driver(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    start = time.perf_counter()
    for stage in stages:
        print(f"--- {stage.__name__} at {time.perf_counter() - start:.0f} s", flush=True)
        try:
            report[stage.__name__] = stage(chosen.quick)
        except Exception as error:  # what was measured before is kept
            report[stage.__name__] = f"{type(error).__name__}: {error}"
            print(report[stage.__name__], flush=True)
        report["seconds"] = time.perf_counter() - start
        (chosen.out / "gpu.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"--- {report['seconds']:.0f} s on {report['gpu']}")


def driver() -> str:
    """Give the version of NVIDIA's driver."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.split()[0]
    except (OSError, IndexError):
        return "unknown"


def compile_all(quick: bool) -> object:
    plans = [*SINGLE_PLANS.values(), *PACK_PLANS.values(), *EVALUATIONS.values()] if quick else []
    small = [choose(H, 2) for H, _, _ in SMALL]
    plans = list(dict.fromkeys([ALONE, PACKED, *small, *OPERATOR_PLANS, *plans]))
    major, minor = torch.cuda.get_device_capability()
    begun = time.perf_counter()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda plan: compiler.compiled(plan, 10 * major + minor), plans))
    print(f"compiled {len(plans)} plans in {time.perf_counter() - begun:.1f} s")
    return time.perf_counter() - begun


def check(quick: bool) -> object:
    """Hold every plan to autograd in float64, and packs to runs alone."""
    plans = [*SINGLE_PLANS.values(), *PACK_PLANS.values()] if quick else [ALONE, PACKED]
    other = [choose(7, 3, tanh=True, bias=False), choose(33, 1), choose(128, 2), choose(256, 2)]
    worst = {}
    for plan in dict.fromkeys([*plans, *other]):
        error = max(parity(plan, T, B) for T, B in ((37, 16), (203, 5)))
        found = gpu.machine(plan, torch.device(DEVICE)).resources("walk")
        worst[str(plan)] = {"error": error, **found}
        print(f"{error:.1e} {found} {plan}", flush=True)
        assert error < 1e-5, plan
    same = {name: same_bits(ALONE, plan) for name, plan in PACK_PLANS.items()} if quick else {}
    same["packed"] = same_bits(ALONE, PACKED)
    print("the same bits as alone:", same, flush=True)
    return {"plans": worst, "same bits": same}


def time_update(plan: Plan, runs: int, T: int, B: int = BATCH, updates: int = 16) -> float:
    """Time one update in a CUDA graph of several: microseconds."""
    updates = max(2, min(updates, int(2e9 / (runs * B * T * 8))))
    pack = pack_for(plan, runs, T, B, updates)

    def several() -> None:
        pack.standing[..., 2].zero_()  # from the first slot again, and not halted
        pack.standing[..., 1].zero_()
        for _ in range(updates):
            pack.update()

    micro = 1e3 * median_ms(contenders.captured(several)) / updates
    made = pack.outcomes(runs - 1, updates)
    assert len(made) == updates
    assert made[-1].applied
    return micro


def time_single(quick: bool) -> object:
    rows = {}
    for name, plan in (SINGLE_PLANS if quick else {"alone": ALONE}).items():
        lengths = (150, 1000) if quick else (150, 400, 1000, 10000)
        rows[name] = {T: time_update(plan, 1, T) for T in lengths}
        shown = "  ".join(f"T={T}: {us:8.1f} us" for T, us in rows[name].items())
        print(f"one run, {name:12s} {shown}", flush=True)
    return rows


def time_packs(quick: bool) -> object:
    rows = {}
    for name, plan in (PACK_PLANS if quick else {"packed": PACKED}).items():
        us = time_update(plan, 132, 150)
        rows[name] = us
        print(
            f"132 runs, T=150, {name:16s} {us:8.1f} us  {132e6 / us:10,.0f} run-updates/s",
            flush=True,
        )
    return rows


def _time_launch(pack: Pack, arguments: tuple) -> float:
    def again() -> None:
        for _ in range(20):
            pack.position.fill_(1)
            pack.machine.launch(*arguments)

    def nothing() -> None:
        for _ in range(20):
            pack.position.fill_(1)

    both, less = (median_ms(contenders.captured(each)) for each in (again, nothing))
    return 1e3 * (both - less) / 20


def time_parts(quick: bool) -> object:
    """Time each kernel of an update by itself, launched several times in one graph."""
    rows = {}
    for label, plan, runs, T in (
        ("1 run T=150", ALONE, 1, 150),
        ("1 run T=1000", ALONE, 1, 1000),
        ("1 run T=150 8x4", replace(ALONE, units=4), 1, 150),
        ("132 runs T=150", PACKED, 132, 150),
        ("132 runs T=1000", PACKED, 132, 1000),
    ):
        pack = pack_for(plan, runs, T, BATCH, 4)  # so that none halts after two
        machine = pack.machine
        whole: list[tuple[object, ...]] = []

        class Spy:
            sizes = machine.sizes

            def launch(self, *arguments: object, into: list = whole) -> None:
                into.append(arguments)

        pack.machine = Spy()
        pack.update()
        pack.machine = machine
        pack.update()  # real contents for all that follow
        times = {str(arguments[0]): _time_launch(pack, arguments) for arguments in whole}
        rows[label] = times
        print(label, {name: round(us, 1) for name, us in times.items()}, flush=True)
    return rows


def time_evaluations(quick: bool) -> object:
    rows = {}
    for name, plan in EVALUATIONS.items():
        for runs in (1, 33) if quick else (1,):
            pack = pack_for(plan, runs, 150, BATCH, 1)
            inputs = torch.rand(1, 150, 10000, 2, device=DEVICE).expand(runs, -1, -1, -1)
            targets = torch.rand(1, 10000, device=DEVICE).expand(runs, -1)
            errors = torch.empty(runs, 10000, device=DEVICE)
            ms = median_ms(lambda p=pack, i=inputs, t=targets, e=errors: p.evaluate(i, t, e))
            rows[f"{name}, {runs} runs"] = ms / runs
            print(
                f"10 000 sequences, T=150, {name}, {runs:3d} runs: {ms / runs:.3f} ms a run",
                flush=True,
            )
    return rows


def time_matrix(quick: bool) -> object:
    rows = {}
    for T in (150, 400, 1000, 10000):
        for B in (16, 128):
            for runs in (1, 8, 33, 132, 528):
                if runs * B * T > (1e7 if quick else 3e7):
                    continue  # tens of gigabytes, and seconds an update
                us = time_update(ALONE if runs < 33 else PACKED, runs, T, B)
                rows[f"T={T} B={B} runs={runs}"] = us
                print(
                    f"T={T:6d} B={B:4d} runs={runs:4d} {us:10.1f} us {us / runs:9.2f} a run",
                    flush=True,
                )
    return rows


def time_small(quick: bool) -> object:
    """Time networks around the size from which auto takes the GPU, here and on the CPU."""
    rows = {}
    for H, B, T in SMALL:
        us, cpu = time_update(choose(H, 2), 1, T, B), contenders.native_cpu(T, H, B)
        cpu_us, threads = cpu or (None, 0)
        rows[f"H={H} B={B} T={T}"] = {"GPU": us, "CPU": cpu_us, "threads": threads}
        print(
            f"H={H:3d} B={B:2d} T={T:4d}: {us:8.1f} us; CPU {cpu_us} ({threads} threads)",
            flush=True,
        )
    return rows


def compare(quick: bool) -> object:
    """Time other programs: PyTorch's layer, our kernel on this machine's CPU, JAX (in its own process)."""
    rows = {}
    for T in (150, 1000) if quick else (150, 400, 1000):
        rows[f"nn.RNN loop T={T}"] = contenders.torch_loop(T)
        rows[f"nn.RNN graph T={T}"] = contenders.torch_graph(T)
        if (found := contenders.native_cpu(T)) is not None:
            rows[f"irnn on the CPU T={T}"] = found[0]
    for name, us in rows.items():
        print(f"{name:28s} {us:10.1f} us", flush=True)
    torch.cuda.empty_cache()
    command = [sys.executable, str(HERE / "gpu_jax.py"), *(["--quick"] if quick else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
        rows |= json.loads(done.stdout.splitlines()[-1])
        print(done.stdout)
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        print(f"JAX was not measured: {error} {getattr(error, 'stderr', '') or ''}"[-800:])
    return rows


STAGES = (
    compile_all,
    check,
    check_operator,
    time_single,
    time_packs,
    time_parts,
    time_evaluations,
    time_matrix,
    time_small,
    time_operator,
    compare,
)

if __name__ == "__main__":
    main()
