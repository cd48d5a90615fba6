"""What others published of a task: a table a task, read and checked, of scores as of updates."""

from pathlib import Path

import pytest

from irnn.spec import registry
from irnn.spec.errors import PublishedError
from irnn.tasks import published_rows
from irnn.tasks.published_rows import COLUMNS, SOURCES, read, rows_of

TABLES = sorted((Path(published_rows.__file__).parent / "published").glob("*.csv"))
GOOD = {
    "source": "A paper",
    "model": "RNN",
    "hidden": "100",
    "seq_len": "784",
    "variant": "permuted",
    "batch": "16",
    "optimizer": "adam",
    "metric": "accuracy",
    "threshold": "",
    "updates": "",
    "solved": "",
    "runs": "",
    "value": "0.97",
    "label": "paper",
    "note": "",
}


def table(folder: Path, **changed: str) -> Path:
    path = folder / "rows.csv"
    path.write_text(f"{','.join(COLUMNS)}\n{','.join({**GOOD, **changed}.values())}\n")
    return path


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_table_is_of_a_task_and_in_its_metrics(path: Path) -> None:
    cls = registry.get("task", path.stem)
    metric = cls().metric
    assert cls.published() == rows_of(path.stem) != ()
    for row in cls.published():
        assert row.metric in (metric.name, metric.loss)
        assert row.seq_len >= 2
        assert row.label in SOURCES


def test_pixels_have_published_scores_with_their_source() -> None:
    rows = {(row.model, row.variant): row for row in rows_of("pixels") if row.hidden == "256"}
    assert rows["IRNN, tuned", "row by row"].outcome == "accuracy 0.985"
    assert rows["IRNN, tuned", "permuted"].value == 0.925
    assert rows_of("no_such_task") == ()


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({}, "accuracy 0.97"),
        ({"value": "", "threshold": "0.9", "updates": "14000"}, "14,000 updates to accuracy > 0.9"),
        (
            {"threshold": "0.9", "solved": "2", "runs": "3"},
            "2 of 3 runs to accuracy > 0.9; accuracy 0.97",
        ),
        (
            {"metric": "mse", "threshold": "0.05", "solved": "0", "runs": "15", "value": ""},
            "0 of 15 runs to MSE < 0.05",
        ),
    ],
)
def test_a_row_is_a_score_or_what_it_took_to_pass_one(tmp_path, changed, outcome) -> None:
    [row] = read(table(tmp_path, **changed))
    assert row.outcome == outcome


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"value": "97 %"}, "value=97 % must be a number of at least 0"),
        ({"value": ""}, "must have a value, or a threshold and what it took to pass it"),
        ({"value": "nan"}, "value=nan must be a number"),
        ({"metric": "f1"}, "metric=f1 must be one of mse, cross_entropy, accuracy"),
        ({"label": "heard"}, "label=heard must be one of paper, code, derived, unverified"),
        ({"source": ""}, "source must be given"),
        ({"batch": "1.5"}, "batch=1.5 must be a whole number"),
        ({"seq_len": "0"}, "seq_len=0 must be a number of at least 1"),
        ({"threshold": "0.9"}, "threshold goes with updates, or with solved and runs"),
        ({"updates": "100"}, "threshold goes with updates, or with solved and runs"),
        ({"threshold": "0.9", "solved": "2"}, "solved goes with runs"),
        ({"note": "one, two"}, "needs 15 values"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(tmp_path, changed, said) -> None:
    path = table(tmp_path, **changed)
    with pytest.raises(PublishedError) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}, line 2: ")
    assert said in str(refused.value)


def test_a_table_with_other_columns_is_refused(tmp_path) -> None:
    (tmp_path / "rows.csv").write_text("model,T\nRNN,100\n")
    with pytest.raises(
        PublishedError, match=r"rows.csv, line 1: the columns must be source,model,"
    ):
        read(tmp_path / "rows.csv")
