"""Which jobs of a sweep train together on a GPU: those of one shape, dealt to the GPUs that there are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from irnn.kernels.cuda import plan
from irnn.spec.checks import pack_size
from irnn.spec.config import Config, ConfigError
from irnn.spec.options import plain
from irnn.sweeps.job import Job
from irnn.sweeps.naming import sweep_folder
from irnn.sweeps.places import Place


@dataclass(frozen=True)
class Pack:
    """Jobs that one process trains together.

    Args:
        jobs: of one shape; any number, of which `seats` train at a time.
        gpu: the number of their GPU among those that may be used.
        seats: None: as many as are good for that GPU.
    """

    jobs: Sequence[Job]
    gpu: int
    seats: int | None


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
        ConfigError: `sweep.pack` is a number, and there is no pack here.
    """
    seats = pack_size(jobs[0].config)
    if seats == 0:
        return []
    if seats is not None:
        _check_possible(seats, gpus)
    shapes: dict[str, list[Job]] = {}
    for job, place in zip(jobs, places, strict=True):
        key = key_of(job.config) if (place.device, place.kernel) == ("cuda", "cuda") else None
        if key is not None:
            shapes.setdefault(key, []).append(job)
    least = 1 if seats else 2  # alone in a pack a run is no faster than alone
    packs = []
    for alike in (jobs for jobs in shapes.values() if len(jobs) >= least):
        for gpu in range(gpus):
            if share := alike[gpu::gpus]:
                packs.append(Pack(share, gpu, seats))
    return packs


def refuse_number(config: Config) -> None:
    """Refuse `sweep.pack=N` for launchers that make a process, or a job, of each run.

    Raises:
        ConfigError: It is a number.
    """
    if pack_size(config):
        raise ConfigError(
            f"sweep.pack={config.sweep.pack}: hydra/launcher=local alone makes packs; use sweep.pack=auto"
        )


def described(packs: Sequence[Pack]) -> str:
    """Say in a few words what trains together."""
    jobs, gpus = sum(len(pack.jobs) for pack in packs), len({pack.gpu for pack in packs})
    many = f", up to {packs[0].seats:,} at a time" if packs[0].seats else ""
    return f"{jobs:,} jobs in packs on {gpus} GPU{'s' if gpus > 1 else ''}{many}"


def _check_possible(seats: int, gpus: int) -> None:
    if not gpus:
        raise ConfigError(
            f"sweep.pack={seats}: runs train together on a GPU, and PyTorch sees no CUDA device here; "
            "use sweep.pack=auto, or install a PyTorch build with CUDA"
        )
    if lacking := plan.why_unavailable():
        raise ConfigError(f"sweep.pack={seats}: {lacking}")
