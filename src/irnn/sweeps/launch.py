"""From overrides to trained runs: look up what is finished, train the rest, here or elsewhere."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from irnn.kernels import slow
from irnn.kernels.loading import Library, load
from irnn.runs.directory import RunDirectory
from irnn.runs.identity import run_id
from irnn.runs.layout import SWEEP
from irnn.spec.command import flags_of
from irnn.spec.composition import Composer
from irnn.spec.config import Config, ConfigError
from irnn.spec.rewriting import briefly
from irnn.sweeps import packs, pool, record
from irnn.sweeps.grid import without_bookkeeping
from irnn.sweeps.job import FAILED, LEFT, Job
from irnn.sweeps.naming import in_sweep, sweep_folder
from irnn.sweeps.packs import Pack, Place
from irnn.sweeps.places import find_places
from irnn.sweeps.progress_lines import with_progress_lines
from irnn.sweeps.view import View, tally
from irnn.system.machine import (
    asked_threads,
    available_cores,
    available_memory,
    refusal_of,
    shown_bytes,
)
from irnn.training import memory


class Stopped(KeyboardInterrupt):
    """A signal ended the sweep; every running job has written its checkpoint."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


def make_jobs(
    batch: Sequence[Sequence[str]], composer: Composer, shared: frozenset[str] = frozenset()
) -> list[Job]:
    """Compose jobs; label them by what not all of them share.

    Raises:
        ConfigError: One of them cannot work.
    """
    if len(batch) > 1:
        shared = shared.union(frozenset.intersection(*(frozenset(words) for words in batch)))
    jobs = []
    flags = flags_of(composer.groups)
    for words in with_progress_lines(batch, "named"):
        config = in_sweep(composer.compose(words))
        name = run_id(config)
        own = [briefly(word) for word in without_bookkeeping(words) if word not in shared]
        folder = RunDirectory.of(config, name).path
        made_from = (*words, *flags)
        jobs.append(Job(made_from, " ".join(own) or name, config, name, folder))
    return jobs


class Engine(Protocol):
    """What trains jobs: this machine, or a cluster."""

    def prepare(self, to_do: Sequence[Job], view: View) -> str:
        """Give jobs what they need and say in a few words where they are trained.

        Raises:
            ConfigError: One of them cannot be trained there.
        """

    def run(self, jobs: Sequence[Job], watcher: pool.Watcher) -> int | None:
        """Train those that are left; give the signal that ended it, if one did."""


class Here:
    """Processes of this machine.

    Args:
        wanted: jobs at once, or None for as many as fit.
        command: the words of this command.
    """

    def __init__(self, wanted: int | None, command: Sequence[str]) -> None:
        self._wanted, self._command = wanted, command
        self._at_once = 0
        self._packs: list[Pack] = []

    def prepare(self, to_do: Sequence[Job], view: View) -> str:
        """Find out which train together on a GPU, and how many of the others fit."""
        places, gpus = places_of(to_do, view)
        self._packs = packs.deal(to_do, places, gpus)
        for job in (job for pack in self._packs for job in pack.jobs):
            _give_threads(job, 1)
        packed = {job.run_id for pack in self._packs for job in pack.jobs}
        others = [
            (job, at) for job, at in zip(to_do, places, strict=True) if job.run_id not in packed
        ]
        parts = [packs.described(self._packs)] if self._packs else []
        if others:
            left, where = zip(*others, strict=True)
            on_gpu = any(place.device != "cpu" for place in where)
            self._at_once = fit(left, self._wanted, on_gpu, view)
            threads = left[0].config.runtime.threads
            each = f"{self._at_once} at a time, {threads} thread{'s' if threads != 1 else ''} each"
            parts.append(f"then {len(left)} others, {each}" if parts else each)
        self._at_once = max(1, self._at_once)  # also for jobs that another process leaves
        return "; ".join(parts)

    def run(self, jobs: Sequence[Job], watcher: pool.Watcher) -> int | None:
        """Train them."""
        fail_fast = jobs[0].config.sweep.fail_fast
        return pool.Pool(jobs, self._at_once, self._command, fail_fast, watcher, self._packs).run()


def train(jobs: Sequence[Job], engine: Engine, command: Sequence[str], view: View) -> None:
    """Train the jobs that are not finished.

    Args:
        jobs: of one sweep; their states are kept up to date.
        engine: trains them.
        command: the words of this command.
        view: says what happens.

    Raises:
        ConfigError: One of them cannot be trained there; nothing was made.
        StorageError: The sweep's record cannot be written.
        Stopped: A signal came.
    """
    runs = {job.run_id: job for job in reversed(jobs)}  # the first of those that are the same run
    distinct = [job for job in jobs if runs[job.run_id] is job]
    for job in distinct:
        if not job.config.force and job.look_up():
            job.before = job.done
    to_do = [job for job in distinct if job.state == LEFT]
    if jobs[0].config.sweep.fail_fast and any(job.state == FAILED for job in distinct):
        to_do = []
    where = engine.prepare(to_do, view) if to_do else None
    note(jobs, command)
    if not view.earlier:
        announce(jobs, distinct, where, view)
    for job in distinct:
        if job.state == FAILED:
            view.ended(job)
    number = None
    if to_do:
        with view:
            number = engine.run(distinct, view)
    for job in jobs:
        same_run = runs[job.run_id]
        job.state, job.result, job.error = same_run.state, same_run.result, same_run.error
    if number is not None:
        raise Stopped(number)


def note(jobs: Sequence[Job], command: Sequence[str]) -> None:
    """Record jobs as asked for by their sweep."""
    config = jobs[0].config
    assert config.sweep.name is not None
    pairs = [(job.run_id, without_bookkeeping(job.overrides)) for job in jobs]
    record.add(
        folder_of(config), config.sweep.name, ["python", "-m", "irnn.train", *command], pairs
    )


def folder_of(config: Config) -> Path:
    """Name the folder of the sweep that a job is of."""
    assert config.sweep.name is not None
    return sweep_folder(config, config.sweep.name)


def announce(jobs: Sequence[Job], distinct: Sequence[Job], where: str | None, view: View) -> None:
    """Say what the sweep is."""
    config = jobs[0].config
    view.say(f"sweep {config.sweep.name}")
    view.say(f"  {folder_of(config) / SWEEP}")
    if len(distinct) < len(jobs):
        view.say(f"  {len(jobs) - len(distinct)} of {len(jobs)} jobs are the same run as another")
    view.say(f"  {tally(distinct, view.more(distinct))}")
    if where:
        view.say(f"  {where}")


def places_of(jobs: Sequence[Job], view: View) -> tuple[list[Place], int]:
    """Say where each job would train, and how many GPUs there are; tell what is slow there.

    Raises:
        ConfigError: One of them cannot train on this machine.
    """
    if (refusal := refusal_of()) is not None:
        raise ConfigError(refusal)
    kinds = [
        (
            *(c.runtime, c.model.name, c.model.num_layers, c.batch_size, c.optim.name),
            *(packs.key_of(c), memory.needed(c)),
        )
        for c in (job.config for job in jobs)
    ]
    examples = {kind: job.config for kind, job in zip(kinds, jobs, strict=True)}
    found, gpus = find_places(list(examples.values()))
    at = dict(zip(examples, found, strict=True))
    for kind, config in examples.items():
        view.slow(slow.reasons(config, at[kind].device))
    return [at[kind] for kind in kinds], gpus


def fit(jobs: Sequence[Job], wanted: int | None, on_gpu: bool, view: View) -> int:
    """Decide how many jobs to train at a time, and give each its threads: never more than cores.

    Raises:
        ConfigError: One job alone wants more threads than there are cores, or more memory than there is.
    """
    if wanted is None and on_gpu:
        wanted = 1
    cores = available_cores()
    threads = min(asked_threads() or (1 if wanted != 1 else cores), cores)
    most = max(job.config.runtime.threads or threads for job in jobs)
    if most > cores:
        raise ConfigError(
            f"runtime.threads={most}: a job of a sweep has at most as many threads as there are cores, "
            f"{cores}"
        )
    places = cores // most
    if wanted is not None and wanted > places:
        view.say(
            f"sweep.jobs={wanted}: {places} at a time, since there are {cores} cores and a job has "
            f"{most} thread{'s' if most > 1 else ''}"
        )
    at_once = _fitting(jobs, min(wanted or places, places), on_gpu, view)
    for job in jobs:
        _give_threads(job, threads)
    return at_once


def _give_threads(job: Job, threads: int) -> None:
    """Let a job have so many threads, unless it was given some."""
    runtime = job.config.runtime
    job.config = replace(job.config, runtime=replace(runtime, threads=runtime.threads or threads))


def _fitting(jobs: Sequence[Job], at_once: int, on_gpu: bool, view: View) -> int:
    """Let no more jobs train at a time than fit into memory together.

    Raises:
        ConfigError: One of them alone cannot fit.
    """
    native = not on_gpu and isinstance(load(), Library)
    different = {
        (id(c.task), id(c.model), id(c.init), id(c.optim), id(c.runtime), c.batch_size): c
        for c in (job.config for job in jobs)
    }
    for config in different.values():
        memory.check_memory(config, native=native)
    limit = available_memory()
    most = max(memory.needed(config, native) for config in different.values())
    if limit is None or at_once * (most + memory.FORKED) <= limit or at_once == 1:
        return at_once
    fewer = max(1, limit // (most + memory.FORKED))
    view.say(
        f"{fewer} at a time, since a job needs up to {shown_bytes(most)} of memory and there are "
        f"{shown_bytes(limit)} here"
    )
    return fewer


def counted_as_joblib(n_jobs: int) -> int | None:
    """Read joblib's number of jobs: -1 is None, as many as there are cores for."""
    if n_jobs == -1:
        return None
    return n_jobs if n_jobs > 0 else max(1, available_cores() + 1 + n_jobs)
