"""One damaged run costs no other its report: whatever stands in its files, it is counted or named."""

import io
import itertools
import json
import os

import pytest
from rich.console import Console
from synthetic_runs import config, write_run

from irnn.reporting import export, table
from irnn.reporting.charts import chart_data
from irnn.reporting.page import render_page
from irnn.reporting.provenance import warnings
from irnn.reporting.select import select
from irnn.reporting.settings import is_shown
from irnn.reporting.summary import summarise
from irnn.reporting.text import printable

pytestmark = pytest.mark.timeout(120)
NAMES = ("result.json", "config.yaml", "provenance.json", "metrics.jsonl")
STRANGE = [
    None, True, -1, 10**400, "", "\ud800", "\x1b[31mred", "[red]", "$x$", "=1", "9" * 5000,
    [], [[]], {}, {"": {"": 1}}, [{"step": None, "reason": [], "action": {}}], float("nan"),
    {"0.1": [1], "0.01": True, "x": {}},
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two sound runs and one to damage, with what its files hold."""
    root = tmp_path_factory.mktemp("survives") / "runs"
    for optim in ("adam", "sgd"):
        write_run(root, optim=optim)
    damaged = write_run(root, optim="rmsprop")
    return root, damaged, {name: (damaged / name).read_bytes() for name in NAMES}


@pytest.fixture
def made(place, tmp_path):
    """Damage one file of one run, make a whole report but its pictures, and give back what was loaded."""
    root, damaged, files = place

    def make(name, content, unfinished=False):
        for each, whole in files.items():
            (damaged / each).write_bytes(whole)
        if unfinished:
            (damaged / "result.json").unlink()
        (damaged / name).write_bytes(content)
        loaded = select([str(root)])
        summary = summarise(loaded.runs)
        Console(file=io.StringIO()).print(table.render(loaded, [summary], warnings(loaded), 100))
        page = render_page(loaded, [summary], None, chart_data(summary), tmp_path)
        page.encode()
        assert "\x1b" not in page
        export.write_csv(export.rows(loaded.runs), tmp_path / "summary.csv")
        assert len(loaded.runs) + len(loaded.skipped) == 3
        assert len(loaded.runs) >= 2
        return loaded

    yield make
    for each, whole in files.items():
        (damaged / each).write_bytes(whole)


def test_any_value_of_a_result_costs_no_report(made, place):
    result = json.loads(place[2]["result.json"])
    for key, value in list(itertools.product(result, STRANGE))[::5]:
        made("result.json", json.dumps({**result, key: value}).encode())


@pytest.mark.parametrize("section", ["task", "optim", "stop", "tracker", "seed"])
def test_any_value_of_a_configuration_costs_no_report(made, place, section):
    result = json.loads(place[2]["result.json"])
    for value in STRANGE:
        changed = {**result["config"], section: value}
        made("result.json", json.dumps({**result, "config": changed}).encode())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"5", b"[]", b"{}", b"\xff\xfe", b"[" * 99_999, b'{"a":' * 50_000, b"9" * 5000],
)  # fmt: skip
def test_any_content_of_a_file_costs_no_report(made, name, content):
    made(name, content, unfinished=name == "config.yaml")


def test_a_configuration_cut_anywhere_is_named_or_whole(made, place):
    whole = place[2]["config.yaml"]

    def settings(loaded):
        return [
            {key: value for key, value in run.settings.items() if is_shown(key)}
            for run in loaded.runs
            if not run.finished
        ]

    sound = settings(made("config.yaml", whole, unfinished=True))
    assert len(sound) == 1
    for cut in (0, 5, 10, 11, 40, 100, 200, 300, len(whole) - 60, len(whole) - 1):
        loaded = made("config.yaml", whole[:cut], unfinished=True)
        named = [skipped.reason for skipped in loaded.skipped]
        assert named or settings(loaded) == sound


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("optim: 0\n", "optim is no section of settings"),
        ("task: adding\n", "task is no section of settings"),
        ("1: 2\n", "a name that is no text"),
        ("seed: 1\n", "it lacks task, runs_dir"),
        ("a: &a [1]\nb: *a\n", "has aliases"),
        ("a: 2001-99-99\n", "not readable YAML"),
    ],
)
def test_a_configuration_that_is_none_is_named(made, text, reason):
    assert reason in made("config.yaml", text.encode(), unfinished=True).skipped[0].reason


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_file_is_named_and_not_waited_for(made, place, name):
    _, damaged, files = place
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()):
        (damaged / name).unlink()
        make(damaged / name)
        loaded = select([str(damaged.parent)])
        assert len(loaded.runs) + len(loaded.skipped) == 3
        told = [s.reason for s in loaded.skipped] + list(loaded.notes)
        assert any("not a file" in line for line in told) or name == "config.yaml"
        if (damaged / name).is_dir() and not (damaged / name).is_symlink():
            (damaged / name).rmdir()
        else:
            (damaged / name).unlink()
        (damaged / name).write_bytes(files[name])


def test_a_file_without_end_is_named_by_its_size(made, place):
    damaged = place[1]
    for name, size in (("result.json", 300), ("metrics.jsonl", 300)):
        with (damaged / name).open("r+b") as file:
            file.truncate(size * 1_000_000)
        loaded = select([str(damaged.parent)])
        told = [s.reason for s in loaded.skipped] + list(loaded.notes)
        assert any(f"{name} holds {size} MB" in line for line in told)
        (damaged / name).write_bytes(place[2][name])


def test_a_long_record_is_bounded_too(report, tmp_path):
    with (tmp_path / "results.jsonl").open("wb") as file:
        file.truncate(300_000_000)
    status, _, errors = report(tmp_path)
    assert status == 2
    assert "results.jsonl holds 300 MB" in errors


def test_names_that_move_a_cursor_or_are_no_text_are_shown_as_what_they_are():
    assert printable("a\x1b[2Jb\ud800\u202ec") == "a\ufffd[2Jb\ufffd\ufffdc"
    assert printable("a\nb\tc\u00a0d") == "a b c d"
    assert printable("größe 数 ☃") == "größe 数 ☃"


def test_a_folder_whose_name_is_no_text_is_reported_and_linked(report, tmp_path):
    root = tmp_path / os.fsdecode(b"r\xff")
    write_run(tmp_path / "plain", config(seed=1)).parent.rename(root)
    status, _, errors = report(root, "--out", tmp_path / "out")
    assert (status, errors) == (0, "")
    assert "/r%FF/" in (tmp_path / "out" / "report.html").read_text()


def test_markup_and_formulas_in_settings_are_text_everywhere(report, tmp_path):
    strange = ("[red]x[/red]", "=HYPERLINK(1)", "$\\nosuch{$", "<b>x</b>")
    for number, name in enumerate(strange):
        write_run(tmp_path / "runs", config(seed=number, model__name=name))
    status, screen, errors = report(tmp_path / "runs", "--out", tmp_path / "out")
    assert (status, errors) == (0, "")
    assert all(name in screen for name in strange)
    assert "<b>x</b>" not in (tmp_path / "out" / "report.html").read_text()
    text = (tmp_path / "out" / "summary.csv").read_text()
    assert "'=HYPERLINK(1)" in text
    assert ",=HYPERLINK" not in text
