"""A search with Optuna whose every trial is a run folder, and that can be killed and asked for again.

A trial's settings depend on the search's seed, its number and the trials that ended before it; a trial that
was under way is taken up again with its settings. So a search that was killed ends as one that was not.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus

from irnn.runs.identity import is_once
from irnn.sweeps.grid import without_bookkeeping
from irnn.sweeps.job import DIVERGED_OBJECTIVE
from irnn.sweeps.returns import JobLeftError, error_of
from irnn.sweeps.space import Space
from irnn.sweeps.study_seals import seal_asked, seal_told

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Plan:
    """How long a search is, how many trials are asked for together, and where its chance comes from."""

    trials: int
    together: int
    seed: int
    random_trials: int


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
                trial = Trial(study, frozen._trial_id)
                seal_asked(trial)  # an older irnn did not, nor one that was killed before
                batch.append(trial)
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
    trial = study.ask(fixed_distributions=dict(varied))
    seal_asked(trial)
    return trial


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
            value = float(returned.return_value)
            seal_told(trial, value)
            study.tell(trial.number, value)
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
    words = without_bookkeeping(overrides_of(best, space.fixed))
    command = shlex.join(word for word in words if not is_once(word))
    return [
        f"best of {count} trials: number {best.number}, best score {best.value:.5f}",
        f"  python -m irnn.train {command}",
    ]
