"""Where runs would train on this machine: a process that may import torch is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from irnn.spec.config import Config, ConfigError
from irnn.sweeps import forking
from irnn.system.helpers import HelperError

_END_SECONDS = 5.0  # for a process to end that has answered


@dataclass(frozen=True)
class Place:
    """Where a run would train: the kind of device, and the kernel."""

    device: str
    kernel: str


def probe(connection: "Connection[Any, Any]", _: int, configs: Sequence[Config]) -> None:
    """Tell where each of these would train, and how many GPUs there are, or the ConfigError; entry point."""
    import torch

    from irnn.training.hardware import choose_device
    from irnn.training.session import kernel_name

    try:
        devices = [choose_device(config) for config in configs]
        places = [
            Place(device.type, kernel_name(config, device))
            for config, device in zip(configs, devices, strict=True)
        ]
    except ConfigError as error:
        connection.send(error)
    else:
        connection.send((places, torch.cuda.device_count()))


def find_places(configs: Sequence[Config]) -> tuple[list[Place], int]:
    """Say where these runs would train here, and how many GPUs there are.

    Asks a process of its own, so that this one need not import torch.

    Raises:
        ConfigError: One of them cannot train on this machine.
        HelperError: There is no such process.
    """
    child = forking.fork(probe, list(configs))
    with child.connection as connection:
        try:
            answer = connection.recv()
        except EOFError:
            child.join(_END_SECONDS)
            raise HelperError(f"the process that looks for devices {child.how_it_died()}") from None
    if isinstance(answer, ConfigError):
        raise answer
    found, gpus = answer
    return list(found), gpus
