"""A study goes on while what is searched is the same, and says in a sentence what it cannot go on from."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from irnn.spec.composition import Composer
from irnn.spec.config import ConfigError
from irnn.sweeps import study as studies
from irnn.sweeps.request import read_request
from irnn.sweeps.search import Plan, batches
from irnn.sweeps.study import opened
from tests.sweeps.searches import SEARCH, null_attribute, space_of

optuna = pytest.importorskip("optuna")


@pytest.mark.parametrize(
    ("word", "kind", "ends"),
    [
        ("seq_len=interval(10,20)", "IntDistribution", (10, 20)),
        ("model.hidden_size=tag(log,interval(16,256))", "IntDistribution", (16, 256)),
        ("clip=interval(1,20)", "FloatDistribution", (1.0, 20.0)),
    ],
)
def test_an_interval_of_a_whole_number_is_of_whole_numbers(
    word: str, kind: str, ends: tuple[float, float]
) -> None:
    """Hydra makes the ends of every interval decimals, which such a setting does not take."""
    (varied,) = read_request(["hydra/sweeper=optuna", word], Composer()).jobs[0][-1:]
    assert varied.endswith(f"={ends[0]}")
    (distribution,) = space_of(word).varied.values()
    assert type(distribution).__name__ == kind
    assert (distribution.low, distribution.high) == ends
    assert distribution.log == ("log" in word)


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
