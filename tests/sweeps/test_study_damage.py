"""A study's file that was damaged or changed is seen, and never taken for another study."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from irnn.spec.config import ConfigError
from irnn.sweeps.search import Plan, batches, found, tell
from irnn.sweeps.study import opened
from tests.sweeps.searches import SEARCH, changed, ended, space_of

pytest.importorskip("optuna")


def newer(path: Path) -> None:
    changed(path.parent, "UPDATE alembic_version SET version_num = 'v99.0.0.a'")


def older(path: Path) -> None:
    changed(path.parent, "UPDATE alembic_version SET version_num = 'v0.9.0.a'")


def no_value(path: Path) -> None:
    changed(path.parent, "UPDATE trial_values SET value = NULL")


def no_values(path: Path) -> None:
    changed(path.parent, "DELETE FROM trial_values")


def other_attribute(path: Path) -> None:
    changed(path.parent, "UPDATE study_user_attributes SET value_json = '{\"settings\": 5}'")


def no_json(path: Path) -> None:
    changed(path.parent, "UPDATE study_user_attributes SET value_json = '{'")


def no_table(path: Path) -> None:
    changed(path.parent, "DROP TABLE trials", "CREATE TABLE trials (x INTEGER)")


def no_text(path: Path) -> None:
    changed(path.parent, "UPDATE trials SET datetime_start = CAST(X'32ff' AS TEXT)")


def bad_distribution(path: Path) -> None:
    changed(path.parent, 'UPDATE trial_params SET distribution_json = \'{"name": "None"}\'')


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def text(path: Path) -> None:
    path.write_text("not a database " * 500)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES = [newer, older, no_value, no_values, other_attribute, no_json, no_table,
           bad_distribution, no_text, cut, text, pipe]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_file_that_is_damaged_or_of_another_version_says_what_to_do(
    tmp_path: Path, database: bytes, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "optuna.db"
    path.write_bytes(database)
    damage(path)
    remedy = "sweep.name" if damage in (newer, older) else "remove it"
    with (
        pytest.raises(ConfigError, match=rf"optuna\.db .*{remedy}") as caught,
        opened(tmp_path, "s", space_of(*SEARCH)) as study,
    ):
        found(study, space_of(*SEARCH))
    assert "free some space" not in str(caught.value)
    assert "optuna storage upgrade" not in str(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trial_values SET value = 0.2500000001",
        "UPDATE trial_params SET param_value = param_value * 1.01 WHERE param_name = 'optim.lr'",
        "UPDATE trial_params SET trial_id = 99 WHERE param_name = 'optim.lr'",
        "UPDATE trials SET number = 5",
        "UPDATE trials SET state = 'RUNNING', number = 1",
        "UPDATE studies SET study_name = 't'",
        "UPDATE study_directions SET direction = 'MAXIMIZE'",
        "UPDATE study_user_attributes SET value_json = replace(value_json, ' 60', ' 61')",
        "UPDATE trial_user_attributes SET key = 'asked.' WHERE key = 'asked'",
        "UPDATE trial_user_attributes SET key = 'told.' WHERE key = 'told'",
    ],
)
def test_a_number_changed_in_the_file_is_never_another_study(
    tmp_path: Path, database: bytes, statement: str
) -> None:
    (tmp_path / "optuna.db").write_bytes(database)
    changed(tmp_path, statement)
    with (
        pytest.raises(ConfigError, match=r"optuna\.db is damaged .*remove it"),
        opened(tmp_path, "s", space_of(*SEARCH)),
    ):
        pass


def test_an_index_that_is_broken_is_seen(tmp_path: Path, database: bytes) -> None:
    (tmp_path / "optuna.db").write_bytes(database)
    connection = sqlite3.connect(tmp_path / "optuna.db")
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'ix_trials_study_id'"
    ).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(database)
    last = root * size - 1
    while not content[last]:
        last -= 1
    content[last] ^= 1
    (tmp_path / "optuna.db").write_bytes(content)
    with (
        pytest.raises(ConfigError, match=r"optuna\.db is damaged .*index"),
        opened(tmp_path, "s", space_of(*SEARCH)),
    ):
        pass


def test_a_study_that_an_older_irnn_began_has_no_seals_and_goes_on(
    tmp_path: Path, database: bytes
) -> None:
    (tmp_path / "optuna.db").write_bytes(database)
    changed(tmp_path, "DELETE FROM trial_user_attributes")
    with opened(tmp_path, "s", space_of(*SEARCH)) as study:
        assert study.best_value == 0.25


def test_a_trial_without_seals_that_is_taken_up_again_ends_as_one_of_a_whole_study(
    tmp_path: Path, empty: bytes
) -> None:
    """As an older irnn left it when it was killed, or a kill just after the trial was asked for."""
    (tmp_path / "optuna.db").write_bytes(empty)
    space, plan = space_of(*SEARCH), Plan(2, 1, 0, 2)
    with opened(tmp_path, "s", space) as study:
        next(batches(study, space, plan))
    changed(tmp_path, "DELETE FROM trial_user_attributes")
    with opened(tmp_path, "s", space) as study:
        tell(study, next(batches(study, space, plan)), [ended(0.25)])
    with opened(tmp_path, "s", space) as study:
        assert study.best_value == 0.25
        assert sorted(study.trials[0].user_attrs) == ["asked", "told"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_flipped_bit_makes_another_study(tmp_path: Path, database: bytes) -> None:
    random = Random(0)
    space = space_of(*SEARCH)
    written = [place for place, byte in enumerate(database) if byte]
    for trial in range(120):
        content = bytearray(database)
        content[random.choice(written)] ^= 1 << random.randrange(8)
        (tmp_path / f"{trial}").mkdir()
        (tmp_path / f"{trial}" / "optuna.db").write_bytes(content)
        try:
            with opened(tmp_path / f"{trial}", "s", space) as study:
                found_value, params = study.best_value, study.best_params
        except ConfigError as error:
            told = str(error)
        else:
            told = "optuna.db" if (found_value, len(params)) == (0.25, 2) else "another study"
        assert "optuna.db" in told
