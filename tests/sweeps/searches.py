"""What tests of searches share: a search, and changes of the file that it is kept in."""

import sqlite3
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus

from irnn.spec.composition import Composer
from irnn.spec.rewriting import rewritten
from irnn.sweeps.space import Space, read_space

SEARCH = ("task.seq_len=60", "optim=adam", "optim.lr=tag(log,interval(1e-4,1e-2))", "clip=1,10")
COMPOSER = Composer()


def space_of(*words: str) -> Space:
    parsed = OverridesParser.create().parse_overrides(rewritten(words))
    return read_space(parsed, COMPOSER.compose)


def changed(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "optuna.db")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def null_attribute(path: Path) -> None:
    changed(path.parent, "UPDATE study_user_attributes SET value_json = 'null'")


def ended(value: float) -> JobReturn:
    returned = JobReturn(status=JobStatus.COMPLETED)
    returned.return_value = value
    return returned
