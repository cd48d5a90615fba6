"""Where runs would train on this machine: a process that may import torch is asked."""

from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from irnn.spec.config import Config, ConfigError
from irnn.sweeps import forking
from irnn.sweeps.packs import Place, key_of
from irnn.system.helpers import HelperError

_END_SECONDS = 5.0  # for a process to end that has answered


def probe(connection: "Connection[Any, Any]", _: int, configs: Sequence[Config]) -> None:
    """Tell where each of these would train, and how many GPUs there are, or the ConfigError; entry point."""
    import torch

    try:
        places = [_place_of(config) for config in configs]
    except ConfigError as error:
        connection.send(error)
    else:
        connection.send((places, torch.cuda.device_count()))


def _place_of(config: Config) -> Place:
    import torch

    from irnn.training import hardware
    from irnn.training.pack_trainer import runs_that_fit
    from irnn.training.session import kernel_name

    device = hardware.choose_device(config)
    kernel = kernel_name(config, device)
    if device.type != "cuda":
        return Place(device.type, kernel)
    hardware.check_memory(config, device)
    if kernel != "cuda" or key_of(config) is None:
        return Place(device.type, kernel)
    size = torch.cuda.get_device_properties(device).total_memory
    return Place(device.type, kernel, runs_that_fit(config, size))


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
            raise HelperError(
                f"the process that looks for devices {child.how_it_ended()}"
            ) from None
    if isinstance(answer, ConfigError):
        raise answer
    found, gpus = answer
    return list(found), gpus
