"""The problem that all contenders solve: same sizes, same weights, same batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEARNING_RATE = 1e-6  # so small that no contender diverges at T = 1000 while it is timed
MAX_NORM = 1.0
SEED = 0
START = "identity"  # N(0, 0.001) input weights: about half of all units are silent
ACTIVE = "no unit silent"  # the same with positive input weights: a ReLU network at its slowest
TRAINED = "trained"  # the default recipe, when it has solved T = 150
FRESH = (
    "PyTorch's start"  # of the other models; gradients of long sequences vanish on their way back
)
OPEN = "remembering"  # the same with gates (or a recurrent matrix) that keep what they have: none vanishes
GATES = {
    "rnn_tanh": 1,
    "lstm": 4,
    "gru": 3,
}  # the other models, and how many products a step of them is


@dataclass(frozen=True)
class Case:
    """Sequences of T steps, B at a time, through H hidden units, from a start that all share."""

    T: int
    B: int
    H: int
    start: str = START  # or ACTIVE, or TRAINED with the run's folder in `run`
    run: str = ""
    model: str = "irnn"  # or one of GATES, with FRESH or OPEN

    def __str__(self) -> str:
        return f"{self.model} T={self.T} B={self.B} H={self.H}, {self.start}"

    def flops(self) -> int:
        """Count the arithmetic of one update's products: forward, through time, for the weights."""
        return 6 * self.T * self.B * GATES.get(self.model, 1) * self.H * self.H

    def updates(self) -> int:
        """Count updates in one round: as many as our data pipeline makes batches for in one go."""
        return max(4, (1 << 18) // (self.T * self.B))


def config(case: Case) -> Any:
    """Describe the run whose update is timed: Adam and clipping, fresh batches."""
    from irnn.models.initializers import Identity, PyTorch
    from irnn.optimizers.adam import Adam
    from irnn.spec import registry
    from irnn.spec.choices import Data
    from irnn.spec.config import Clip, Config
    from irnn.tasks.adding import Adding

    return Config(
        task=Adding(seq_len=case.T, data=Data.fresh, test_size=1),
        model=registry.get("model", case.model)(hidden_size=case.H),
        init=Identity() if case.model == "irnn" else PyTorch(),
        optim=Adam(lr=LEARNING_RATE),
        clip=Clip(max_norm=MAX_NORM),
        batch_size=case.B,
        seed=SEED,
    )


def network(case: Case) -> Any:
    """Build the network of `config(case)`, from whose weights every contender starts."""
    from irnn.models.network import build
    from irnn.seeding import generator

    model = build(config(case), generator(SEED, "init", 0), 2)
    if case.start == ACTIVE:
        model.recurrent.weight_ih_l0.data.abs_()
    if case.start == OPEN:
        remember(model.recurrent, case)
    if case.start == TRAINED:
        import torch

        best = torch.load(Path(case.run) / "checkpoints" / "best.pt", weights_only=True)
        model.load_state_dict(best["model"])
    return model


def remember(layer: Any, case: Case) -> None:
    """Let a layer keep what it has: an orthogonal matrix and small inputs, or a gate's bias of 8.

    A gated layer's recurrent matrix is made small, too: else it amplifies rounding, and after 1,000 steps
    two right programs differ.
    """
    import torch

    torch.manual_seed(SEED)
    with torch.no_grad():
        if case.model == "rnn_tanh":
            torch.nn.init.orthogonal_(layer.weight_hh_l0)
            layer.weight_ih_l0.mul_(0.01)
        else:  # the forget gate of an LSTM and the update gate of a GRU have the same place
            layer.weight_hh_l0.mul_(0.1)
            layer.bias_ih_l0[case.H : 2 * case.H] = 8.0


def batches(case: Case) -> Iterator[tuple[Any, Any]]:
    """Walk over the project's training batches: inputs (T, B, 2), targets (B,)."""
    import torch

    from irnn.tasks.data import TaskData

    data = TaskData(
        config(case).task,
        seed=SEED,
        batch_size=case.B,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    number = 0
    while True:
        yield data.batch(number)
        number += 1
