"""What notebooks and scripts use, re-exported by `irnn`; `docs/python.md` is its manual.

Nothing here imports torch, matplotlib or pandas until it is needed.
"""

from irnn.api.configuration import compose, sequences
from irnn.api.figure import learning_curve
from irnn.api.run import Run, load_run
from irnn.api.runs import Runs, load_runs
from irnn.api.training import train
from irnn.prediction.errors import InputError
from irnn.runs.files import StorageError
from irnn.runs.ownership import BusyError
from irnn.spec.config import Config, ConfigError

__all__ = [
    "BusyError",
    "Config",
    "ConfigError",
    "InputError",
    "Run",
    "Runs",
    "StorageError",
    "compose",
    "learning_curve",
    "load_run",
    "load_runs",
    "sequences",
    "train",
]
