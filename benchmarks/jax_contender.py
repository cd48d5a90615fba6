"""A whole update in JAX: `lax.scan` over time under `jit`, with optax."""

import jax
import jax.numpy as jnp
import optax

from cases import LEARNING_RATE, MAX_NORM, Case, batches, network


class JaxScan:
    """Input products for all steps at once, then the scan; weights and optimizer state donated."""

    def __init__(self, case: Case) -> None:
        state = {name: t.numpy() for name, t in network(case).state_dict().items()}
        self.weights = {name: jnp.array(value) for name, value in state.items()}
        optimizer = optax.chain(optax.clip_by_global_norm(MAX_NORM), optax.adam(LEARNING_RATE))
        self.state = optimizer.init(self.weights)
        self.batches = batches(case)

        def loss_of(weights, inputs, targets):
            layer = {name.split(".")[1]: w for name, w in weights.items() if "recurrent" in name}
            drive = inputs @ layer["weight_ih_l0"].T + layer["bias_ih_l0"] + layer["bias_hh_l0"]

            def step(h, x):
                return jax.nn.relu(x + h @ layer["weight_hh_l0"].T), None

            start = jnp.zeros((case.B, case.H), drive.dtype)
            last, _ = jax.lax.scan(step, start, drive)
            answer = last @ weights["readout.weight"].T + weights["readout.bias"]
            return jnp.mean((answer[:, 0] - targets) ** 2)

        def update(weights, state, inputs, targets):
            loss, gradient = jax.value_and_grad(loss_of)(weights, inputs, targets)
            change, state = optimizer.update(gradient, state, weights)
            return optax.apply_updates(weights, change), state, loss

        self.update = jax.jit(update, donate_argnums=(0, 1))

    def __call__(self, updates: int) -> list[float]:
        losses = []
        for _ in range(updates):
            inputs, targets = next(self.batches)
            self.weights, self.state, loss = self.update(
                self.weights, self.state, inputs.numpy(), targets.numpy()
            )
            losses.append(loss)
        return [float(loss) for loss in losses]  # waits for all of them
