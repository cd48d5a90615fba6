"""The whole schema of a run: frozen, documented dataclasses.

Every setting is declared once, with `irnn.options.option`. `irnn.checks` refuses what cannot work.
Nothing here imports torch or Hydra, so that a wrong setting is answered at once.
"""

import math
from dataclasses import dataclass

from irnn.choices import (
    Data,
    Device,
    Dtype,
    HeldOut,
    InitName,
    KernelName,
    Marks,
    ModelName,
    OptimName,
    Policy,
    Schedule,
    TaskName,
    TrackerMode,
)
from irnn.options import option

SCHEMA = 1
"""What the settings mean. Enters every run id: raise it when old runs stop being comparable."""


MOST = 10**12
"""Updates, of anything: a thousand a second for thirty years."""
HUGE = 1e38
"""What float32 holds, of a weight or of what weights are multiplied with."""


class ConfigError(ValueError):
    """A setting that cannot work; the message names key, value and what would be accepted."""


PIXELS = ("pixels",)


@dataclass(frozen=True)
class Task:
    """The data, and what is asked about it."""

    name: TaskName = option(TaskName.adding, "the task")
    seq_len: int = option(150, "steps in a sequence", at_least=2, at_most=10**7)
    marks: Marks | None = option(
        Marks.anywhere, "where the two marked steps fall", only=("adding", "multiplication")
    )
    symbols: int | None = option(
        None,
        "symbols whose order is asked for, 2 or 3",
        at_least=2,
        at_most=3,
        only=("temporal_order",),
    )
    root: str | None = option(
        None, "folder with MNIST's four files (IDX, plain or gzipped)", only=PIXELS, optional=True
    )
    permutation: int | None = option(
        None,
        "seed of the one order in which the pixels of all images are read; null: row by row",
        at_least=0,
        below=2**63,
        only=PIXELS,
        optional=True,
    )
    held_out: HeldOut | None = option(
        None,
        "test: the test files; validation: the last test_size images of the training files",
        only=PIXELS,
    )
    digest: str | None = option(
        None,
        "SHA-256 of the files' content, filled in; if given, other files are refused",
        only=PIXELS,
        optional=True,
    )
    data: Data = option(Data.fixed, "fixed: a training set; fresh: never the same sequence twice")
    train_size: int = option(
        100_000, "training sequences; also what an epoch is", at_least=1, at_most=10**8
    )
    test_size: int = option(10_000, "held-out sequences", at_least=1, at_most=10**8)


@dataclass(frozen=True)
class Model:
    """The network: a recurrent layer and a linear read-out of its last hidden state."""

    name: ModelName = option(ModelName.irnn, "the recurrent layer")
    hidden_size: int = option(100, "hidden units", at_least=1, at_most=10**5)
    num_layers: int = option(1, "recurrent layers", at_least=1, at_most=100)
    forget_bias: float | None = option(
        None, "sum of the forget gate's biases", at_least=-HUGE, at_most=HUGE, only=("lstm",)
    )


GAINED = ("identity", "split_identity")
DRAWN = ("identity", "split_identity", "gaussian", "orthogonal")


@dataclass(frozen=True)
class Init:
    """The start of all weights."""

    name: InitName = option(InitName.identity, "the start of the recurrent layer")
    gain: float | None = option(
        None, "factor on the identity", at_least=0, at_most=HUGE, only=GAINED
    )
    input_std: float | None = option(
        None, "std of the input weights", at_least=0, at_most=HUGE, only=DRAWN
    )
    bias_std: float | None = option(
        None,
        "std of the input bias",
        at_least=0,
        at_most=HUGE,
        only=("identity", "gaussian", "orthogonal"),
    )
    recurrent_std: float | None = option(
        None, "std of the recurrent weights", at_least=0, at_most=HUGE, only=("gaussian",)
    )
    integrator_fraction: float | None = option(
        None, "share of units that integrate", above=0, below=1, only=("split_identity",)
    )
    detector_std: float | None = option(
        None, "std of the detectors' input weights", above=0, at_most=HUGE, only=("split_identity",)
    )
    coupling_std: float | None = option(
        None,
        "std of detector-to-integrator weights",
        at_least=0,
        at_most=HUGE,
        only=("split_identity",),
    )
    firings: float | None = option(
        None,
        "how often a detector fires in a sequence, which sets its threshold",
        above=0,
        only=("split_identity",),
        optional=True,
    )
    threshold_low: float | None = option(
        None,
        "instead of firings: lowest threshold, as a share of a detector's largest input",
        at_least=0,
        below=1,
        only=("split_identity",),
        optional=True,
    )
    readout_std: float | None = option(
        None,
        "std of the read-out weights, bias 0; null: PyTorch's start of Linear",
        at_least=0,
        at_most=HUGE,
    )
    readout_bias: float | None = option(
        None,
        "start of the read-out's bias; null: as readout_std says; 1: answer the mean target",
        at_least=-HUGE,
        at_most=HUGE,
    )


ADAMS = ("adam", "adamw")


@dataclass(frozen=True)
class Optim:
    """The optimizer."""

    name: OptimName = option(OptimName.adam, "the optimizer")
    lr: float = option(0.001, "learning rate", above=0, at_most=HUGE)
    recurrent_lr_scale: float = option(
        1.0, "factor on the learning rate of the recurrent matrices", at_least=0, at_most=HUGE
    )
    integrator_lr_scale: float | None = option(
        None,
        "factor on the learning rate of all that acts through integrators at every step; null: 1",
        at_least=0,
        at_most=HUGE,
    )
    schedule: Schedule | None = option(
        None, "how the learning rate falls to 0 over the budget; null: it stays"
    )
    weight_decay: float = option(0.0, "L2 penalty (decoupled in adamw)", at_least=0, at_most=HUGE)
    momentum: float | None = option(None, "momentum", at_least=0, below=1, only=("sgd", "rmsprop"))
    nesterov: bool | None = option(None, "Nesterov momentum", only=("sgd",))
    beta1: float | None = option(
        None, "decay of the mean gradient", at_least=0, below=1, only=ADAMS
    )
    beta2: float | None = option(
        None, "decay of the mean squared gradient", at_least=0, below=1, only=ADAMS
    )
    amsgrad: bool | None = option(None, "AMSGrad", only=ADAMS)
    alpha: float | None = option(
        None, "decay of the mean squared gradient", at_least=0, below=1, only=("rmsprop",)
    )
    centered: bool | None = option(None, "divide by the variance", only=("rmsprop",))
    eps: float | None = option(
        None, "added to the denominator", above=0, at_most=HUGE, only=("adam", "adamw", "rmsprop")
    )


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
        0.001, "held-out MSE at which a run is solved; null: use the whole budget", above=0
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
    kernel: KernelName = option(KernelName.auto, "who walks the recurrence over time")
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
    fail_fast: bool = option(False, "stop all jobs when the first one fails")


@dataclass(frozen=True)
class Config:
    """A run."""

    task: Task = Task()
    model: Model = Model()
    init: Init = Init()
    optim: Optim = Optim()
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
    limits = []
    if config.budget.updates is not None:
        limits.append(config.budget.updates)
    if config.budget.epochs is not None:
        sequences = config.budget.epochs * config.task.train_size
        limits.append(math.ceil(sequences / config.batch_size))
    return min(limits, default=None)
