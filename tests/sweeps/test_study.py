"""A study goes on while what is searched is the same, and says in a sentence what it cannot go on from."""

import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus

from irnn.spec.composition import Composer
from irnn.spec.config import ConfigError
from irnn.spec.rewriting import rewritten
from irnn.sweeps import study as studies
from irnn.sweeps.search import Plan, batches, found, tell
from irnn.sweeps.space import Space, read_space
from irnn.sweeps.study import opened

optuna = pytest.importorskip("optuna")

SEARCH = ("task.seq_len=60", "optim=adam", "optim.lr=tag(log,interval(1e-4,1e-2))", "clip=1,10")
COMPOSER = Composer()


def space_of(*words: str) -> Space:
    parsed = OverridesParser.create().parse_overrides(rewritten(words))
    return read_space(parsed, COMPOSER.compose)


def asked_again(folder: Path, first: Sequence[str], again: Sequence[str]) -> None:
    for words in (first, again):
        with opened(folder, "s", space_of(*words)):
            pass


@pytest.mark.parametrize(
    "more",
    [
        ["runs_dir=./elsewhere"], ["runtime.threads=1"], ["tracker.timeout=3"], ["force=true"],
        ["unlock=true"], ["tracker=none"], ["runtime=cpu"], ["checkpoint.every=5"], ["sweep.jobs=1"],
        ["seq_len=60"], ["optim=adam", "batch_size=16"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_how_and_where_trials_are_made_is_not_what_is_searched(
    tmp_path: Path, more: list[str], database: bytes, empty: bytes
) -> None:
    (tmp_path / "optuna.db").write_bytes(database)
    with opened(tmp_path, "s", space_of(*SEARCH, *more)):
        pass
    (tmp_path / "optuna.db").write_bytes(empty)
    asked_again(tmp_path, [*SEARCH, *more], SEARCH)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("batch_size=4", "batch_size: then 16, now 4"),
        ("task.seq_len=70", "task.seq_len: then 60, now 70"),
        ("runtime.dtype=float64", "dtype: then float32, now float64"),
        (
            "optim.lr=tag(log,interval(1e-4,1e-1))",
            r"optim\.lr: then Float.*0\.01.*, now Float.*0\.1",
        ),
        ("clip=1,10,100", r"clip\.max_norm: then Categorical.*, now Categorical.*100"),
        ("init.gain=interval(0.9,1)", "init.gain: then (1.0|not there), now (not there|Float)"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, more: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s)for something else.*{told}.*another sweep.name"):
        asked_again(tmp_path, SEARCH, [*SEARCH, more])


def test_a_search_that_was_moved_goes_on(tmp_path: Path) -> None:
    plan = Plan(trials=3, together=1, seed=0, random_trials=3)
    space = space_of(*SEARCH, "runs_dir=old")
    with opened(tmp_path / "old", "s", space) as study:
        first = next(batches(study, space, plan))[0]
    (tmp_path / "old").rename(tmp_path / "new")
    space = space_of(*SEARCH, "runs_dir=new")
    with opened(tmp_path / "new", "s", space) as study:
        assert next(batches(study, space, plan))[0].params == first.params


def test_a_search_that_an_older_irnn_began_goes_on_and_says_it_anew(tmp_path: Path) -> None:
    words = (*SEARCH, "sweep=search")
    space = space_of(*words)
    varied = {key: str(each) for key, each in sorted(space.varied.items())}
    fixed = sorted([*space.fixed, "runs_dir=/gone", "tracker=none"])
    with opened(tmp_path, "s", space) as study:
        study.set_user_attr("asked", {"fixed": fixed, "varied": varied})
    with (
        pytest.raises(ConfigError, match=r"(?s)then task.seq_len=60\n +now task.seq_len=70"),
        opened(tmp_path, "s", space_of(*words, "task.seq_len=70")),
    ):
        pass
    with opened(tmp_path, "s", space_of(*words, "runtime.threads=1")) as study:
        asked = study.user_attrs["asked"]
        assert asked.pop("seal")
        assert asked == {"settings": space.settings, "varied": varied}


@pytest.mark.parametrize("name", ["q?x", "a%20b", "a#b", "ä ö", "a'b\"c", "x=1&y=2", "a%b"])
def test_a_study_lies_where_its_folder_is_whatever_that_is_called(
    tmp_path: Path, name: str
) -> None:
    for _ in range(2):
        with opened(tmp_path / name, "s", space_of(*SEARCH)) as study:
            study.ask()
            asked = len(study.trials)
    assert asked == 2
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "optuna.db").is_file()


def changed(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "optuna.db")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def newer(path: Path) -> None:
    changed(path.parent, "UPDATE alembic_version SET version_num = 'v99.0.0.a'")


def older(path: Path) -> None:
    changed(path.parent, "UPDATE alembic_version SET version_num = 'v0.9.0.a'")


def no_value(path: Path) -> None:
    changed(path.parent, "UPDATE trial_values SET value = NULL")


def no_values(path: Path) -> None:
    changed(path.parent, "DELETE FROM trial_values")


def null_attribute(path: Path) -> None:
    changed(path.parent, "UPDATE study_user_attributes SET value_json = 'null'")


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


def ended(value: float) -> JobReturn:
    returned = JobReturn(status=JobStatus.COMPLETED)
    returned.return_value = value
    return returned


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a search with one trial."""
    folder = tmp_path_factory.mktemp("search")
    space = space_of(*SEARCH)
    with opened(folder, "s", space) as study:
        tell(study, next(batches(study, space, Plan(1, 1, 0, 1))), [ended(0.25)])
    return (folder / "optuna.db").read_bytes()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of Optuna's without a study, which takes as long to make as all the rest of a test."""
    path = tmp_path_factory.mktemp("empty") / "optuna.db"
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    storage.engine.dispose()
    return path.read_bytes()


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


def test_a_study_whose_memory_of_what_it_was_for_is_gone_takes_this_one(
    tmp_path: Path, database: bytes
) -> None:
    (tmp_path / "optuna.db").write_bytes(database)
    null_attribute(tmp_path / "optuna.db")
    with opened(tmp_path, "s", space_of(*SEARCH)) as study:
        assert study.best_value == 0.25


def test_a_file_that_another_program_holds_is_not_a_matter_of_space(
    tmp_path: Path, database: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "BUSY_SECONDS", 0.1)
    (tmp_path / "optuna.db").write_bytes(database)
    holder = sqlite3.connect(tmp_path / "optuna.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with (
            pytest.raises(ConfigError, match=r"optuna\.db is held by another program") as caught,
            opened(tmp_path, "s", space_of(*SEARCH)),
        ):
            pass
    finally:
        holder.close()
    assert "space" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("optim.lr=interval(1,inf)", "both ends must be finite"),
        ("optim.lr=interval(nan,1.0)", "both ends must be finite"),
        ("optim.lr=tag(log,interval(0,1))", "begins above 0"),
        ("optim.lr=interval(2,1)", "the wrong way round"),
        ("seed=int(interval(0,1e300))", "cannot be searched"),
        ("seed=range(5,1)", "a sweep over nothing"),
        ("seed=range(1,9,0)", "zero"),
    ],
)
def test_what_optuna_cannot_vary_is_refused_by_its_key(word: str, told: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(word)}: .*{told}"):
        read_space(OverridesParser.create().parse_overrides([word]))


@pytest.mark.parametrize(
    ("word", "low", "high", "step"),
    [
        ("seed=range(1,10,3)", 1, 7, 3),
        ("seed=range(10,1,-3)", 4, 10, 3),
        ("seed=range(0,1000000000000)", 0, 999_999_999_999, 1),
    ],
)
def test_a_range_is_searched_to_its_end(word: str, low: int, high: int, step: int) -> None:
    varied: dict[str, Any] = read_space(OverridesParser.create().parse_overrides([word])).varied
    assert (varied["seed"].low, varied["seed"].high, varied["seed"].step) == (low, high, step)


def test_shuffled_choices_are_the_same_search_each_time() -> None:
    word = "seed=shuffle(range(1,9))"
    spaces = [read_space(OverridesParser.create().parse_overrides([word])).varied for _ in range(5)]
    assert spaces[1:] == spaces[:-1]
