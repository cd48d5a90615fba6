"""Which jobs of a sweep train together on a GPU: those of one shape, dealt to the GPUs that there are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from irnn.kernels.cuda import plan
from irnn.spec.checks import pack_size
from irnn.spec.choices import Device
from irnn.spec.config import Config, ConfigError
from irnn.spec.options import plain
from irnn.sweeps.job import Job
from irnn.sweeps.naming import sweep_folder


@dataclass(frozen=True)
class Place:
    """Where a run would train: the kind of device, the kernel, and how many like it fit onto a GPU in a pack.

    `capacity` is None where it is not known, as off CUDA.
    """

    device: str
    kernel: str
    capacity: int | None = None


@dataclass(frozen=True)
class Pack:
    """Jobs that one process trains together.

    Args:
        jobs: of one shape; any number, of which `at_once` train at a time.
        gpu: the number of their GPU among those that may be used.
        at_once: None: as many as are good for that GPU.
    """

    jobs: Sequence[Job]
    gpu: int
    at_once: int | None


def log_of(pack: Pack) -> Path:
    """Name the file of what a pack's process prints, which is in the sweep's folder."""
    config = pack.jobs[0].config
    assert config.sweep.name is not None
    folder = sweep_folder(config, config.sweep.name)
    return folder / f"pack-{pack.gpu}.log"


def key_of(config: Config) -> str | None:
    """Give what all runs of a pack have in common, as text; None where there is no pack for a run.

    It is the network, the shape of a batch, and how to compute. All else may differ: seed, rates, clipping,
    initialization, optimizer, budgets of updates. A budget of seconds would buy less of a shared GPU.
    """
    model, task = config.model, config.task
    fits = plan.suits(config) and plan.fits(model.hidden_size, task.input_size)
    if not fits or config.optim.is_of_torch() or config.budget.seconds is not None:
        return None
    runtime = {k: v for k, v in plain(config.runtime).items() if k != "takeover_seconds"}
    shape = (task.steps, config.batch_size, task.input_size)
    return json.dumps([plain(model), shape, runtime], sort_keys=True)


def deal(jobs: Sequence[Job], places: Sequence[Place], gpus: int) -> list[Pack]:
    """Choose what trains together, and on which GPU.

    Args:
        jobs: of one sweep, that are to be trained.
        places: where each of them would train alone.
        gpus: of this machine.

    Raises:
        ConfigError: `sweep.pack` is a number, and there is no pack here, or not of so many.
    """
    at_once = pack_size(jobs[0].config)
    if at_once == 0:
        return []
    if at_once is not None:
        _check_possible(at_once, gpus)
    shapes: dict[str, list[Job]] = {}
    for job, place in zip(jobs, places, strict=True):
        key = key_of(job.config) if (place.device, place.kernel) == ("cuda", "cuda") else None
        if key is None or (place.capacity == 0 and at_once is None):  # alone it needs less
            continue
        if place.capacity == 0:
            raise ConfigError(
                f"sweep.pack={at_once}: runs such as {job.label} fit into the memory of a GPU only alone, "
                "without a pack; use sweep.pack=off"
            )
        shapes.setdefault(key, []).append(job)
        together = min(at_once or 1, -(-len(shapes[key]) // gpus))
        if place.capacity is not None and together > place.capacity:
            raise ConfigError(
                f"sweep.pack={at_once}: of runs such as {job.label} about {place.capacity} fit into the "
                f"memory of a GPU together; use sweep.pack={place.capacity}, or auto"
            )
    least = 1 if at_once else 2  # alone in a pack a run is no faster than alone
    packs = []
    for alike in (jobs for jobs in shapes.values() if len(jobs) >= least):
        for gpu in range(gpus):
            if share := alike[gpu::gpus]:
                packs.append(Pack(share, gpu, at_once))
    return packs


MOST_IN_A_JOB = 256
"""Runs of a Slurm job where `sweep.pack=auto`: about as many as a large GPU trains at once."""


def deal_to_cluster(jobs: Sequence[Job], gpus: int | None) -> list[list[Job]]:
    """Choose which runs share a Slurm job, in order: those of one shape whose device is cuda, others none.

    Args:
        jobs: of one sweep, that are to be trained.
        gpus: that a Slurm job is given, as far as is known.

    Raises:
        ConfigError: `sweep.pack` is a number, and there are no packs; or a job would leave GPUs idle.
    """
    at_once = pack_size(jobs[0].config)
    asking = [job for job in jobs if job.config.runtime.device is Device.cuda]
    lacking = plan.why_unavailable()
    if at_once and (lacking or not asking):
        why = lacking or "runs train together on a GPU, and none asks for one: runtime.device=cuda"
        raise ConfigError(f"sweep.pack={at_once}: {why}")
    if at_once == 0 or lacking:
        return [[job] for job in jobs]
    alike: dict[str, list[Job]] = {}
    for job in asking:
        if (key := key_of(job.config)) is not None:
            alike.setdefault(key, []).append(job)
    shares = {
        job.run_id: share
        for each in alike.values()
        for share in _shares(each, at_once)
        for job in share
    }
    if gpus is not None and gpus > 1 and any(len(share) > 1 for share in shares.values()):
        raise ConfigError(
            f"hydra.launcher.gpus_per_node={gpus}: a job of packed runs has one GPU; use "
            "hydra.launcher.gpus_per_node=1, or sweep.pack=off for a job of each run"
        )
    groups = [shares.get(job.run_id, [job]) for job in jobs]
    return [group for job, group in zip(jobs, groups, strict=True) if group[0] is job]


def _shares(alike: list[Job], at_once: int | None) -> list[list[Job]]:
    """Spread runs of one shape over as few Slurm jobs as take them, each of about as many."""
    count = -(-len(alike) // (at_once or MOST_IN_A_JOB))
    return [alike[place::count] for place in range(count)]


def refuse_number(config: Config) -> None:
    """Refuse `sweep.pack=N` for launchers that make a process, or a job, of each run.

    Raises:
        ConfigError: It is a number.
    """
    if pack_size(config):
        raise ConfigError(
            f"sweep.pack={config.sweep.pack}: only hydra/launcher=local and slurm make packs; "
            "use sweep.pack=auto"
        )


def described(packs: Sequence[Pack]) -> str:
    """Say in a few words what trains together."""
    jobs, gpus = sum(len(pack.jobs) for pack in packs), len({pack.gpu for pack in packs})
    many = f", up to {packs[0].at_once:,} at a time" if packs[0].at_once else ""
    return f"{jobs:,} jobs in packs on {gpus} GPU{'s' if gpus > 1 else ''}{many}"


def _check_possible(at_once: int, gpus: int) -> None:
    if not gpus:
        raise ConfigError(
            f"sweep.pack={at_once}: runs train together on a GPU, and PyTorch sees no CUDA device here; "
            "use sweep.pack=auto, or install a PyTorch build with CUDA"
        )
    if lacking := plan.why_unavailable():
        raise ConfigError(f"sweep.pack={at_once}: {lacking}")
