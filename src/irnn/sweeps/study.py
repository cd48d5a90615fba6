"""The study of a search, which Optuna keeps in a SQLite file: opened alone, and held to what is searched."""

import math
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from filelock import Timeout

from irnn.runs.files import StorageError, storage_error
from irnn.runs.layout import NOT_SCIENCE
from irnn.runs.locking import Lock
from irnn.runs.ownership import BusyError
from irnn.runs.schemas import DamagedError, held_to, prepared
from irnn.spec.config import ConfigError
from irnn.sweeps import study_seals
from irnn.sweeps.grid import without_bookkeeping
from irnn.sweeps.space import Space
from irnn.system.atomic import make_durable
from irnn.system.exhausted import in_words

if TYPE_CHECKING:
    import optuna

BUSY_SECONDS = 5.0
"""How long another process may hold the file before it is said to."""
_TROUBLES = {
    "full": "free some space",
    "I/O": "see that its disk works and has space left",
    "unable to open": "see that its folder is there and writable",
    "readonly": "make it writable",
}
"""What SQLite says about a disk, rather than about the file, and what helps."""
_ANEW = (
    "remove it, and the same command searches anew: it asks for the same trials, and finished runs answer "
    "at once"
)


@prepared
class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What the study says was searched: the settings of all trials, and the distributions of the others."""

    settings: dict[str, Any]
    varied: dict[str, str]
    seal: str | None = None
    """The digest of the two; studies that an older irnn began have none."""


@prepared
class AskedInWords(msgspec.Struct, forbid_unknown_fields=True):
    """The same, as older searches said it: `fixed` are overrides."""

    fixed: list[str]
    varied: dict[str, str]


@contextmanager
def opened(folder: Path, name: str, space: Space) -> "Iterator[optuna.Study]":
    """Open the study of a search, alone.

    Raises:
        BusyError: Another process does this search.
        ConfigError: A search of this name was for something else; or its file is damaged, of another
            version of Optuna, or held by another program.
        StorageError: The folder cannot be made, or later the study not be written.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # its warnings are about ways of its own
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
        with _connecting(database) as connect:
            study = _open(database, connect, name, space)
            try:
                yield study
            except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
                raise _explained(database, error) from error
    finally:
        lock.release()


@contextmanager
def _connecting(database: Path) -> Iterator[Callable[[], sqlite3.Connection]]:
    """Make the file where there is none, and give what connects to it; all connections are closed in the end.

    SQLAlchemy would leave that to the garbage collector.
    """
    if database.exists() and not stat.S_ISREG(database.stat().st_mode):
        raise DamagedError(database, "it is not a file", _ANEW)

    try:
        database.touch()  # as the umask says, where SQLite would keep others of a shared folder out
        durable = make_durable(database)
    except OSError as error:
        raise storage_error(database, error) from error

    connections: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:  # by its path, which a URL would have to spell
        name = os.fspath(database)
        connection = sqlite3.connect(name, timeout=BUSY_SECONDS, check_same_thread=False)
        if not durable:
            connection.execute("PRAGMA synchronous = OFF")  # or each commit is an I/O error
        connections.append(connection)
        return connection

    try:
        yield connect
    finally:
        for connection in connections:
            connection.close()


def _open(
    database: Path, connect: Callable[[], sqlite3.Connection], name: str, space: Space
) -> "optuna.Study":
    """Read all of the file, and see that it is about this search."""
    import optuna

    try:
        study_seals.check_file(connect)
        storage = optuna.storages.RDBStorage(
            "sqlite:///optuna.db", engine_kwargs={"creator": connect}
        )
        study_seals.check_one(storage, name)
        study = optuna.create_study(
            study_name=name, storage=storage, direction="minimize", load_if_exists=True
        )
        _check_trials(study)
        study_seals.check_trials(study)
        _check_same(study, space, name)
    except ConfigError:
        raise
    except Exception as error:  # what Optuna makes of a file that is not its own has no end
        raise _explained(database, error) from error
    return study


def _check_trials(study: "optuna.Study") -> None:
    """Read every trial, and refuse one that is complete without a number."""
    if study.direction.name != "MINIMIZE":
        raise ValueError(f"its direction is {study.direction.name}")
    for trial in study.get_trials(deepcopy=False):
        if trial.state.name == "COMPLETE":
            value = trial.value
            if value is None or not math.isfinite(value):
                raise ValueError(f"its trial {trial.number} is complete with the value {value}")


def _explained(database: Path, error: BaseException) -> Exception:
    """Say what kind of trouble the file has, and what helps against it."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = in_words(error)
    if isinstance(error, RuntimeError) and "version" in reason:
        return ConfigError(
            f"{database} was written by another version of Optuna than the one here, {_version()}: install "
            "that version, or give this search another sweep.name"
        )
    if "is locked" in reason or "is busy" in reason:
        return ConfigError(
            f"{database} is held by another program ({reason}): close what has it open, and run the same "
            "command again; it continues from the trials that are told"
        )
    for trouble, remedy in _TROUBLES.items():
        if isinstance(error, sqlite3.OperationalError) and trouble in reason:
            return StorageError(
                f"cannot read or write {database}: {reason}; {remedy}; run the same command again: it "
                "continues from the trials that are told"
            )
    return DamagedError(database, reason, _ANEW)


def _version() -> str:
    import optuna

    return str(optuna.__version__)


def _check_same(study: "optuna.Study", space: Space, name: str) -> None:
    """Hold a search to what it was for; where runs are and how they are made is not part of that."""
    varied = {key: str(distribution) for key, distribution in sorted(space.varied.items())}
    asked: dict[str, Any] = {"settings": space.settings, "varied": varied}
    asked["seal"] = study_seals.digest(asked)
    known = study.user_attrs.get("asked")
    if known is None:
        study.set_user_attr("asked", asked)
        return
    if isinstance(known, dict) and "fixed" in known:
        before = held_to(known, AskedInWords)
        differences = _of_words(before.fixed, space.fixed)
    else:
        then = held_to(known, Asked)
        content = {"settings": then.settings, "varied": then.varied}
        if then.seal is not None and then.seal != study_seals.digest(content):
            raise ValueError("what it was asked for was changed")
        differences = _differences(then.settings, space.settings)
        before = AskedInWords([], then.varied)
    differences += _differences(before.varied, varied)
    if differences:
        raise ConfigError(
            f"sweep.name={name}: a search of this name was for something else:\n  "
            + "\n  ".join(differences)
            + "\n  give this one another sweep.name"
        )
    if known != asked:
        study.set_user_attr("asked", asked)


def _differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Name what two searches do not share."""
    missing = "not there"
    return [
        f"{key}: then {then.get(key, missing)}, now {now.get(key, missing)}"
        for key in sorted({*then, *now})
        if then.get(key, missing) != now.get(key, missing)
    ]


def _of_words(then: Sequence[str], now: Sequence[str]) -> list[str]:
    """Name the overrides that two searches do not share, of those that can change a result."""
    old, new = (
        {word for word in without_bookkeeping(words) if _matters(word)} for words in (then, now)
    )
    return [f"then {word}" for word in sorted(old - new)] + [
        f"now {word}" for word in sorted(new - old)
    ]


def _matters(word: str) -> bool:
    key = word.partition("=")[0].lstrip("+")
    return key in ("sweep", "runtime.dtype") or key.partition(".")[0] not in NOT_SCIENCE
