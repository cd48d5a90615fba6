"""Sequences that `irnn-predict` draws: how many there may be, some at a time, and how far it is with them."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from irnn.prediction.answers import Sequences
from irnn.prediction.errors import InputError
from irnn.system import screen
from irnn.system.machine import memory_room, shown_bytes

if TYPE_CHECKING:
    import argparse

    from irnn.models.network import Network
    from irnn.spec.config import Config
    from irnn.tasks.base import Task

_MOST_STEPS = 1 << 28  # of all sequences
CHUNK_STEPS = 1 << 20  # at once: bounds the memory, however many are asked for
_NUMBERS = 1 << 23  # of inputs at once: a task may have many features
_TELL_SECONDS = 5.0
_MOST_STATES = 1 << 32  # bytes of one sequence


def check_drawn(config: "Config", arguments: "argparse.Namespace") -> tuple[int, int]:
    """Give the length and the number of the sequences to draw.

    Raises:
        InputError: They cannot be drawn.
    """
    samples = 10 if arguments.samples is None else arguments.samples
    steps = config.task.seq_len if arguments.seq_len is None else arguments.seq_len
    if samples < 1:
        raise InputError(f"--samples {samples}: must be at least 1")
    if steps < 2:
        raise InputError(f"--seq-len {steps}: must be at least 2")
    asked = replace(config.task, seq_len=steps)
    if refused := asked.refusal(replace(config, task=asked)) or asked.data_refusal():
        raise InputError(f"--seq-len {steps}: task.{refused[0]} {refused[1]}")
    available = config.task.available
    if available is not None and samples > available:
        raise InputError(f"--samples {samples}: there are {available:,} held out")
    if samples * steps > _MOST_STEPS:
        raise InputError(
            f"--samples {samples} x --seq-len {steps}: at most {_MOST_STEPS:,} steps in all, which are "
            f"--samples {max(1, _MOST_STEPS // steps)}; another --seed draws others"
        )
    if not 0 <= arguments.seed < 2**63:
        raise InputError(f"--seed {arguments.seed}: must be between 0 and 2^63 - 1")
    return steps, samples


def drawn_sequences(
    task: "Task", model: "Network", seed: int, samples: int
) -> "Iterator[Sequences]":
    """Draw sequences from a stream that training never saw, some at a time; say how far it is."""
    import torch

    from irnn.seeding import stream_key
    from irnn.tasks.base import select

    rows = max(1, CHUNK_STEPS // task.steps)
    at_once = max(1, _NUMBERS // (task.steps * task.input_size))
    began = latest = time.monotonic()
    for start in range(0, samples, rows):
        numbers = range(start, min(start + rows, samples))
        drawn = task.draw(stream_key(seed, "predict"), torch.arange(start, numbers.stop))
        for first in range(0, len(numbers), at_once):
            part = slice(first, first + at_once)
            places, some = numbers[part], select(drawn, part)
            inputs, targets = task.encode(some, model.readout.weight.dtype)
            yield Sequences(places, [*map(str, places)], inputs, targets, some)
        done, now = numbers.stop, time.monotonic()
        if now - latest >= max(_TELL_SECONDS, (now - began) / 10) and done < samples:
            latest = now
            left = timedelta(seconds=round((now - began) / done * (samples - done)))
            screen.complain(
                f"irnn-predict: {done:,} of {samples:,} sequences answered, {left} left"
            )


def check_memory(model: "Network", steps: int) -> None:
    """Refuse sequences whose hidden states cannot be held.

    Raises:
        InputError: They need more memory than there is.
    """
    row = 4 * model.recurrent.hidden_size * model.recurrent.num_layers
    room = memory_room()
    most = min(_MOST_STATES, room.size if room is not None else _MOST_STATES)
    if steps * row > most:
        raise InputError(
            f"a sequence of {steps:,} steps needs {shown_bytes(steps * row)} for its hidden states; at most "
            f"{most // row:,} steps{f', since {room}' if room is not None and most == room.size else ''}"
        )
