"""The same update in JAX on the GPU: `lax.scan` under `jit`, and `vmap` over runs; prints JSON last."""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
import optax

jax.config.update("jax_default_matmul_precision", "highest")  # else products are in TF32
H, B = 100, 16
OPTIMIZER = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-4))


def start(key):
    first, second = jax.random.split(key)
    return {
        "w_ih": 0.001 * jax.random.normal(first, (H, 2)),
        "w_hh": jnp.eye(H),
        "bias": jnp.zeros(H),
        "w_out": 0.1 * jax.random.normal(second, (H,)),
        "b_out": jnp.zeros(()),
    }


def loss_of(weights, inputs, targets):
    drive = inputs @ weights["w_ih"].T + weights["bias"]  # (T, B, H)

    def step(h, x):
        return jax.nn.relu(x + h @ weights["w_hh"].T), None

    last, _ = jax.lax.scan(step, jnp.zeros((B, H)), drive)
    return jnp.mean((last @ weights["w_out"] + weights["b_out"] - targets) ** 2)


def update(weights, state, inputs, targets):
    loss, gradient = jax.value_and_grad(loss_of)(weights, inputs, targets)
    change, state = OPTIMIZER.update(gradient, state, weights)
    return optax.apply_updates(weights, change), state, loss


def measure(runs: int, T: int, count: int) -> float:
    """Microseconds of an update of all runs."""
    keys = jax.random.split(jax.random.key(0), runs)
    shape = (T, B, 2) if runs == 1 else (runs, T, B, 2)
    inputs = jax.random.uniform(jax.random.key(1), shape)
    targets = inputs[..., 0].sum(-2) / T
    one = jax.jit(update if runs == 1 else jax.vmap(update), donate_argnums=(0, 1))
    weights = start(keys[0]) if runs == 1 else jax.vmap(start)(keys)
    state = OPTIMIZER.init(weights) if runs == 1 else jax.vmap(OPTIMIZER.init)(weights)
    weights, state, loss = one(weights, state, inputs, targets)
    jax.block_until_ready(loss)
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(count):
            weights, state, loss = one(weights, state, inputs, targets)
        jax.block_until_ready(loss)
        times.append((time.perf_counter() - begun) / count)
    return 1e6 * statistics.median(times)


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    rows = {}
    for runs, T, count in (
        (1, 150, 5),
        (132, 150, 4),
        *(() if quick else ((1, 1000, 2), (132, 400, 2), (132, 1000, 2))),
    ):
        us = measure(runs, T, count)
        rows[f"JAX {'scan' if runs == 1 else f'vmap {runs} runs, per run'} T={T}"] = us / runs
        print(f"JAX runs={runs} T={T}: {us:.0f} us, {us / runs:.1f} a run", flush=True)
    print(json.dumps(rows))
