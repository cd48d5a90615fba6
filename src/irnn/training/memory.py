"""How much memory a run needs, estimated before anything is made.

Counted is what grows with a setting; what PyTorch itself takes (some 300 MB) is not. An estimate is within
a factor of two of what is measured, on the high side.
"""

from dataclasses import dataclass

from irnn.spec.choices import Data, Dtype, KernelName
from irnn.spec.config import Config, ConfigError
from irnn.system.machine import Room, memory_room, shown_bytes

FORKED = 100_000_000
"""Bytes that a job of a sweep has of its own of PyTorch; the rest it shares with the other jobs."""
_KEPT = 1 << 26  # sequence steps, as in `irnn.tasks.data`
_CHUNK = 1 << 18  # on a GPU twice that, within the factor
_HELD_OUT_STATES = 1 << 24  # as in `irnn.training.evaluate`
_BLOCK = 8  # rows that the compiled kernel walks at a time, also where a batch has fewer


@dataclass(frozen=True)
class Part:
    """What takes memory: its name, bytes, and the setting that makes it smaller."""

    name: str
    size: int
    key: str


def parts(config: Config, native: bool = True) -> list[Part]:
    """List what a run holds at once.

    Args:
        config: the run.
        native: whether the compiled kernel is there, which keeps less for backward.
    """
    element = 8 if config.runtime.dtype is Dtype.float64 else 4
    task, model = config.task, config.model
    steps, batch, features = task.steps, config.batch_size, task.input_size
    hidden, layers, gates = model.hidden_size, model.num_layers, model.gates
    square = gates * hidden * hidden
    weights = (
        gates * hidden * (features + 2) + square + (layers - 1) * (2 * square + 2 * gates * hidden)
    )
    # Parameters, gradient, rates, averages; the good copy; a checkpoint being made, as tensors and bytes.
    averages = config.optim.averages
    training = weights * element * (4 + averages + 3 * (1 + averages))
    starting = square * 8 * config.init.matrices_at_once
    kernel = config.runtime.kernel
    fused = native and model.has_kernel and gates == 1 and layers == 1
    if fused and kernel in (KernelName.auto, KernelName.native):
        rows = max(_BLOCK, min(batch, _BLOCK * (config.runtime.threads or 16)))
        backward = steps * rows * (hidden + 32) * element
    else:
        rows = max(_BLOCK, batch) if native and model.has_kernel else batch
        backward = steps * rows * hidden * layers * element * (5 if gates == 1 else 10)
    at_once = max(_CHUNK, steps * batch)
    sets = [task.test_size] + ([task.train_size] if task.data is Data.fixed else [])
    kept = sum(count * steps * 4 for count in sets if count * steps <= _KEPT)
    order = 10 * task.train_size if task.data is Data.fixed else 0
    rows = min(task.test_size, min(max(_HELD_OUT_STATES // (steps * hidden * layers), 16), 2048))
    held_out = rows * steps * (2 * features * element + 8)
    held_out += min(rows * steps * hidden * layers, _HELD_OUT_STATES) * element * (1 + gates)
    found = [
        Part("weights and optimizer", max(training, starting), "model.hidden_size"),
        Part("states for backward", backward, "task.seq_len" if batch == 1 else "batch_size"),
        Part(
            "batches",
            at_once * (features * element + 24),
            "batch_size" if batch * 8 > steps else "task.seq_len",
        ),
        Part("data", kept + order, "task.train_size"),
        Part("evaluation", held_out, "task.seq_len"),
    ]
    if measured := config.init.calibration_sequences:
        found.append(Part("calibration", measured * steps * 3 * features * element, "task.seq_len"))
    return found


def needed(config: Config, native: bool = True) -> int:
    """Estimate the bytes of a run, see `parts`."""
    return sum(part.size for part in parts(config, native))


def check_memory(config: Config, limit: int | None = None, *, native: bool = True) -> None:
    """Refuse a run that cannot fit.

    Args:
        config: the run.
        limit: bytes that there are; by default, what machine, container and `ulimit` leave.
        native: see `parts`.

    Raises:
        ConfigError: It needs more.
    """
    room = memory_room() if limit is None else Room(limit)
    found = _largest_first(config, native)
    total = sum(part.size for part in found)
    if room is None or total <= room.size:
        return
    text = ", ".join(f"{part.name} {shown_bytes(part.size)}" for part in found[:3])
    raise ConfigError(
        f"{_setter(config, found[0])}: this run needs about {shown_bytes(total)} of memory ({text}), and "
        f"{room}; make it smaller{f', or raise {room.ulimit}' if room.ulimit else ''}"
    )


def remedy(config: Config, native: bool = True) -> str:
    """Say which setting of a run makes it need less; see `parts`."""
    return f"make {_setter(config, _largest_first(config, native)[0])} smaller"


def _largest_first(config: Config, native: bool) -> list[Part]:
    return sorted(parts(config, native), key=lambda part: -part.size)


def _setter(config: Config, part: Part) -> str:
    section, _, name = part.key.rpartition(".")
    return f"{part.key}={getattr(getattr(config, section) if section else config, name)}"
