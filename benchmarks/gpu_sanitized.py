"""A few small updates for `compute-sanitizer`, one of each way to lay kernels out."""

from dataclasses import replace

from gpu_problems import parity
from irnn.kernels.cuda.plan import Plan, choose

if __name__ == "__main__":
    small = Plan(7, 3, tanh=True, bias=False)
    plans = [choose(100, 2), choose(100, 2, packed=True), small, replace(small, rows=2)]
    for plan in plans:
        print(f"{parity(plan, 41, 5, runs=2):.1e} {plan}", flush=True)
