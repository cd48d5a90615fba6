"""Stretches of many runs in one program: each run sits in a pack and learns beside the others.

Every run is trained by a thread of its own, as it is alone. Where it would tell a GPU what to learn, it puts
that into its seat and waits; one thread, the driver, lets the runs that wait learn together. A run begins and
ends its stretch between any two launches, whatever the others do: while it scores its held-out set or writes
its files, its seat is halted and costs nothing.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import torch
from torch import Tensor

from irnn.kernels.cuda.pack import Machine, Pack
from irnn.kernels.cuda.plan import Plan
from irnn.training import stretch
from irnn.training.fused import FusedStretch, bring, described
from irnn.training.step import Update, Updater
from irnn.training.stretch import Batch

GRAPHS = (64, 16, 4, 1)  # updates of each
_ASK_SECONDS = 0.01  # between looks at who has learned all; each costs a wait for the GPU
_LEAST, _MOST = 8, 64  # updates between such looks
_LOOK_SECONDS = (
    0.1  # between looks of a driver that has nothing to do, at signals and at who is left
)
_SEAT_BYTES = 1 << 24  # of the inputs of a seat
_MOST_SLOTS = 256


class PackError(RuntimeError):
    """The pack that a run was in could not go on."""


@dataclass
class _Request:
    """What waits in a seat: updates to be made, and in the end how many were."""

    run: int
    count: int
    updates: int
    done: threading.Event = field(default_factory=threading.Event)
    made: int = 0
    error: BaseException | None = None


class Driver:
    """Lets the runs of a pack learn together.

    Args:
        pack: has a seat for each.
        device: of the pack.
        busy: threads that may work at once beside the driver, which holds up the GPU if it has to wait for
            Python's one lock.
    """

    def __init__(self, pack: Pack, device: torch.device, busy: int = 1) -> None:
        self.pack, self._device = pack, device
        self.working = threading.BoundedSemaphore(busy)
        """Held by a thread of a run but while it waits for the pack."""
        pack.begin([0] * pack.runs, halted=True)  # what is captured is tried out
        self._repeat = stretch.repeated(pack.update, device, GRAPHS)
        pack.begin([0] * pack.runs, halted=True)
        self._changed = threading.Condition()
        self._arrived: list[_Request] = []
        self._error: BaseException | None = None
        self._seconds_each = _ASK_SECONDS

    def learn(self, run: int, count: int, updates: int) -> int:
        """Make the updates that are in the first slots of a run; wait, and say how many were made.

        Args:
            run: whose seat is filled.
            count: steps that its optimizer made before.
            updates: at least 1; after one that is not applied no more are made.

        Raises:
            PackError: The pack could not go on.
        """
        if self._device.type == "cuda":
            torch.cuda.current_stream().synchronize()
        request = _Request(run, count, updates)
        with self._changed:
            if self._error is None:
                self._arrived.append(request)
                self._changed.notify()
            else:
                request.error = self._error
        self.working.release()
        try:
            if request.error is None:
                request.done.wait()
        finally:
            self.working.acquire()
        if request.error is not None:
            raise PackError(f"{type(request.error).__name__}: {request.error}") from request.error
        return request.made

    def drive(self, ended: Callable[[], bool]) -> None:
        """Launch updates until `ended` says that no run will come again; in the thread that has signals."""
        learning: dict[int, _Request] = {}
        try:
            self._drive(ended, learning)
        except BaseException as error:
            with self._changed:
                self._error = error
                left = [*learning.values(), *self._arrived]
            for request in left:
                request.error = error
                request.done.set()
            raise

    def _drive(self, ended: Callable[[], bool], learning: dict[int, _Request]) -> None:
        updates, standing = 0, self.pack.standings(0)
        while True:
            arrived = self._wait(ended, bool(learning))
            if arrived is None:
                return
            for request in arrived:
                learning[request.run] = request
                standing[request.run] = [request.count, 0, 0, request.updates]
            if arrived:
                self.pack.stand(standing)
            begun, some = perf_counter(), self._at_once([standing[run] for run in learning])
            self._repeat(some)
            updates += some
            standing = self.pack.standings(updates)
            self._seconds_each = (perf_counter() - begun) / some
            for run in [run for run in learning if standing[run][1]]:
                request = learning.pop(run)
                request.made = standing[run][2]
                request.done.set()

    def _wait(self, ended: Callable[[], bool], learning: bool) -> list[_Request] | None:
        """Give what arrived, as soon as anybody learns; None when all has ended."""
        with self._changed:
            while not (self._arrived or learning):
                if ended():
                    return None
                self._changed.wait(_LOOK_SECONDS)
            arrived, self._arrived = self._arrived, []
        return arrived

    def _at_once(self, standing: Sequence[Sequence[int]]) -> int:
        """Say how many updates are launched before anybody is asked: until about the first ends."""
        left = [end - slot for _, _, slot, end in standing]
        most = max(_LEAST, min(_MOST, int(_ASK_SECONDS / max(self._seconds_each, 1e-9))))
        return min(max(min(left), _LEAST), most, max(left))


class PackedStretch(FusedStretch):
    """A `Stretch` of one run in a seat of a pack.

    Args:
        updater: of a network that `Updater.cuda_plan` has a plan for.
        machine: runs the kernels of `plan`, for held-out sets.
        plan: of a run alone.
        driver: of the pack, whose shape is this run's.
        run: the seat.
    """

    def __init__(
        self, updater: Updater, machine: Machine, plan: Plan, driver: Driver, run: int
    ) -> None:
        super().__init__(updater, machine, plan)
        self._driver, self._run, self._is_new = driver, run, True

    def slots_for(self, inputs: Tensor) -> int:
        """See `Stretch`."""
        return self._driver.pack.slots

    def __call__(self, batches: Sequence[Batch], rates: Sequence[float]) -> list[Update]:
        """See `Stretch`."""
        pack, run, updater = self._driver.pack, self._run, self._updater
        own, state = described(updater)
        if self._is_new:
            pack.set_number(run, own)
            pack.scales[run] = updater.optimizer.scale
            self._is_new = False
        bring(pack, run, batches, rates)
        kept = [(pack.parameters[run], updater.flat.vector)]
        kept += [
            (seat[run], x) for seat, x in zip(pack.state, state, strict=False) if x is not None
        ]
        for there, here in kept:
            there.copy_(here)
        made = self._driver.learn(run, updater.optimizer.count, len(batches))
        for there, here in kept:
            here.copy_(there)
        return self._made(pack.outcomes_of(run, made))


def slots_of(inputs: Tensor) -> int:
    """Say how many updates with inputs of this size are brought into a seat at once."""
    size = inputs.numel() * inputs.element_size()
    return max(1, min(_MOST_SLOTS, _SEAT_BYTES // size))
