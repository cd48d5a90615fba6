"""Whole updates in PyTorch: batch, forward, backward, clip, optimizer. One class a contender.

Each is made for a case and then called with a number of updates; it returns their losses.
"""

from pathlib import Path
from time import perf_counter

import torch

from cases import LEARNING_RATE, MAX_NORM, Case, batches, config, network
from irnn.kernels import compiled
from irnn.runs.directory import RunDirectory
from irnn.training.trainer import Trainer


class Project:
    """Our update, through the method that its training loop calls."""

    def __init__(self, case: Case) -> None:
        directory = RunDirectory(Path("nothing-is-written-here"))
        self.trainer = Trainer(config(case), "benchmark", directory, torch.device("cpu"))
        self.trainer.model.load_state_dict(network(case).state_dict())

    def __call__(self, updates: int) -> list[float]:
        losses = []
        for _ in range(updates):
            before = self.trainer.progress.interval.loss
            self.trainer.update()
            losses.append(self.trainer.progress.interval.loss - before)
        return losses

    def shares(self, updates: int) -> dict[str, float]:
        """Say which shares of an update are spent outside the kernel, and on making batches."""
        spent = {"kernel": 0.0, "batch": 0.0}

        def timed(part, function):
            def call(*arguments):
                begun = perf_counter()
                try:
                    return function(*arguments)
                finally:
                    spent[part] += perf_counter() - begun

            return call

        library, data = compiled.default()._library, self.trainer.data
        passes = ("forward", "backward", "loss")
        saved = {name: getattr(library, name) for name in passes}, data.batch
        for name in passes:
            setattr(library, name, timed("kernel", saved[0][name]))
        data.batch = timed("batch", data.batch)
        begun = perf_counter()
        self(updates)
        whole = perf_counter() - begun
        for name in passes:
            setattr(library, name, saved[0][name])
        data.batch = saved[1]
        return {"outside": 1 - spent["kernel"] / whole, "batch": spent["batch"] / whole}


class PlainLoop:
    """PyTorch's own layer (`torch.nn.RNN`, `LSTM` or `GRU`) in a plain, well-written loop."""

    def __init__(self, case: Case) -> None:
        model = network(case)
        layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.get(case.model, torch.nn.RNN)
        self.rnn = layer(2, case.H, **({"nonlinearity": "relu"} if case.model == "irnn" else {}))
        self.rnn.load_state_dict(model.recurrent.state_dict())
        self.readout = model.readout
        self.parameters = [*self.rnn.parameters(), *self.readout.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=LEARNING_RATE, fused=True)
        self.batches = batches(case)
        self.forward = self.predict

    def predict(self, inputs):
        _, last = self.rnn(inputs)  # (1, B, H), of an LSTM with c
        last = last[0] if isinstance(last, tuple) else last
        return self.readout(last[0]).squeeze(-1)

    def __call__(self, updates: int) -> list[float]:
        losses = []
        for _ in range(updates):
            inputs, targets = next(self.batches)
            self.optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.mse_loss(self.forward(inputs), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, MAX_NORM)
            self.optimizer.step()
            losses.append(loss.item())
        return losses


class CompiledLoop(PlainLoop):
    """The same through `torch.compile`, which writes out every step of time."""

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.forward = torch.compile(self.predict)
