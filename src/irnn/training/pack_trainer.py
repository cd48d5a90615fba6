"""Train runs of one shape together on one GPU: each by a thread of its own, which has a place in a pack.

A run that ends gives its place to the next one that waits, so that any number of runs streams through.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import torch

from irnn.kernels.cuda.pack import Machine, Pack
from irnn.kernels.cuda.plan import Plan, choose
from irnn.models.network import build
from irnn.runs.drawers import Drawers
from irnn.runs.mirrors import Mirrors
from irnn.seeding import generator
from irnn.spec.config import Config
from irnn.system.helpers import HelperError
from irnn.system.machine import available_cores
from irnn.training import hardware, memory, stretch
from irnn.training.pack_context import PackContext
from irnn.training.packed import Driver, PackedStretch, slots_of
from irnn.training.step import Updater

T = TypeVar("T")
MachineOf = Callable[[Plan], Machine]

_MOST_BUSY = 8  # threads beside the driver that work at once; they share one interpreter
_GPU_SHARE = 0.8  # of its free memory
_RUNS_EACH = 2  # for a multiprocessor: while some runs score and save, others fill the GPU


class PackTrainer:
    """Trains runs that have the shape of the first.

    Args:
        first: one of them.
        at_once: runs at once.
        device: of all.
        machine_of: makes what runs the kernels of a plan.

    Raises:
        ValueError: There are no kernels for this network.
    """

    def __init__(
        self, first: Config, at_once: int, device: torch.device, machine_of: MachineOf
    ) -> None:
        self._alone = plan_of(first)
        self._plan = choose(
            self._alone.H, self._alone.F, tanh=self._alone.tanh, bias=self._alone.bias, packed=True
        )
        self._machine, self._device = machine_of(self._plan), device
        inputs = stretch.batch_like(first)
        pack = Pack(
            self._plan, self._machine, runs=at_once, steps=inputs.shape[0], batch=inputs.shape[1],
            slots=slots_of(inputs), device=device,
        )  # fmt: skip
        self.at_once = at_once
        busy = min(_MOST_BUSY, available_cores())
        self.driver, self._drawers = Driver(pack, device, busy), Drawers(busy)

    def train(
        self,
        jobs: Sequence[T],
        train_one: Callable[[T, PackContext], None],
        signals: list[int],
        mirrors: Mirrors | None = None,
    ) -> None:
        """Train runs until none is left, or a signal came.

        Args:
            jobs: as many as there are, of which a place takes one after the other.
            train_one: trains one beside the others; it raises nothing.
            signals: what came to the process, filled meanwhile.
            mirrors: mirrors all runs to W&B; by default, each run has a process for that.

        Raises:
            HelperError: There are no threads to be had.
            Exception: What ended the pack; every run that was under way has failed with it.
        """
        waiting, broken = deque(jobs), threading.Event()

        def train_in_turn(run: int) -> None:
            context = PackContext(
                partial(self._stretch, run), signals, self.at_once, self._draw, mirrors
            )
            with self._stream(), self.driver.working:
                while not (signals or broken.is_set()):
                    try:
                        job = waiting.popleft()
                    except IndexError:
                        break
                    train_one(job, context)

        threads: list[threading.Thread] = []
        try:
            for run in range(min(self.at_once, len(jobs))):
                thread = threading.Thread(
                    target=train_in_turn, args=(run,), name=f"run {run}", daemon=True
                )
                thread.start()
                threads.append(thread)
        except RuntimeError as error:  # this user may have no more: fewer places are used
            if not threads:
                raise HelperError(f"{error}; see `ulimit -u`") from error
        try:
            with hardware.subnormals_flushed():
                self.driver.drive(lambda: not any(thread.is_alive() for thread in threads))
        finally:
            broken.set()
            for thread in threads:
                thread.join()
            self._drawers.close()

    def _draw(self, *arguments: Any) -> None:
        """Draw a run's curve elsewhere, and let others work meanwhile."""
        self.driver.working.release()
        try:
            self._drawers.draw(*arguments)
        finally:
            self.driver.working.acquire()

    def _stretch(self, run: int, updater: Updater) -> stretch.Stretch | None:
        """Give a run its place; one that turns out to be of another shape is trained beside the others."""
        if updater.cuda_plan() != self._alone:
            return stretch.of(updater)
        return PackedStretch(updater, self._machine, self._plan, self.driver, run)

    @contextmanager
    def _stream(self) -> Iterator[None]:
        """Let a thread's own work on the GPU not wait for what the pack learns."""
        if self._device.type != "cuda":
            yield
            return
        # What a thread does is short; behind a pack's update it would wait for half a millisecond each time.
        with torch.cuda.stream(torch.cuda.Stream(priority=-1)):  # type: ignore[no-untyped-call]
            yield


def plan_of(config: Config) -> Plan:
    """Lay out the kernels of a run's network, alone.

    Raises:
        ValueError: There are none.
    """
    network = build(config, generator(0, "plan"), config.task.input_size, config.task.head)
    found = Updater(network, config.optim, config.clip, make_stretch=lambda _: None).cuda_plan()
    if found is None:
        raise ValueError("there are no CUDA kernels for this network")
    return found


def runs_at_once(config: Config, device: torch.device) -> int:
    """Say how many runs like this a GPU should train at once: enough to fill it, that fit into its memory."""
    free, _ = torch.cuda.mem_get_info(device)
    fill = _RUNS_EACH * torch.cuda.get_device_properties(device).multi_processor_count
    return max(1, min(fill, runs_that_fit(config, free)))


def runs_that_fit(config: Config, size: int) -> int:
    """Say how many runs like this fit together into so many bytes of a GPU."""
    return int(_GPU_SHARE * size) // bytes_of_run(config)


def bytes_of_run(config: Config) -> int:
    """Estimate the bytes of a run in a pack on its GPU: its own, and those of its place."""
    inputs = stretch.batch_like(config)
    T, B, F = inputs.shape
    padded = config.model.hidden_size + F + 8
    states = 2 * T * B * padded * 4
    partials = -(-B // 2) * config.model.hidden_size * padded * 4
    return memory.needed(config) + states + partials + slots_of(inputs) * 4 * (inputs.numel() + B)
