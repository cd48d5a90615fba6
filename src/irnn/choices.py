"""The named choices that settings have; OmegaConf reads them by name."""

from enum import Enum


class TaskName(Enum):
    """The long-dependency tasks."""

    adding = "adding"
    multiplication = "multiplication"
    copy_memory = "copy_memory"
    temporal_order = "temporal_order"
    pixels = "pixels"


class Marks(Enum):
    """Where the two marked steps of the adding problem may fall."""

    anywhere = "anywhere"
    halves = "halves"
    first_ten = "first_ten"


class Data(Enum):
    """Whether training walks a fixed set again and again or never sees a sequence twice."""

    fixed = "fixed"
    fresh = "fresh"


class HeldOut(Enum):
    """Which images of a finite set are held out."""

    test = "test"
    validation = "validation"


class ModelName(Enum):
    """The recurrent layers."""

    irnn = "irnn"
    rnn_relu = "rnn_relu"
    rnn_tanh = "rnn_tanh"
    lstm = "lstm"
    gru = "gru"


class InitName(Enum):
    """The starts of a recurrent layer."""

    identity = "identity"
    split_identity = "split_identity"
    gaussian = "gaussian"
    pytorch = "pytorch"
    orthogonal = "orthogonal"


class OptimName(Enum):
    """The optimizers."""

    sgd = "sgd"
    adam = "adam"
    adamw = "adamw"
    rmsprop = "rmsprop"


class Schedule(Enum):
    """How the learning rate falls to 0 over the budget of updates."""

    cosine = "cosine"
    linear = "linear"


class Policy(Enum):
    """What to do about a run that diverged."""

    stop = "stop"
    rollback = "rollback"
    restart = "restart"


class Device(Enum):
    """Where a run trains."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class KernelName(Enum):
    """Who walks the recurrence over time."""

    auto = "auto"
    native = "native"
    torch = "torch"
    reference = "reference"


class Dtype(Enum):
    """The precision of all arithmetic."""

    float32 = "float32"
    float64 = "float64"


class TrackerMode(Enum):
    """How Weights & Biases is used."""

    offline = "offline"
    online = "online"
    disabled = "disabled"
