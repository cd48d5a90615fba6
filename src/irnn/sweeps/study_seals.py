"""Seals on what a study holds, because SQLite does not notice a changed number.

A trial has two user attributes: `asked`, the digest of its settings, written when it is asked for, and
`told`, the digest of its value, written just before that is told. Studies that an older irnn began have
none, and are believed; those of their trials that are taken up again get both.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

    AnyTrial = optuna.trial.Trial | optuna.trial.FrozenTrial

_ASKED, _TOLD = "asked", "told"


def digest(content: Any) -> str:
    """Give the digest of what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def seal_asked(trial: "optuna.trial.Trial") -> None:
    """Seal the settings of a trial that is about to run, unless they are."""
    if _ASKED not in trial.user_attrs:
        trial.set_user_attr(_ASKED, _of_settings(trial))


def seal_told(trial: "optuna.trial.Trial", value: float) -> None:
    """Seal the value that a trial is about to be told to have."""
    trial.set_user_attr(_TOLD, _of_value(trial.number, value))


def check_trials(study: "optuna.Study") -> None:
    """Hold every trial to its seals.

    Raises:
        ValueError: One was changed, or is not there any more.
    """
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    numbers = [trial.number for trial in trials]
    if numbers != list(range(len(numbers))):
        raise ValueError(f"its trials are numbered {numbers}")
    for trial in trials:
        asked, told = trial.user_attrs.get(_ASKED), trial.user_attrs.get(_TOLD)
        if asked is not None and asked != _of_settings(trial):
            raise ValueError(f"the settings of its trial {trial.number} are not those asked for")
        if trial.state is not TrialState.COMPLETE:
            continue
        sealed = (asked is None) == (told is None)
        if not sealed or (told is not None and told != _of_value(trial.number, trial.value)):
            raise ValueError(f"the value of its trial {trial.number} is not the one told")


def check_file(connect: Callable[[], sqlite3.Connection]) -> None:
    """Let SQLite look whether its tables and indices are whole.

    Raises:
        ValueError: They are not.
    """
    connection = connect()
    try:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    finally:
        connection.close()
    if found != "ok":
        raise ValueError(" ".join(str(found).split()))


def check_one(storage: "optuna.storages.RDBStorage", name: str) -> None:
    """See that a file holds the study of its search and no other.

    Raises:
        ValueError: It does not.
    """
    held = [study.study_name for study in storage.get_all_studies()]
    if held not in ([], [name]):
        raise ValueError(f"it holds the study {', '.join(held)}, not {name}")


def _of_settings(trial: "AnyTrial") -> str:
    distributions = {key: str(value) for key, value in trial.distributions.items()}
    return digest([trial.number, trial.params, distributions])


def _of_value(number: int, value: float | None) -> str:
    return digest([number, value])
