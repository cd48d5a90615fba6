"""The named choices that settings have; OmegaConf reads them by name."""

from enum import Enum


class Data(Enum):
    """Whether training walks a fixed set again and again or never sees a sequence twice."""

    fixed = "fixed"
    fresh = "fresh"


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
    """What computes the recurrence."""

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
