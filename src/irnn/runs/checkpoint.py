"""Checkpoints: tensors and plain values only, so that loading one never executes code."""

import io
import warnings
from pathlib import Path
from typing import Any

import torch

from irnn.atomic import Guard, unguarded
from irnn.config import ConfigError
from irnn.runs.files import write_atomically


def save(path: Path, content: dict[str, Any], guard: Guard = unguarded) -> None:
    """Write a checkpoint atomically.

    Raises:
        StorageError: It could not be written; an older checkpoint of that name is still whole.
    """
    serialized = io.BytesIO()
    torch.save(content, serialized)
    write_atomically(path, serialized.getbuffer(), guard)


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint onto a device.

    Raises:
        ConfigError: The file is damaged or holds more than tensors and plain values.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is refused below
            content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(content, dict):
            raise ValueError("it holds something else")
    except Exception as error:  # what a damaged file makes of the unpickler has no end
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"{path} is not a checkpoint ({reason}); force=true starts this run over"
        ) from error
    return content
