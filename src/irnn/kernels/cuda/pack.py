"""Many runs of one shape in one program: their memory on the GPU, and the launches of an update.

Every array has a leading axis of runs, and no number of one run depends on another run: a run makes the
same bits alone and in a pack.
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy
import torch
from torch import Tensor

from irnn.kernels.cuda.layout import Call, Numbers, Record, Sizes, Standing
from irnn.kernels.cuda.plan import Plan, chunks_of
from irnn.kernels.update import Update

_RECORD = numpy.dtype([("norm", "f8"), ("loss", "f4"), ("outcome", "i4")])  # `layout.Record`
_APPLIED, _CLIPPED = 2, 4  # of its outcome; 0 is for an update that was not made
RULES = ("sgd", "adam", "rmsprop")  # in the order of `Rule` of source/call.cuh
# Blocks of `sum_products` that fill a GPU: from then on one adds up all chunks of a group.
_ENOUGH_BLOCKS = 128


class Machine(Protocol):
    """What runs the compiled kernels of a plan."""

    sizes: Sizes

    def launch(
        self, name: str, grid: tuple[int, int, int], threads: int, room: int, call: ctypes.Structure
    ) -> None:
        """Start a kernel with `room` floats of shared memory a block."""


def numbers(
    *, rule: str, max_norm: float, nesterov: bool = False, centered: bool = False,
    amsgrad: bool = False, **values: float,
) -> Numbers:  # fmt: skip
    """Describe one run's optimizer: the settings by the names of `irnn.kernels.loading.Step`."""
    return Numbers(
        rule=RULES.index(rule), max_norm=max_norm, nesterov=nesterov, centered=centered,
        amsgrad=amsgrad, **values,
    )  # fmt: skip


class Pack:
    """N networks with a squared error of the last state, and one update of all of them.

    Args:
        plan: their shape.
        machine: runs the kernels of this plan.
        runs: N.
        steps: T.
        batch: B.
        slots: updates of a stretch: how many batches, learning rates and records there is room for.
        device: where the memory is.

    Attributes:
        parameters: (N, P): w_ih, w_hh, b_ih, b_hh, w_out, b_out of each run, one after the other.
        gradient: (N, P), of the last update, before clipping.
        scales: (N, P), factors on the learning rate.
        state: three running averages of the optimizer, (N, P) each; see `irnn.kernels.descent`.
        inputs: (slots, N, T, B, F), and targets: (slots, N, B); those of one run lie together.
        rates: (slots, N), learning rates.
        standing: (2, N, 4): by turns, where each run stands, see `Standing`.
    """

    def __init__(
        self,
        plan: Plan,
        machine: Machine,
        *,
        runs: int,
        steps: int,
        batch: int,
        slots: int,
        device: torch.device | str,
    ) -> None:
        self.plan, self.machine, self.runs, self.slots = plan, machine, runs, slots
        sizes = machine.sizes
        self.count = sizes.parameters
        self.groups, self.walks = -(-batch // plan.group), -(-batch // plan.rows_of_block)
        self.chunks = chunks_of(steps)
        self.blocks = -(-sizes.parameters // sizes.workers)
        width = -(-sizes.parameters // 4) * 4

        def room(*shape: int, dtype: torch.dtype = torch.float32, zero: bool = True) -> Tensor:
            return (torch.zeros if zero else torch.empty)(*shape, dtype=dtype, device=device)

        self._whole = room(6, runs, width)
        pieces = self._whole[:, :, : self.count].unbind()
        self.parameters, self.gradient, self.scales, *self.state = pieces
        self.inputs = room(runs, slots, steps, batch, plan.F).transpose(0, 1)
        self.targets = room(runs, slots, batch).transpose(0, 1)
        self.rates = room(slots, runs)
        rows = (runs, batch, steps)
        self.history = room(*rows, sizes.history_row, zero=False)
        self.kept = 1 if runs * self.groups >= _ENOUGH_BLOCKS else self.chunks
        self.deltas = room(*rows, sizes.delta_row, zero=False)
        self.partials = room(runs, self.groups, self.kept, plan.H, sizes.history_row, zero=False)
        self.last = room(runs, batch, plan.H, zero=False)
        self.errors = room(runs, batch, zero=False)
        self.measures = room(runs, self.blocks, 2, dtype=torch.float64, zero=False)
        self.numbers = room(runs, ctypes.sizeof(Numbers), dtype=torch.uint8)
        self.standing = room(2, runs, len(Standing._fields_), dtype=torch.int64)
        self.records = room(slots, runs, ctypes.sizeof(Record), dtype=torch.uint8)
        self.position = room(1, dtype=torch.int64)
        self._call = self._make_call(steps, batch, width)

    def _make_call(self, steps: int, batch: int, width: int) -> Call:
        chunk = -(-steps // self.chunks)
        call = Call(steps, batch, self.groups, chunk, self.chunks, self.kept, self.blocks)
        call.runs, call.parameters_run = self.runs, width
        point_at_batch(call, self.inputs, self.targets)
        names = ("parameters", "history", "deltas", "partials", "last", "errors", "gradient")
        more = ("measures", "scales", "rates", "numbers", "standing", "records", "position")
        for name in (*names, *more):
            setattr(call, name, getattr(self, name).data_ptr())
        for place, tensor in enumerate(self.state):
            call.state[place] = tensor.data_ptr()
        return call

    def adopt(
        self, parameters: Tensor, gradient: Tensor, scales: Tensor, state: Sequence[Tensor | None]
    ) -> None:
        """Work on somebody else's memory, of one run: vectors (P,), and up to three of the optimizer's."""
        assert self.runs == 1
        for name, vector in (
            ("parameters", parameters),
            ("gradient", gradient),
            ("scales", scales),
        ):
            assert vector.shape == (self.count,)
            assert vector.is_contiguous()
            setattr(self, name, vector[None])
            setattr(self._call, name, vector.data_ptr())
        for place, own in enumerate(state):
            if own is not None:
                self.state[place] = own[None]
                self._call.state[place] = own.data_ptr()

    def set_numbers(self, each: Sequence[Numbers]) -> None:
        """Set every run's optimizer."""
        for run, one in enumerate(each):
            self.set_number(run, one)

    def set_number(self, run: int, one: Numbers) -> None:
        """Set one run's optimizer."""
        self.numbers[run].copy_(torch.frombuffer(bytearray(bytes(one)), dtype=torch.uint8))

    def begin(self, counts: Sequence[int], halted: bool = False) -> None:
        """Begin a stretch of all runs: the next update uses slot 0.

        Args:
            counts: how many steps each run has made.
            halted: whether nothing is to be changed, nor recorded.
        """
        self.position.zero_()
        self.records.zero_()
        self.stand({run: (count, halted, 0, self.slots) for run, count in enumerate(counts)})

    def stand(self, each: Mapping[int, Sequence[int]]) -> None:
        """Say where some runs stand, as `Standing`, between updates; nothing waits for it."""
        told = torch.tensor([(run, *standing) for run, standing in each.items()])
        told = told.to(self.standing.device, non_blocking=True)
        self.standing[:, told[:, 0]] = told[:, 1:]

    def ask(self, updates: int) -> Callable[[], list[list[int]]]:
        """Ask where every run stands after so many updates since `begin`.

        Returns:
            What waits for those updates, and gives the `Standing` of each run.
        """
        told, known = self.standing[updates % 2].to("cpu", non_blocking=True), None
        if self.standing.is_cuda:
            known = torch.cuda.Event()  # type: ignore[no-untyped-call]
            known.record()

        def wait() -> list[list[int]]:
            if known is not None:
                known.synchronize()
            found: list[list[int]] = told.tolist()
            return found

        return wait

    def update(self) -> None:
        """Launch the next update; nothing waits for it."""
        sizes, machine, call = self.machine.sizes, self.machine, self._call
        walk, add = (sizes.threads, sizes.room_walk), (sizes.adders, sizes.room_gradient)
        work = (sizes.workers, sizes.room_descend)
        machine.launch("walk", (self.walks, self.runs, 1), *walk, call)
        grid = (sizes.parts, self.groups * self.kept, self.runs)
        machine.launch("sum_products", grid, *add, call)
        machine.launch("gather", (self.blocks, self.runs, 1), *work, call)
        machine.launch("descend", (self.blocks, self.runs, 1), *work, call)

    def outcomes(self, run: int, updates: int) -> list[Update]:
        """Wait, and give what the updates in the first slots of one run did.

        There is none after one that was not applied: a run stops there, and nothing changes it.
        """
        read = self.records[:updates, run].cpu().contiguous().numpy().view(_RECORD)[:, 0]
        read = read[: numpy.count_nonzero(read["outcome"])]
        flags = [(read["outcome"] & flag != 0).tolist() for flag in (_CLIPPED, _APPLIED)]
        return [*map(Update, read["loss"].tolist(), read["norm"].tolist(), *flags)]

    def evaluate(self, inputs: Tensor, targets: Tensor, errors: Tensor) -> None:
        """Write answer minus target of every row of inputs (N, T, B, F), targets (N, B), to errors (N, B).

        Rows may be the same memory for all runs (`expand`).
        """
        evaluate(self.plan, self.machine, self.parameters, inputs, targets, errors)


def evaluate(
    plan: Plan,
    machine: Machine,
    parameters: Tensor,
    inputs: Tensor,
    targets: Tensor,
    errors: Tensor,
) -> None:
    """Write the errors of `Pack.evaluate` for networks with parameters (N, P), each row contiguous."""
    call = Call()
    _, call.steps, call.batch, _ = inputs.shape
    call.runs, call.parameters_run = len(parameters), parameters.stride(0)
    point_at_batch(call, inputs[None], targets[None])
    call.parameters, call.errors = parameters.data_ptr(), errors.data_ptr()
    grid = (-(-inputs.shape[2] // plan.rows_of_block), call.runs, 1)
    machine.launch("evaluate", grid, machine.sizes.threads, machine.sizes.room_forward, call)


def point_at_batch(call: Call, inputs: Tensor, targets: Tensor) -> None:
    """Let a call read inputs (slots, N, T, B, F), of any strides, and targets (slots, N, B)."""
    call.inputs, call.targets = inputs.data_ptr(), targets.data_ptr()
    call.input_slot, call.input_run, call.input_time = inputs.stride()[:3]
    call.input_batch, call.input_feature = inputs.stride()[3:]
    call.target_slot, call.target_run = targets.stride()[:2]
