"""Stretches of many runs in one program: each run has a place in a pack and learns beside the others.

Every run is trained by a thread of its own, as it is alone. Where it would tell a GPU what to learn, it puts
that into its place and waits; one thread, the driver, lets the runs that wait learn together. A run begins
and ends its stretch between any two launches, whatever the others do: while it scores its held-out set or
writes its files, its place is halted and costs nothing.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import torch
from torch import Tensor

from irnn.kernels.cuda.pack import Machine, Pack
from irnn.kernels.cuda.plan import Plan
from irnn.kernels.update import Update
from irnn.system.exhausted import in_words
from irnn.tasks.data import Batch
from irnn.training import stretch
from irnn.training.fused import FusedStretch, bring, described
from irnn.training.step import Updater

GRAPHS = (64, 16, 4, 1)  # updates of each
_ASK_SECONDS = 0.005  # of updates, after which is asked who has learned all
_LEAST, _MOST = 8, 64  # of these updates
_STRETCH_SECONDS = 1.0  # after which a run looks at signals; its waits for others do not count
_LOOK_SECONDS = 0.1  # between looks of an idle driver at signals and at who is left
_INPUT_BYTES = 1 << 24  # of the inputs of a run
_MOST_SLOTS = 256


class PackError(RuntimeError):
    """The pack that a run was in could not go on."""


@dataclass
class _Request:
    """What waits in a place: updates to be made, and in the end how many were."""

    run: int
    count: int
    updates: int
    done: threading.Event = field(default_factory=threading.Event)
    since: int = 0  # updates of the pack that were launched before it stood in its place
    made: int = 0
    error: BaseException | None = None


@dataclass(frozen=True)
class _Asked:
    """A question to the GPU: where the runs stand once so many updates are made."""

    launched: int
    begun: float  # by the clock, when the last of them were launched
    wait: Callable[[], list[list[int]]]


class Driver:
    """Lets the runs of a pack learn together.

    Args:
        pack: has a place for each.
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
        self._looked_at, self._looked_after = perf_counter(), 0

    def learn(self, run: int, count: int, updates: int) -> int:
        """Make the updates that are in the first slots of a run; wait, and say how many were made.

        Args:
            run: whose place is filled.
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
            raise PackError(in_words(request.error)) from request.error
        return request.made

    def slots(self) -> int:
        """Say how many updates a run may ask for, so that it answers a signal in good time."""
        in_time = int(_STRETCH_SECONDS / max(self._seconds_each, 1e-9))
        return max(min(_LEAST, self.pack.slots), min(self.pack.slots, in_time))

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
        """Launch some updates, and while they are made, look at what those before them did."""
        launched, asked = 0, deque[_Asked]()
        while (arrived := self._wait(ended, bool(learning))) is not None:
            for request in arrived:
                learning[request.run], request.since = request, launched
            if arrived:
                self.pack.stand({each.run: (each.count, 0, 0, each.updates) for each in arrived})
            if some := self._at_once([x.since + x.updates - launched for x in learning.values()]):
                begun = perf_counter()
                self._repeat(some)
                launched += some
                asked.append(_Asked(launched, begun, self.pack.ask(launched)))
            if not (some or asked):
                raise PackError("the kernels did not make all updates that they were told to")
            if not some or len(asked) > 1:
                self._look(learning, asked.popleft())
            if not learning:
                asked.clear()
                self._looked_after = launched

    def _look(self, learning: dict[int, _Request], asked: "_Asked") -> None:
        """Wait for an answer, and wake the runs that have learned all."""
        standing, now = asked.wait(), perf_counter()
        begun = max(self._looked_at, asked.begun)
        self._seconds_each = (now - begun) / max(asked.launched - self._looked_after, 1)
        self._looked_at, self._looked_after = now, asked.launched
        for request in list(learning.values()):
            _, halted, slot, _ = standing[request.run]
            if halted and asked.launched > request.since:
                request.made = slot
                del learning[request.run]
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

    def _at_once(self, left: Sequence[int]) -> int:
        """Say how many updates are launched before anybody is asked: until about the first ends.

        Args:
            left: updates of each run that are not launched yet; none where all are.
        """
        most = max(_LEAST, min(_MOST, int(_ASK_SECONDS / max(self._seconds_each, 1e-9))))
        return max(0, min(max(min(left), _LEAST), most, max(left)))


class PackedStretch(FusedStretch):
    """A `Stretch` of one run in a place of a pack.

    Args:
        updater: of a network that `Updater.cuda_plan` has a plan for.
        machine: runs the kernels of `plan`.
        plan: of the pack.
        driver: of the pack, whose shape is this run's.
        run: the place.
    """

    within = math.inf  # `Driver.slots` sees to it

    def __init__(
        self, updater: Updater, machine: Machine, plan: Plan, driver: Driver, run: int
    ) -> None:
        super().__init__(updater, machine, plan)
        self._driver, self._run, self._is_new = driver, run, True

    def slots_for(self, inputs: Tensor) -> int:
        """See `Stretch`."""
        return self._driver.slots()

    def __call__(self, pieces: Sequence[Batch], rates: Sequence[float]) -> list[Update]:
        """See `Stretch`."""
        pack, run, updater = self._driver.pack, self._run, self._updater
        own, state = described(updater)
        if self._is_new:
            pack.set_number(run, own)
            pack.scales[run] = updater.optimizer.scale
            self._is_new = False
        bring(pack, run, pieces, rates)
        kept = [(pack.parameters[run], updater.flat.vector)]
        kept += [
            (place[run], x) for place, x in zip(pack.state, state, strict=False) if x is not None
        ]
        for there, here in kept:
            there.copy_(here)
        made = self._driver.learn(run, updater.optimizer.count, len(rates))
        for there, here in kept:
            here.copy_(there)
        return self._take_in(pack.outcomes(run, made))


def slots_of(inputs: Tensor) -> int:
    """Say how many updates with inputs of this size are brought into a place at once."""
    size = inputs.numel() * inputs.element_size()
    return max(1, min(_MOST_SLOTS, _INPUT_BYTES // size))
