"""A search with Optuna whose every trial is a run folder, and that can be killed and asked for again.

A trial's settings depend on the search's seed, its number and the trials that ended before it; a trial that
was under way is taken up again with its settings. So a search that was killed ends as one that was not.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.core.utils import JobReturn, JobStatus

from irnn.config import ConfigError
from irnn.runs.files import StorageError, storage_error
from irnn.runs.locking import Lock
from irnn.runs.ownership import BusyError
from irnn.sweeps.grid import axes, without_bookkeeping
from irnn.sweeps.job import DIVERGED_OBJECTIVE
from irnn.sweeps.returns import JobLeftError, error_of

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Space:
    """What a search varies, as Optuna's distributions, and the overrides that all trials share."""

    varied: "dict[str, optuna.distributions.BaseDistribution]"
    fixed: list[str]


@dataclass(frozen=True)
class Plan:
    """How long a search is, how many trials are asked for together, and where its chance comes from."""

    trials: int
    together: int
    seed: int
    random_trials: int


def read_space(parsed: Sequence[Override]) -> Space:
    """Turn sweeps into distributions: an interval into a continuous one, anything else into choices.

    Raises:
        ConfigError: Nothing varies.
    """
    varied: dict[str, Any] = {}
    fixed: dict[str, str] = {}
    for override in parsed:
        key = override.get_key_element()
        if override.is_sweep_override():
            varied[key] = _distribution(override)
            fixed.pop(key, None)
        else:
            fixed.update({key: words[0] for key, words in axes([override]).items()})
            varied.pop(key, None)
    if not varied:
        raise ConfigError(
            "hydra/sweeper=optuna: nothing to search; give ranges, as in "
            "'optim.lr=tag(log, interval(1e-5, 1e-1))'"
        )
    return Space(varied, list(fixed.values()))


def _distribution(override: Override) -> Any:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    value = override.value()
    if isinstance(value, IntervalSweep):
        start, end, log = value.start, value.end, "log" in value.tags
        if start is None or end is None:
            raise ConfigError(f"{override.input_line}: needs both ends")
        whole = isinstance(start, int) and isinstance(end, int)
        try:
            if whole:
                return IntDistribution(int(start), int(end), log=log)
            return FloatDistribution(float(start), float(end), log=log)
        except ValueError as error:
            raise ConfigError(f"{override.input_line}: {error}") from error
    if isinstance(value, RangeSweep) and isinstance(value.start, int) and not value.shuffle:
        steps = [int(word.partition("=")[2]) for word in _words(override)]
        return IntDistribution(steps[0], steps[-1], step=int(value.step))
    return CategoricalDistribution([word.partition("=")[2] for word in _words(override)])


def _words(override: Override) -> list[str]:
    (words,) = axes([override]).values()
    return words


@contextmanager
def opened(folder: Path, name: str, space: Space) -> "Iterator[optuna.Study]":
    """Open the study of a search, alone.

    Raises:
        BusyError: Another process does this search.
        ConfigError: A search of this name was for something else.
        StorageError: The folder cannot be made, or later the study not be written.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    lock = Lock(folder / "search.lock", patience=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"{folder} is being searched by another process; wait for it, or give this search another "
            "sweep.name"
        ) from error
    except OSError as error:
        raise storage_error(folder, error) from error
    database = folder / "optuna.db"
    try:
        database.touch()  # as the umask says, where SQLite would keep others of a shared folder out
        study = optuna.create_study(
            study_name=name,
            storage=f"sqlite:///{database}",
            direction="minimize",
            load_if_exists=True,
        )
        _check_same(study, space, name)
        yield study
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise StorageError(
            f"cannot read or write {database}: {_innermost(error)}; free some space, and see that its "
            "folder is writable; run the same command again: it continues from the trials that are told"
        ) from error
    finally:
        lock.release()


def _innermost(error: BaseException) -> str:
    """Say what SQLite said, without what was wrapped around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).splitlines()[0]


def _check_same(study: "optuna.Study", space: Space, name: str) -> None:
    asked = {
        "fixed": sorted(without_bookkeeping(space.fixed)),
        "varied": {key: str(distribution) for key, distribution in sorted(space.varied.items())},
    }
    known = study.user_attrs.get("asked")
    if known is None:
        study.set_user_attr("asked", asked)
    elif known != asked:
        raise ConfigError(
            f"sweep.name={name}: a search of this name was for something else\n"
            f"  then {known['varied']} with {' '.join(known['fixed'])}\n  give this one another name"
        )


def complete(study: "optuna.Study") -> int:
    """Count the trials that have a result; a diverged one has one."""
    from optuna.trial import TrialState

    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def batches(
    study: "optuna.Study", space: Space, plan: Plan
) -> "Iterator[list[optuna.trial.Trial]]":
    """Ask for trials until enough are complete; first come those that were under way."""
    from optuna.trial import Trial, TrialState

    asked = 0
    to_go = plan.trials - complete(study)
    while asked < to_go:
        size = min(plan.together, to_go - asked)
        batch: list[Trial] = []
        for frozen in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if frozen.params.keys() != space.varied.keys():
                study.tell(frozen.number, state=TrialState.FAIL)  # killed while it was made
            elif len(batch) < size:
                batch.append(Trial(study, frozen._trial_id))
        while len(batch) < size:
            batch.append(_ask(study, space.varied, plan))
        asked += len(batch)
        yield batch


def _ask(study: "optuna.Study", varied: Mapping[str, Any], plan: Plan) -> "optuna.trial.Trial":
    import optuna

    number = len(study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(
        seed=(plan.seed * 1_000_003 + number) % 2**32, n_startup_trials=plan.random_trials
    )
    return study.ask(fixed_distributions=dict(varied))


def overrides_of(
    trial: "optuna.trial.Trial | optuna.trial.FrozenTrial", fixed: Sequence[str]
) -> list[str]:
    """Write a trial as overrides."""
    return [*fixed, *(f"{key}={value}" for key, value in trial.params.items())]


def tell(
    study: "optuna.Study", batch: "Sequence[optuna.trial.Trial]", returns: Sequence[JobReturn]
) -> int:
    """Report how the trials ended, in the order of their numbers; give how many have no result.

    One that was only stopped is not reported: it stays under way, and comes first the next time.
    """
    from optuna.trial import TrialState

    without = 0
    pairs = sorted(zip(batch, returns, strict=True), key=lambda pair: pair[0].number)
    for trial, returned in pairs:
        if returned.status is JobStatus.COMPLETED:
            study.tell(trial.number, float(returned.return_value))
            continue
        without += 1
        if not isinstance(error_of(returned), JobLeftError):
            study.tell(trial.number, state=TrialState.FAIL)
    return without


def found(study: "optuna.Study", space: Space) -> list[str]:
    """Say what was best."""
    count = complete(study)
    if not count:
        return []
    best = study.best_trial
    if best.value == DIVERGED_OBJECTIVE:
        return [f"all of {count} trials diverged"]
    command = shlex.join(without_bookkeeping(overrides_of(best, space.fixed)))
    return [
        f"best of {count} trials: number {best.number}, held-out MSE {best.value:.5f}",
        f"  python -m irnn.train {command}",
    ]
