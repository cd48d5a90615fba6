"""The training loop, on one screen."""

from typing import Any, Protocol

from irnn.training.divergence import Event
from irnn.training.trainer import Trainer


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to end; its checkpoint is written."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    def __str__(self) -> str:
        return "the checkpoint is written: asked for again, the run continues"


class Observer(Protocol):
    """Told what happens in the loop, and asked whether to end it."""

    def tick(self, trainer: Trainer) -> None:
        """An update was made."""

    def evaluated(self, record: dict[str, Any]) -> None:
        """An evaluation was made."""

    def diverged(self, event: Event) -> None:
        """The run exploded, and this is what was done about it."""

    def signal(self) -> int | None:
        """The signal that asks the run to end, if one came."""


def fit(trainer: Trainer, observer: Observer) -> str:
    """Train until the run is "solved", "exhausted" or "diverged", and say which.

    Raises:
        Interrupted: A signal came; the checkpoint is written and the same command continues.
        StorageError: The disk is full; the last checkpoint is good.
    """
    while (status := trainer.status()) is None:
        record, reason = None, None
        if trainer.evaluation_is_due():
            record, reason = trainer.evaluate()
        else:
            reason = trainer.update()
            observer.tick(trainer)
        if reason is not None:
            record = record or trainer.diverged_record()
            event = trainer.recover(reason)
            trainer.append({**record, "event": event.plain()})
            observer.diverged(event)
        elif record is not None:
            trainer.append(record)
            observer.evaluated(record)
        if reason is not None or trainer.checkpoint_is_due():
            trainer.save()
        if (number := observer.signal()) is not None and trainer.status() is None:
            trainer.save()
            raise Interrupted(number)
    trainer.save()
    return status
