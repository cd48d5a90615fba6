"""The table for other programs and papers: nothing else on standard output, nothing they cannot take."""

import csv
import io
import json
import re

import pytest
from synthetic_runs import config, write_run


@pytest.fixture
def printed(report):
    """Print the table of some runs in a format; give what standard output had."""

    def run(root, name, *options):
        status, output, errors = report(root, "--format", name, *options)
        assert status == 0, errors
        return output

    return run


def test_json_has_numbers_as_numbers_and_what_is_not_known_as_null(printed, sweep):
    told = json.loads(printed(sweep, "json"), parse_constant=lambda name: pytest.fail(name))
    assert told["runs"] == 24
    [task] = told["tasks"]
    assert task["verdict"].startswith("adam solves 11 of 12 runs, sgd 1 of 12")
    assert len(task["groups"]) == 8
    first = next(g for g in task["groups"] if (g["task.seq_len"], g["optim.name"]) == (150, "adam"))
    assert (first["runs"], first["solved"], first["succeeded"]) == (3, 3, 3)
    assert 0 < first["updates_to_0.05"] < first["updates_to_0.001"]
    late = [group for group in task["groups"] if group["updates_to_0.001_later_than"] is not None]
    assert {group["updates_to_0.001_later_than"] for group in late} == {20_000}
    assert all(group["updates_to_0.001"] is None for group in late)


def test_csv_has_a_row_for_each_group_and_takes_no_formula(printed, tmp_path):
    write_run(tmp_path, config(init__name="=1+1"))
    write_run(tmp_path, config(init__name="identity"))
    rows = list(csv.DictReader(io.StringIO(printed(tmp_path, "csv"))))
    assert {row["init.name"] for row in rows} == {"'=1+1", "identity"}
    assert all(row["rate"] == "1.0" for row in rows)


def test_markdown_is_one_table_whose_rows_have_as_many_cells_as_its_head(printed, tmp_path):
    write_run(tmp_path, config(init__name="a|b*c"))
    write_run(tmp_path, config(init__name="identity"))
    lines = printed(tmp_path, "markdown").splitlines()
    assert len(lines) == 4
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert set(lines[1]) <= set("| -:")
    assert r"a\|b\*c" in lines[2] + lines[3]


def test_latex_takes_every_character_a_name_may_have(printed, tmp_path):
    write_run(tmp_path, config(init__name=r"50%_of\all{$x^2~&#}<>"))
    write_run(tmp_path, config(init__name="identity"))
    text = printed(tmp_path, "latex")
    assert (
        r"50\%\_of\textbackslash{}all\{\$x\textasciicircum{}2\textasciitilde{}\&\#\}\textless{}\textgreater{}"
        in text
    )
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 3
    assert len({len(re.findall(r"(?<!\\)&", row)) for row in rows}) == 1
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1


def test_notes_go_to_standard_error(report, tmp_path):
    write_run(tmp_path / "runs", config(0, optim="adam"))
    write_run(tmp_path / "runs", config(0, optim="sgd"), "exhausted")
    (tmp_path / "runs" / "half-written").mkdir()
    compared = ["--compare", "optim=adam", "optim=sgd"]
    status, output, errors = report(tmp_path / "runs", "--format", "json", *compared)
    assert status == 0
    [task] = json.loads(output)["tasks"]
    assert task["comparison"][0].startswith("The data cannot tell")
    assert "Skipped half-written" in errors
    assert "The data cannot tell" in errors
    assert json.loads(output)["skipped"][0]["reason"]


@pytest.mark.parametrize("name", ["markdown", "latex"])
def test_each_of_several_tasks_has_a_table_of_its_own(printed, tmp_path, name):
    for task in ("adding", "temporal_order"):
        write_run(tmp_path, config(), task=task)
    text = printed(tmp_path, name)
    assert len(text.split("\n\n")) >= 2
    assert "accuracy" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "xml"], "invalid choice: 'xml'"),
        (["--format", "json", "--watch", "1"], "--format prints the table once; leave --watch out"),
    ],
)
def test_a_format_that_makes_no_sense_is_refused(report, sweep, options, message):
    status, output, errors = report(sweep, *options)
    assert (status, output) == (2, "")
    assert message in errors
