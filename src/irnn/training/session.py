"""One session of one run: open its folder, train until it ends or is interrupted, and close it."""

import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from irnn import kernels
from irnn.kernels import slow
from irnn.models.network import DTYPES
from irnn.runs import curve, provenance
from irnn.runs.directory import RunDirectory
from irnn.runs.files import StorageError, storage_error
from irnn.runs.identity import is_once, run_id
from irnn.runs.layout import SCHEMA
from irnn.runs.trackers import tracked
from irnn.spec.config import Config, ConfigError
from irnn.spec.options import plain
from irnn.system import exhausted, screen, signals
from irnn.system.signals import ENDING
from irnn.tasks.base import Task
from irnn.training import hardware, memory
from irnn.training.display import Display, summary
from irnn.training.divergence import Event
from irnn.training.loop import Interrupted, fit
from irnn.training.pack_context import PackContext
from irnn.training.result import result_of
from irnn.training.trainer import Trainer
from irnn.training.trying import try_out

MakeDisplay = Callable[[Path, int | None, Task], Display]
"""Makes what shows a run, from its log file, the updates in its budget and its task."""


def run(
    config: Config,
    overrides: Sequence[str] = (),
    display: MakeDisplay = Display,
    *,
    say: Callable[[str], None] = screen.say,
    ending: Sequence[signal.Signals] = ENDING,
    pack: PackContext | None = None,
) -> dict[str, Any]:
    """Train a run to its end, continuing where it stands; a finished one is answered from its folder.

    Args:
        config: the run.
        overrides: what was typed to get this configuration, for `provenance.json`.
        display: shows the run.
        say: shows the summary of a run that is finished already.
        ending: signals after which the run writes a checkpoint and ends.
        pack: what it shares with the runs that it is trained with, in a pack; its signals count then instead.

    Returns:
        What is in `result.json`.

    Raises:
        ConfigError: The configuration cannot work on this machine; nothing was made.
        BusyError: Another process trains this run.
        StorageError: The disk is full; the last checkpoint is good.
        ExhaustedError: Memory or threads ran out; the last checkpoint is good.
        Interrupted: A signal came; the checkpoint is written.
    """
    directory = RunDirectory.of(config)
    if (finished := _finished(config, directory, say)) is not None:
        return finished
    try_out(config)
    device = hardware.choose_device(config)
    hardware.check_memory(config, device)
    hardware.set_up(config.runtime, device)
    kernel = kernel_name(config, device)
    slow_because = slow.reasons(config, device.type)
    with directory.locked(patience=config.runtime.takeover_seconds, unlock=config.unlock):
        if (finished := _finished(config, directory, say)) is not None:
            return finished  # by another process, since the look above
        if config.force:
            directory.clear()
        received = nullcontext(pack.signals) if pack else ending_signals(ending)
        try:
            trainer = Trainer(config, run_id(config), directory, device, pack)
            described = _described(trainer, overrides, slow_because)
            at_once = {"pack": pack.at_once} if pack else {}
            directory.describe(config, described | at_once)
            return _train(trainer, slow_because, display, received, pack)
        except Exception as error:  # of PyTorch, the kernel, Python: memory ends anywhere
            _say_exhausted(error, config, kernel)
            raise


def _described(
    trainer: Trainer, overrides: Sequence[str], slow_because: Sequence[str]
) -> dict[str, Any]:
    """Describe this session for `provenance.json`; its kernel is what the network that was built uses."""
    config, device, kernel = trainer.config, trainer.device, trainer.updater.kernel
    runtime, task = config.runtime, config.task
    session = provenance.session(
        [word for word in overrides if not is_once(word)],
        device=str(device) if device.type != "cuda" else torch.cuda.get_device_name(device),
        device_because=hardware.why_device(config, device),
        kernel=kernel,
        instruction_set=kernels.instruction_set(kernel, device),
        kernel_compiler=kernels.compiler(kernel, device),
        slow_because=slow_because,
        threads=torch.get_num_threads(),
        dtype=runtime.dtype.value,
        deterministic=runtime.deterministic,
    )
    scored = provenance.scored(task, getattr(config.stop, task.metric.key))
    return session | provenance.plugins(config) | scored


def _say_exhausted(error: Exception, config: Config, kernel: str) -> None:
    """Raise what a user can use in the place of an error about memory or threads."""
    reason = exhausted.explain(error, memory.remedy(config, kernel == "native"))
    if reason is not None:
        raise exhausted.ExhaustedError(
            f"{reason}; the same command then continues from its last checkpoint"
        ) from error


def _finished(
    config: Config, directory: RunDirectory, say: Callable[[str], None]
) -> dict[str, Any] | None:
    """Answer from the folder of a finished run, unless it is to start over."""
    result = None if config.force else directory.read_result()
    if result is not None:
        ended = summary(result, directory.path, config.task)
        say(f"finished before (force=true starts over)\n{ended}")
    return result


def kernel_name(config: Config, device: torch.device) -> str:
    """Name the kernel that is to compute the recurrence: one of this project, or PyTorch's layer.

    What the network that is built then uses is `Updater.kernel`, by the same rules of `kernels.choose`.

    Raises:
        ConfigError: The kernel asked for by name is not available.
    """
    model, runtime = config.model, config.runtime
    if not model.has_kernel:
        return "torch"
    try:
        kernel = kernels.choose(
            runtime.kernel.value,
            device=device,
            dtype=DTYPES[runtime.dtype],
            hidden=model.hidden_size,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return kernel.name if kernel is not None and kernel.computes(model.gates) else "torch"


def _train(
    trainer: Trainer,
    slow_because: Sequence[str],
    show: MakeDisplay,
    received: AbstractContextManager[list[int]],
    pack: PackContext | None,
) -> dict[str, Any]:
    config, name, directory = trainer.config, trainer.name, trainer.directory
    device = trainer.device
    resumed = trainer.resume()
    try:
        display = show(directory.log, trainer.total_updates, trainer.task)
    except OSError as error:
        raise storage_error(directory.log, error) from error
    with display, received as numbers:
        display.say(f"{'continuing' if resumed else 'run'} {name}")
        display.say(f"  folder {directory.path}")
        count = torch.get_num_threads()
        threads = f", {count} thread{'' if count == 1 else 's'}" if device.type == "cpu" else ""
        display.say(
            f"  {device}{threads}, kernel {trainer.updater.kernel}, {config.runtime.dtype.value}"
        )
        if pack is not None:
            display.say(f"  in a pack of {pack.at_once}")
        for what, fact in trainer.task.facts().items():
            display.say(f"  {what} {fact}")
        for reason in (hardware.why_device(config, device), *slow_because):
            if reason is not None:
                display.say(f"  {reason}")
        begun = [f"from update {trainer.progress.step:,}"] if resumed else []
        for note in trainer.notes or begun:
            display.say(f"  {note}")
        mirrors = pack.mirrors if pack else None
        with tracked(config, name, directory, display.say, mirrors):
            observer = _Observer(display, numbers)
            try:
                with hardware.subnormals_flushed():
                    status = fit(trainer, observer)
            except Interrupted:
                display.say(f"interrupted at update {trainer.progress.step:,}; checkpoint written")
                without = " without force=true" if config.force else ""
                display.say(f"  {display.request}{without} continues")
                raise
            head = {"run_id": name, "schema": SCHEMA}
            result = {**head, **result_of(trainer, status), "config": plain(config)}
            try:
                draw = curve.draw if pack is None else pack.draw
                draw(directory.metrics, result, config, trainer.task, directory.curve)
            except StorageError:
                raise
            except Exception as error:  # a picture is no reason to lose a result
                display.say(f"curve.png could not be drawn: {exhausted.in_words(error)}")
            directory.finish(result)
            display.say(summary(result, directory.path, trainer.task))
    return directory.read_result() or result


class _Observer:
    """Pass on what happens in the loop to the screen, and signals to the loop."""

    def __init__(self, display: Display, signals: list[int]) -> None:
        self._display, self._signals = display, signals

    def tick(self, trainer: Trainer) -> None:
        interval = trainer.progress.interval
        self._display.tick(trainer.progress.step, interval.updates / interval.seconds)

    def evaluated(self, record: dict[str, Any]) -> None:
        self._display.evaluated(record)

    def diverged(self, event: Event) -> None:
        self._display.say(f"DIVERGED at update {event.step:,}: {event.reason} -> {event.action}")

    def signal(self) -> int | None:
        return self._signals[0] if self._signals else None


def ending_signals(
    ending: Sequence[signal.Signals] = ENDING,
) -> AbstractContextManager[list[int]]:
    """Collect what asks a run to end while the context lasts; a second signal has its usual effect.

    A command's run also ends at a user signal that has a handler, as submitit's has.
    """
    users = (signal.SIGUSR1, signal.SIGUSR2) if ending == ENDING else ()
    handled = [each for each in users if callable(signal.getsignal(each))]
    return signals.collected((*ending, *handled), once=True)
