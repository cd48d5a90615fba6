"""A whole update in JAX: `lax.scan` over time under `jit`, with optax."""

import jax
import jax.numpy as jnp
import optax

from cases import LEARNING_RATE, MAX_NORM, Case, batches, network


def simple(nonlinearity):
    """h_t = f(x + W h + b), x being what the inputs give."""

    def of(weight, bias):
        return lambda h, x: (nonlinearity(x + h @ weight.T + bias), None)

    return of


def lstm(weight, bias):
    """PyTorch's LSTM, see `irnn.kernels.reference`."""

    def step(state, x):
        h, c = state
        i, f, g, o = jnp.split(x + h @ weight.T + bias, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    return step


def gru(weight, bias):
    """PyTorch's GRU, see `irnn.kernels.reference`."""

    def step(h, x):
        from_x, from_h = jnp.split(x, 3, axis=1), jnp.split(h @ weight.T + bias, 3, axis=1)
        r, z = (jax.nn.sigmoid(a + b) for a, b in zip(from_x[:2], from_h[:2], strict=True))
        n = jnp.tanh(from_x[2] + r * from_h[2])
        return (1 - z) * n + z * h, None

    return step


STEPS = {"irnn": simple(jax.nn.relu), "rnn_tanh": simple(jnp.tanh), "lstm": lstm, "gru": gru}


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
            from_x = inputs @ layer["weight_ih_l0"].T + layer["bias_ih_l0"]
            step = STEPS[case.model](layer["weight_hh_l0"], layer["bias_hh_l0"])
            start = jnp.zeros((case.B, case.H), from_x.dtype)
            start = (start, start) if case.model == "lstm" else start
            last, _ = jax.lax.scan(step, start, from_x)
            last = last[0] if case.model == "lstm" else last
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
