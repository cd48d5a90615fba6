"""Choose and set up the device that a run trains on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from irnn.kernels import native
from irnn.kernels.cuda import plan
from irnn.spec.choices import Device
from irnn.spec.config import Config, ConfigError, Runtime
from irnn.system.machine import default_threads
from irnn.training import memory

_CPU_BELOW = 20_000
"""B * H^2 from which a GPU trains a plain layer faster than a processor's cores. See docs/gpu.md: at
B * H^2 = 160 000 a step of a sequence takes 0.38 us on an H200, which is latency and does not shrink with
the network, and 18 to 20 us for a million of B * H^2 on its host's cores with our own kernel."""


def choose_device(config: Config) -> torch.device:
    """Give the device that `runtime.device` names; auto never takes an Apple GPU.

    Auto takes a CUDA device, if there is one, but for a plain layer that the processor trains faster.

    Raises:
        ConfigError: This machine or this PyTorch has no such device.
    """
    runtime = config.runtime
    cuda = torch.cuda.is_available()
    if runtime.device is Device.cuda and not cuda:
        raise ConfigError(
            "runtime.device=cuda: PyTorch sees no CUDA device here; use runtime.device=cpu, or "
            "install a PyTorch build with CUDA"
        )
    if runtime.device is Device.mps and not torch.backends.mps.is_available():
        raise ConfigError("runtime.device=mps: PyTorch sees no Apple GPU; use runtime.device=cpu")
    if runtime.device is Device.auto:
        return torch.device("cuda" if cuda and not _is_small(config) else "cpu")
    return torch.device(runtime.device.value)


def _work(config: Config) -> int:
    return config.batch_size * config.model.hidden_size**2


def _is_small(config: Config) -> bool:
    """Whether the processor, with our kernel for it, trains this network faster than a GPU."""
    return plan.suits(config) and native.is_available() and _work(config) < _CPU_BELOW


def why_device(config: Config, device: torch.device) -> str | None:
    """Say in one line why `runtime.device=auto` gave this device; None where there was no choice."""
    if config.runtime.device is not Device.auto or not torch.cuda.is_available():
        return None
    if device.type == "cpu":
        return (
            f"device auto: the CPU is faster than the GPU for a network this small (batch_size x "
            f"hidden_size^2 = {_work(config):,}, under {_CPU_BELOW:,}); runtime.device=cuda takes the GPU"
        )
    return "device auto: the GPU is faster than the CPU for a network of this size"


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
    """Refuse a run that cannot fit into the memory of its device; see `irnn.training.memory`.

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
