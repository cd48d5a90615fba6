"""Whole runs by the CUDA kernels on the CPU, alone and in packs, and what they leave."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from cuda_on_cpu import OnCpu

from irnn.kernels.cuda import plan
from irnn.kernels.cuda.plan import Plan
from irnn.runs import checkpoint
from irnn.runs.directory import RunDirectory
from irnn.runs.drawers import Drawers
from irnn.runs.files import StorageError
from irnn.runs.metrics import read_records
from irnn.spec.config import Config
from irnn.tasks.data import Batch, TaskData
from irnn.training import session, stretch
from irnn.training.display import Display
from irnn.training.fused import FusedStretch
from irnn.training.pack_context import PackContext
from irnn.training.pack_trainer import PackTrainer

CPU = torch.device("cpu")
CLOCKS = ("seconds", "steps_per_second", "config", "digest")  # the digest is of all others, too


class Machines:
    """Gives the machine of each plan; what they compile is shared by the workers of a test session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Plan, OnCpu] = {}
        folder.mkdir(exist_ok=True)

    def __call__(self, of: Plan) -> OnCpu:
        if of not in self._made:
            self._made[of] = OnCpu(of, self._folder)
        return self._made[of]


class Quiet(Display):
    """Shows nothing."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, live=False)

    def _show(self, text: str) -> None:
        pass


@contextmanager
def by_the_kernels(machines: Machines) -> Iterator[None]:
    """Let runs alone train as they do on a GPU, and draw no curve, which takes longer than to train."""

    def of(updater: Any) -> stretch.Stretch:
        alone = updater.cuda_plan()
        return FusedStretch(updater, machines(alone), alone)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.curve, "draw", lambda *_: None)
        patch.setattr(Drawers, "draw", lambda *_: None)
        patch.setattr(plan, "why_unavailable", lambda: "")
        patch.setattr(stretch, "of", of)
        yield


def together(
    configs: Sequence[Config], at_once: int, machines: Machines, signals: list[int] | None = None
) -> list[Any]:
    """Train a pack, and give what each run returned or raised; None for one that was not begun."""
    became: list[Any] = [None] * len(configs)

    def one(place: int, pack_context: PackContext) -> None:
        try:
            became[place] = session.run(configs[place], (), Quiet, pack=pack_context)
        except BaseException as error:
            became[place] = error

    pack = PackTrainer(configs[0], at_once, CPU, machines)
    pack.train(range(len(configs)), one, [] if signals is None else signals)
    return became


def fill_the_disk_of(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no checkpoint of this run be written."""
    save = checkpoint.save

    def full(path: Path, *arguments: Any) -> None:
        if f"-s{seed}-" in path.parts[-3]:
            raise StorageError(f"cannot write {path}")
        save(path, *arguments)

    monkeypatch.setattr(checkpoint, "save", full)


def left(config: Config) -> str:
    """Everything that a run leaves but readings of a clock."""
    directory = RunDirectory.of(config)
    records = read_records(directory.metrics)
    result = json.loads(directory.result.read_text())
    kept = [checkpoint.load(path, CPU) for path in (directory.last, directory.best)]
    for each in (*records, result):
        for clock in CLOCKS:
            each.pop(clock, None)
    weights = kept[0]["weights"]
    tensors = [weights["model"], weights["optimizer"], kept[0]["good"]["model"], kept[1]["model"]]
    bits = [[torch.as_tensor(x).tolist() for x in part.values()] for part in tensors]
    return json.dumps([records, result, kept[1]["step"], bits])


def poison(
    n: int, monkeypatch: pytest.MonkeyPatch, of: Callable[[TaskData], bool] = lambda _: True
) -> None:
    """Make the targets of training batch n no numbers."""
    make = TaskData._make_chunk

    def poisoned(data: TaskData, number: int) -> Batch:
        inputs, targets = make(data, number)
        place = n - number * data._chunk_batches
        if of(data) and 0 <= place < len(targets):
            targets = targets.clone()
            targets[place] = math.nan
        return inputs, targets

    monkeypatch.setattr(TaskData, "_make_chunk", poisoned)


Small = Callable[..., Config]
