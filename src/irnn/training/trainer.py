"""A run in memory: network, data, optimizer, guard and progress, and how they are saved and restored."""

from time import perf_counter
from typing import Any

import torch

from irnn.models.network import DTYPES, Network, build
from irnn.runs import checkpoint
from irnn.runs.directory import RunDirectory
from irnn.runs.layout import DIVERGED, EXHAUSTED, SOLVED
from irnn.runs.metrics import MetricsFile
from irnn.runs.schemas import DamagedError
from irnn.seeding import generator
from irnn.spec.checks import goal_of
from irnn.spec.choices import Policy
from irnn.spec.config import Config, total_updates
from irnn.system.exhausted import in_words
from irnn.tasks.data import TaskData
from irnn.training import continuation
from irnn.training.divergence import (
    Event,
    Reference,
    divergence_limit,
    judge_evaluation,
    judge_update,
)
from irnn.training.evaluate import Scores, held_out_scores, recurrence_of
from irnn.training.pack_context import PackContext
from irnn.training.progress import Interval, Progress
from irnn.training.rates import schedule_factor
from irnn.training.saving import Saver, copied
from irnn.training.step import Updater
from irnn.training.stretch import Pace, Stretch, batch_like


class Trainer:
    """The parts of a run, and one method for each thing that `irnn.training.loop.fit` does with them."""

    def __init__(
        self,
        config: Config,
        name: str,
        directory: RunDirectory,
        device: torch.device,
        pack: PackContext | None = None,
    ) -> None:
        self._pack = pack
        self._saver = Saver(directory, pack.save_seconds if pack else 0.0)
        self.config, self.name, self.directory, self.device = config, name, directory, device
        self.total_updates = total_updates(config)
        self.task = config.task
        self.metric = self.task.metric
        self.goal = goal_of(config)
        self.progress = Progress.before(self.metric)
        self.data = TaskData(
            self.task,
            seed=config.seed,
            batch_size=config.batch_size,
            device=device,
            dtype=DTYPES[config.runtime.dtype],
        )
        self._batch_like = batch_like(config)
        self._metrics = MetricsFile(directory.metrics, directory.confirm)
        self.notes: list[str] = []  # what is to be said about where the run begins
        self._clock, self._pace = perf_counter(), Pace()
        self._begin(restarts=0)
        self._good: dict[str, Any] = self._weights()

    def _begin(self, restarts: int) -> None:
        """Draw a new start; the first and every restart have a random stream of their own."""
        config, weights = self.config, generator(self.config.seed, "init", restarts)
        network = build(config, weights, self.task.input_size, self.task.head)
        self.model: Network = network.to(self.device)
        if count := config.init.calibration_sequences:
            config.init.calibrate(self.model.recurrent, self.data.calibration(count, restarts))
        integrators = config.init.integrators(config.model.hidden_size)
        make_stretch = self._pack.make_stretch if self._pack else None
        self.updater = Updater(self.model, config.optim, config.clip, integrators, make_stretch)

    def _weights(self) -> dict[str, Any]:
        weights: dict[str, Any] = copied(
            {"model": self.model.state_dict(), "optimizer": self.updater.optimizer.state_dict()}
        )
        return weights

    def _set_weights(self, weights: dict[str, Any]) -> None:
        self.model.load_state_dict(weights["model"])
        self.updater.flat.adopt()
        self.updater.optimizer.load_state_dict(weights["optimizer"])

    def update(self) -> str | None:
        """Make the next update, on a GPU several; say why the last shows divergence, or None."""
        begun, first = perf_counter(), self.progress.step
        if (in_stretches := self.updater.in_stretches) is None:  # as on the CPU
            made = [self.updater.one(self.data.batch(first), self.lr_factor())]
        else:
            count = self._updates_at_once(in_stretches)
            factors = [self.lr_factor(step) for step in range(first, first + count)]
            made = self.updater.several(self.data.pieces(first, count), factors)
        seconds = perf_counter() - begun
        self.progress.step += len(made)
        self.progress.interval.add(made, seconds)
        self._pace.note(len(made), seconds)
        return judge_update(made[-1])

    def _updates_at_once(self, made_by: Stretch) -> int:
        """Say how many updates are made before anything else is looked at."""
        step, config = self.progress.step, self.config
        due = min(each - step % each for each in (config.evaluate.every, config.checkpoint.every))
        if self.total_updates is not None:
            due = min(due, self.total_updates - step)
        seconds = config.budget.seconds
        left = None if seconds is None else seconds - self.elapsed()
        slots = made_by.slots_for(self._batch_like)
        return self._pace.length(min(due, slots), made_by.within, left)

    def lr_factor(self, step: int | None = None) -> float:
        """Give what the learning rate of an update, the next, is of `optim.lr`: schedule and rollbacks."""
        progress, schedule = self.progress, self.config.optim.schedule
        if schedule is None:
            return progress.lr_factor
        assert self.total_updates is not None
        done = progress.step if step is None else step
        return progress.lr_factor * schedule_factor(schedule, done, self.total_updates)

    def evaluation_is_due(self) -> bool:
        """Evaluate every start, every `evaluate.every` updates and when the budget is used up."""
        progress = self.progress
        if progress.evaluated_at == progress.step:
            return False
        regular = progress.step % self.config.evaluate.every == 0
        return regular or progress.reference.is_empty() or self.budget_is_used_up()

    def status(self) -> str | None:
        """Say how the run ended, or None while it goes on."""
        progress = self.progress
        if progress.gave_up:
            return DIVERGED
        if progress.solved:
            return SOLVED
        if progress.evaluated_at == progress.step and self.budget_is_used_up():
            return EXHAUSTED
        return None

    def checkpoint_is_due(self) -> bool:
        """Save every `checkpoint.every` updates; after the evaluation, if one is due."""
        regular = self.progress.step % self.config.checkpoint.every == 0
        return regular and self._saver.is_time() and not self.evaluation_is_due()

    def budget_is_used_up(self) -> bool:
        """Say whether one of the budgets is reached."""
        seconds = self.config.budget.seconds
        return (self.total_updates is not None and self.progress.step >= self.total_updates) or (
            seconds is not None and self.elapsed() >= seconds
        )

    def elapsed(self) -> float:
        """Seconds of training, over all sessions of this run."""
        return self.progress.seconds + perf_counter() - self._clock

    def evaluate(self) -> tuple[dict[str, Any], str | None]:
        """Score the held-out set; give its metrics record, and why it shows divergence or None."""
        progress, guard, metric = self.progress, self.config.divergence, self.metric
        scores = held_out_scores(self.model, self.data, self.updater.squares())
        record, typical = self._record(scores), progress.interval.typical_loss()
        progress.evaluated_at, progress.test_loss = progress.step, scores.loss
        progress.value = record[metric.key]
        reason = self.updater.overflow() or judge_evaluation(
            guard, metric, progress.reference, progress.step, typical, scores.loss
        )
        progress.interval = Interval()
        if reason is None:
            if scores.loss <= divergence_limit(guard, metric, progress.reference, progress.step):
                self._good = self._weights()
            early = progress.step < (self.config.stop.min_updates or 0)
            reached = self.goal is not None and metric.reaches(progress.value, self.goal)
            progress.solved = reached and not early
            if progress.note_crossings(metric):
                self._save_best()
        return record, reason

    def _record(self, scores: Scores | None) -> dict[str, Any]:
        progress, interval = self.progress, self.progress.interval
        loss = self.metric.suffix
        accuracy = (
            {} if scores is None or scores.accuracy is None else {"test_accuracy": scores.accuracy}
        )
        recurrence = recurrence_of(self.model)
        progress.update_seconds += interval.seconds
        return {
            "step": progress.step,
            "epoch": self.epoch(),
            f"train_{loss}": interval.mean(interval.loss),
            f"test_{loss}": None if scores is None else scores.loss,
            **accuracy,
            "grad_norm": interval.mean(interval.grad_norm),
            "grad_norm_max": interval.largest_grad_norm if interval.updates else None,
            "clip_fraction": interval.mean(interval.clipped),
            "lr": self.config.optim.lr * self.lr_factor(),
            "spectral_radius": recurrence.spectral_radius,
            "identity_distance": recurrence.identity_distance,
            "steps_per_second": interval.updates / interval.seconds if interval.updates else None,
            "seconds": self.elapsed(),
        }

    def epoch(self) -> float:
        """Training sequences seen, in units of `task.train_size`."""
        return self.progress.step * self.config.batch_size / self.config.task.train_size

    def diverged_record(self) -> dict[str, Any]:
        """Make the record of a divergence between two evaluations."""
        record = self._record(None)
        self.progress.interval = Interval()
        return record

    def recover(self, reason: str) -> Event:
        """Do what `divergence.policy` says about a divergence, and say what was done.

        Whatever is done, the bad weights are gone afterwards.
        """
        settings, progress = self.config.divergence, self.progress
        action = settings.policy.value
        if settings.policy is Policy.stop:
            progress.gave_up = True
        elif progress.recoveries >= settings.max_recoveries:
            progress.gave_up = True
            action = f"gave up after {progress.recoveries} times {action}"
        else:
            progress.recoveries += 1
        if settings.policy is Policy.restart and not progress.gave_up:
            progress.restarts += 1
            self._begin(progress.restarts)
            self._good = self._weights()
            progress.reference = Reference(started_at=progress.step)
        else:
            if not progress.gave_up:
                progress.lr_factor *= settings.lr_factor
            self._set_weights(self._good)
        progress.evaluated_at = -1  # what the network is now has not been evaluated at this step
        event = Event(progress.step, reason, action)
        progress.divergences.append(event.plain())
        return event

    def append(self, record: dict[str, Any]) -> None:
        """Add a record to `metrics.jsonl`."""
        self._metrics.append(record)
        self.progress.metrics_bytes = self._metrics.size
        self.progress.metrics_digest = self._metrics.digest

    def save(self) -> None:
        """Write `last.pt`: all that is needed to go on bitwise as if nothing had happened."""
        self.progress.seconds, self._clock = self.elapsed(), perf_counter()
        content = {
            "run_id": self.name,
            "weights": self._weights(),
            "good": self._good,
            "progress": self.progress.plain(),
        }
        self._saver.save_last(content)

    def _save_best(self) -> None:
        content = {
            "run_id": self.name,
            "step": self.progress.step,
            self.metric.key: self.progress.value,
            "model": self.model.state_dict(),
        }
        self._saver.save_best(content)

    def resume(self) -> bool:
        """Continue from `last.pt`, or from a shorter run's (see `continuation`); say whether there was one.

        Raises:
            DamagedError: It is gone, though records of updates say that there was one, or it does not fit.
        """
        path = self.directory.last
        if not path.exists() and not self.config.force:
            self.notes = continuation.inherit(self.config, self.directory)
        content = self._saver.last(self.name, self.device)
        if content is None:
            self._metrics.continue_at(0, None)
            return False
        try:
            self.progress = Progress.from_plain(content["progress"], self.metric)
            if self.progress.restarts:
                self._begin(self.progress.restarts)
            for kept in ("good", "weights"):
                saved = content[kept]
                checkpoint.check_fits(saved["model"], self.model.state_dict(), f"{kept}.model")
                self.updater.optimizer.check_fits(saved["optimizer"], f"{kept}.optimizer")
            self._good = content["good"]
            self._set_weights(content["weights"])
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(
                path, f"not a checkpoint of this version of irnn: {in_words(error)}"
            ) from error
        self._metrics.continue_at(self.progress.metrics_bytes, self.progress.metrics_digest)
        return True
