"""The whole schema of a run: frozen, documented dataclasses.

Every setting is declared once, with `irnn.spec.options.option`. `irnn.spec.checks` refuses what cannot work.
Nothing here imports torch or Hydra, so that a wrong setting is answered at once.
"""

import math
from dataclasses import dataclass

from irnn.models.cell import Cell
from irnn.models.initialization import LayerInitialization
from irnn.optimizers.base import Optimizer
from irnn.spec.choices import Device, Dtype, KernelName, Policy, TrackerMode
from irnn.spec.errors import ConfigError
from irnn.spec.options import option
from irnn.spec.registry import default
from irnn.tasks.base import Task

__all__ = ["Config", "ConfigError", "total_updates"]

MOST = 10**12
"""Updates, of anything: a thousand a second for thirty years."""


@dataclass(frozen=True)
class Clip:
    """Gradient clipping (Pascanu, Mikolov & Bengio 2013)."""

    max_norm: float | None = option(
        None, "largest norm of the whole gradient; null: no clipping", above=0
    )


@dataclass(frozen=True)
class Budget:
    """What a run may use. The first limit reached ends it; null switches one off."""

    updates: int | None = option(60_000, "updates", at_least=1, at_most=MOST)
    epochs: float | None = option(
        None, "passes over task.train_size sequences", above=0, at_most=10**9
    )
    seconds: float | None = option(
        None, "seconds of training, over all restarts", above=0, at_most=10**10
    )


@dataclass(frozen=True)
class Stop:
    """When a run is solved."""

    test_mse: float | None = option(
        None, "held-out MSE at which a run is solved; null: use the whole budget", above=0
    )
    test_loss: float | None = option(
        None, "as test_mse, where the task is scored by a cross-entropy", above=0
    )
    test_accuracy: float | None = option(
        None, "as test_mse, where the task is scored by an accuracy", above=0, at_most=1
    )
    min_updates: int | None = option(
        None,
        "updates before which a run does not end as solved; null: none",
        at_least=1,
        at_most=MOST,
    )


@dataclass(frozen=True)
class Evaluate:
    """Evaluation on the held-out set."""

    every: int = option(250, "updates between evaluations", at_least=1, at_most=MOST)


@dataclass(frozen=True)
class Checkpoint:
    """Checkpoints, besides the one that an interrupted run leaves."""

    every: int = option(250, "updates between checkpoints", at_least=1, at_most=MOST)


@dataclass(frozen=True)
class Divergence:
    """The guard against explosions; its rule stands in `irnn.training.divergence`."""

    policy: Policy = option(Policy.stop, "what to do about a run that diverged")
    factor: float = option(100.0, "MSE over this times the run's own reference diverged", above=1)
    grace: int = option(
        1000,
        "updates after a start in which the reference is the start's own MSE",
        at_least=0,
        at_most=MOST,
    )
    lr_factor: float = option(0.5, "rollback: factor on the learning rate", above=0, at_most=1)
    max_recoveries: int = option(
        10, "rollbacks or restarts before a run gives up", at_least=0, at_most=MOST
    )


@dataclass(frozen=True)
class Runtime:
    """Where and how to compute. Only dtype is part of a run's identity."""

    device: Device = option(
        Device.auto, "device; auto: cuda where there is one and it is faster, else cpu"
    )
    threads: int | None = option(
        None, "CPU threads; null: OMP_NUM_THREADS, else as many as cores", at_least=1, at_most=1024
    )
    kernel: KernelName = option(
        KernelName.auto,
        "what computes the recurrence: native is compiled",
    )
    dtype: Dtype = option(Dtype.float32, "precision")
    deterministic: bool = option(False, "refuse operations that are not deterministic on a GPU")
    takeover_seconds: float = option(
        120.0,
        "silence of this process after which another machine may go on",
        at_least=1,
        at_most=10**7,
    )


@dataclass(frozen=True)
class Tracker:
    """Weights & Biases. It mirrors metrics.jsonl and can neither stop nor slow a run."""

    mode: TrackerMode = option(TrackerMode.offline, "how W&B is used; also WANDB_MODE")
    project: str = option("irnn", "W&B project; also WANDB_PROJECT")
    entity: str | None = option(None, "W&B user or team; also WANDB_ENTITY")
    group: str | None = option(
        None, "W&B group; null: WANDB_RUN_GROUP, else the sweep, or the run id without its seed"
    )
    name: str | None = option(None, "name in W&B; null: WANDB_NAME, else the run id")
    tags: list[str] | None = option(None, "W&B tags, as [a,b]; null: WANDB_TAGS")
    notes: str | None = option(None, "W&B notes; null: WANDB_NOTES")
    job_type: str | None = option(None, "W&B job type; null: WANDB_JOB_TYPE")
    timeout: float = option(
        15.0, "seconds to wait for it when a run ends", at_least=0, at_most=10**7
    )


@dataclass(frozen=True)
class Sweep:
    """Many runs asked for together, with -m. Says nothing about any one of them."""

    name: str | None = option(None, "name of the sweep; null: made from what varies")
    jobs: int | None = option(
        None, "jobs at once; null: as many as there are cores for, one on a GPU", at_least=1
    )
    pack: str = option("auto", "runs that train together on a GPU: auto, off, or how many at once")
    fail_fast: bool = option(False, "stop all jobs when the first one fails")


@dataclass(frozen=True)
class Config:
    """The whole configuration of one run, which `irnn.compose` makes and checks; it cannot be changed.

    Its fields are the settings of `irnn-train --help`: `config.task.seq_len` is `task.seq_len`. The sections
    `task`, `model`, `init` and `optim` are of the classes that were chosen.
    """

    task: Task = default("task", "adding")
    model: Cell = default("model", "irnn")
    init: LayerInitialization = default("init", "identity")
    optim: Optimizer = default("optim", "adam")
    clip: Clip = Clip()
    batch_size: int = option(16, "sequences in an update", at_least=1, at_most=10**7)
    budget: Budget = Budget()
    stop: Stop = Stop()
    evaluate: Evaluate = Evaluate()
    checkpoint: Checkpoint = Checkpoint()
    divergence: Divergence = Divergence()
    seed: int = option(0, "seed of every random stream", at_least=0, below=2**63)
    runtime: Runtime = Runtime()
    tracker: Tracker = Tracker()
    sweep: Sweep = Sweep()
    runs_dir: str = option("runs", "where run folders are; also the variable IRNN_RUNS")
    force: bool = option(False, "start over: forget what the run's folder holds")
    unlock: bool = option(
        False, "do not wait for the run's last process: its machine is gone for good"
    )


def total_updates(config: Config) -> int | None:
    """How many updates the budget allows: the smaller of `updates` and `epochs`, or None."""
    budget, from_epochs = config.budget, None
    if budget.epochs is not None:
        from_epochs = math.ceil(budget.epochs * config.task.train_size / config.batch_size)
    limits = [limit for limit in (budget.updates, from_epochs) if limit is not None]
    return min(limits, default=None)
