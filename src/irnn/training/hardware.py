"""Choose and set up the device that a run trains on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from irnn import memory
from irnn.choices import Device
from irnn.config import Config, ConfigError, Runtime
from irnn.kernels import native
from irnn.machine import default_threads


def choose_device(runtime: Runtime) -> torch.device:
    """Give the device that `runtime.device` names; auto never takes an Apple GPU.

    Raises:
        ConfigError: This machine or this PyTorch has no such device.
    """
    cuda = torch.cuda.is_available()
    if runtime.device is Device.cuda and not cuda:
        raise ConfigError(
            "runtime.device=cuda: PyTorch sees no CUDA device here; use runtime.device=cpu, or "
            "install a PyTorch build with CUDA"
        )
    if runtime.device is Device.mps and not torch.backends.mps.is_available():
        raise ConfigError("runtime.device=mps: PyTorch sees no Apple GPU; use runtime.device=cpu")
    if runtime.device is Device.auto:
        return torch.device("cuda" if cuda else "cpu")
    return torch.device(runtime.device.value)


def set_up(runtime: Runtime, device: torch.device) -> None:
    """Set what PyTorch has for the whole process only: CPU threads, determinism, exact float32."""
    torch.set_num_threads(runtime.threads or default_threads())
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False  # else states are rounded to 11 bits every step
        if runtime.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if runtime.deterministic != torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(runtime.deterministic)  # loads a compiler: 1.5 s


def check_memory(config: Config, device: torch.device) -> None:
    """Refuse a run that cannot fit into the memory of its device; see `irnn.memory`.

    Raises:
        ConfigError: It needs more than there is.
    """
    if device.type == "cuda":
        whole = torch.cuda.get_device_properties(device).total_memory
        memory.check_memory(config, whole, native=False)
    memory.check_memory(config, native=device.type == "cpu" and native.is_available())


@contextmanager
def subnormals_flushed() -> Iterator[None]:
    """Take numbers below the normal range (1.2e-38 in float32) for zero, in this thread and its kernels.

    Gradients that vanish pass through that range, where x86 processors multiply many times slower.
    """
    half = 0.5
    before = sys.float_info.min * half == 0.0
    torch.set_flush_denormal(True)  # False where the processor cannot: then they are slow
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
