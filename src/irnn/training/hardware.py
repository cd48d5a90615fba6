"""Choose and set up the device that a run trains on."""

import torch

from irnn.config import ConfigError, Device, Runtime
from irnn.models.regressor import DTYPES
from irnn.runs.provenance import available_cores


def choose_device(runtime: Runtime) -> torch.device:
    """Give the device that `runtime.device` names.

    Raises:
        ConfigError: This machine or this PyTorch has no such device.
    """
    mps = torch.backends.mps.is_available()
    match runtime.device:
        case Device.cpu:
            return torch.device("cpu")
        case Device.cuda if not torch.cuda.is_available():
            raise ConfigError(
                "runtime.device=cuda: PyTorch sees no CUDA device here; use runtime.device=cpu, or "
                "install a PyTorch build with CUDA"
            )
        case Device.mps if not mps:
            raise ConfigError("runtime.device=mps: PyTorch sees no Apple GPU; use runtime=cpu")
        case Device.auto if not torch.cuda.is_available() and not _can_be_auto_mps(runtime, mps):
            return torch.device("cpu")
        case Device.auto:
            return torch.device("cuda" if torch.cuda.is_available() else "mps")
    return torch.device(runtime.device.value)


def _can_be_auto_mps(runtime: Runtime, available: bool) -> bool:
    """Say whether auto may choose MPS, which has no float64."""
    return available and DTYPES[runtime.dtype] is not torch.float64


def set_up(runtime: Runtime) -> None:
    """Set the number of CPU threads and determinism, which PyTorch has for the whole process only."""
    torch.set_num_threads(runtime.threads or available_cores())
    if runtime.deterministic != torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(runtime.deterministic)  # loads a compiler: 1.5 s
