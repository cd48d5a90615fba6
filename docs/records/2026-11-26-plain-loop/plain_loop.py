"""The paper's setting for T = 150 as a plain PyTorch loop, without irnn: python plain_loop.py > losses.jsonl

torch.nn.RNN with ReLU and the identity, other weights N(0, 0.001), SGD 0.01, batch 16, fresh data,
`torch.nn.utils.clip_grad_norm_` to 100, seeds 0 to 9, 400 updates each. One JSON object per seed: the
first update whose norm was infinite, how many were, and the batch losses of some updates (null: not finite).
"""

import json
import math

import torch

STEPS, BATCH, UNITS, CLIP, UPDATES = 150, 16, 100, 100.0, 400
SHOWN = (1, 2, 5, 10, 20, 50, 100, 200, 400)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Draw inputs (T, B, 2) and targets (B,) of the adding problem."""
    values, marks = torch.rand(STEPS, BATCH), torch.zeros(STEPS, BATCH)
    for sequence in range(BATCH):
        marks[torch.randperm(STEPS)[:2], sequence] = 1
    return torch.stack((values, marks), -1), (values * marks).sum(0)


def train(seed: int) -> dict[str, object]:
    """Make 400 updates and say what became of the norm and the loss."""
    torch.manual_seed(seed)
    rnn, readout = torch.nn.RNN(2, UNITS, nonlinearity="relu"), torch.nn.Linear(UNITS, 1)
    with torch.no_grad():
        for weight in (*rnn.parameters(), *readout.parameters()):
            weight.normal_(0, 0.001) if weight.dim() > 1 else weight.zero_()
        torch.nn.init.eye_(rnn.weight_hh_l0)
    parameters = [*rnn.parameters(), *readout.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01)
    overflows, losses = [], {}
    for update in range(1, UPDATES + 1):
        inputs, targets = batch()
        loss = torch.nn.functional.mse_loss(readout(rnn(inputs)[0][-1]).squeeze(-1), targets)
        optimizer.zero_grad()
        loss.backward()
        if torch.nn.utils.clip_grad_norm_(parameters, CLIP).isinf():
            overflows.append(update)
        optimizer.step()
        if update in SHOWN:
            losses[update] = loss.item() if math.isfinite(loss.item()) else None
    first = overflows[0] if overflows else None
    return {"seed": seed, "first_overflow": first, "overflows": len(overflows), "losses": losses}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for number in range(10):
        print(json.dumps(train(number)), flush=True)
