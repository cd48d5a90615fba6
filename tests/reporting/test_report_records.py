"""A record, one file for many runs, is reported as the folders that it was made of."""

import json
import math

import pytest
from synthetic_runs import write_run
from tests.record_scripts import script

from irnn.report import main
from irnn.reporting.folders import find_folders
from irnn.reporting.load import load_runs
from irnn.reporting.summary import summarise


def load(path):
    return load_runs(find_folders([str(path)]))


@pytest.fixture
def folders(tmp_path):
    made = [write_run(tmp_path / "runs", seed=seed, solve_at=4000) for seed in range(3)]
    made.append(write_run(tmp_path / "runs", seed=0, optim="sgd", status="diverged"))
    made.append(write_run(tmp_path / "runs", seed=1, optim="sgd", finish=False))
    for folder in made:
        path = folder / "provenance.json"
        path.write_text(
            json.dumps({"process": "python -m irnn.train", **json.loads(path.read_text())})
        )
    return made


@pytest.fixture
def record(tmp_path, folders):
    place = tmp_path / "records" / "one"
    place.mkdir(parents=True)
    rows = [script("collect").row(folder) for folder in folders]
    (place / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def test_a_record_says_of_its_runs_what_their_folders_say(tmp_path, record):
    there = {run.run_id: run for run in load(tmp_path / "runs").runs}
    runs = load(record).runs
    assert {run.run_id for run in runs} == set(there)
    for run in runs:
        for name in ("status", "seed", "steps", "solved_at", "schema", "command", "divergences"):
            assert getattr(run, name) == getattr(there[run.run_id], name), name
        for name in ("value", "best_value", "test_loss", "train_loss", "seconds"):
            assert getattr(run, name) == pytest.approx(
                getattr(there[run.run_id], name), nan_ok=True
            ), name
        where = {"runs_dir", "tracker.group"}
        known = {k: v for k, v in there[run.run_id].settings.items() if k not in where}
        assert {k: v for k, v in run.settings.items() if k not in where} == known
        for fact in (
            "git.commit",
            "versions.torch",
            "machine.cpu",
            "kernel",
            "instruction_set",
            "process",
        ):
            assert run.provenance[fact] == there[run.run_id].provenance[fact]
        assert run.curve.step[-1] == there[run.run_id].curve.step[-1]


def test_a_record_and_its_folders_give_the_same_summary(tmp_path, record):
    ours, theirs = (summarise(load(path).runs) for path in (record, tmp_path / "runs"))
    assert ours.labels == theirs.labels
    for one, other in zip(ours.groups, theirs.groups, strict=True):
        assert (one.values, one.counts, one.rate) == (other.values, other.counts, other.rate)
        assert one.crossings == other.crossings


def test_records_are_found_below_a_folder_of_them_and_beside_runs(tmp_path, record, folders):
    assert len(load(tmp_path / "records").runs) == len(folders)
    loaded = load(tmp_path)
    assert len(loaded.runs) == len(folders)
    assert len(loaded.skipped) == len(folders)
    assert all("same run_id" in skipped.reason for skipped in loaded.skipped)


def test_a_run_folder_with_a_file_of_that_name_is_still_a_run(tmp_path, folders):
    (folders[0] / "results.jsonl").write_text("mine\n")
    assert load(folders[0]).runs[0].path == folders[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2: "),
        ("[1]", "line 2: it holds no run with its config"),
        ('{"status": "solved", "steps": 1, "config": {"seed": 1}}', "line 2: it lacks solved_at"),
        (
            '{"status": "solved", "steps": 1, "solved_at": {}, "config": {"seed": 1}, "curve": [3]}',
            "line 2: curve is not a list of [update, number]",
        ),
        (
            '{"status": "solved", "steps": 1, "solved_at": {}, "config": {"seed": 1}, "curve": 3}',
            "line 2: curve is not a list of [update, number]",
        ),
    ],
)
def test_a_line_that_is_no_run_is_named_and_the_others_are_read(record, line, reason):
    path = record / "results.jsonl"
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([first, line, *others]))
    loaded = load(record)
    assert len(loaded.runs) == len(others) + 1
    (skipped,) = loaded.skipped
    assert skipped.path == path
    assert skipped.reason.startswith(reason)


def test_an_unfinished_run_of_a_record_is_shown_and_not_waited_for(record, capsys):
    (run,) = [run for run in load(record).runs if not run.finished]
    assert math.isnan(run.last_written)
    assert main([str(record), "--watch", "0.1"]) == 0
    assert main([str(record)]) == 0
    assert f"unfinished: {run.run_id}" in (shown := capsys.readouterr().out)
    assert "when results.jsonl was made" in shown


def test_a_page_of_a_record_links_to_its_file(record, tmp_path):
    assert main([str(record), "--out", str(tmp_path / "records" / "page")]) == 0
    page = (tmp_path / "records" / "page" / "report.html").read_text()
    assert 'href="../one/results.jsonl"' in page
    assert "metrics.jsonl" not in page


def collect(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["collect.py", *map(str, words)])
    script("collect").main()


def test_runs_are_added_to_a_record_and_nothing_in_it_is_lost(tmp_path, record, monkeypatch):
    path = record / "results.jsonl"
    before = {row["run_id"]: row for row in map(json.loads, path.read_text().splitlines())}
    (unfinished,) = [name for name, row in before.items() if row["status"] == "unfinished"]
    (exploded,) = [name for name, row in before.items() if row["status"] == "diverged"]
    elsewhere = tmp_path / "elsewhere"
    finished = write_run(elsewhere, seed=1, optim="sgd", status="exhausted")
    finished = finished.rename(elsewhere / unfinished)
    again = write_run(elsewhere, seed=0, optim="sgd", status="exhausted").rename(
        elsewhere / exploded
    )
    new = write_run(elsewhere, seed=7, solve_at=2000)
    for folder, name in ((finished, unfinished), (again, exploded), (new, new.name)):
        for part in ("provenance.json", "result.json"):
            facts = json.loads((folder / part).read_text())
            facts.update(
                {"process": "python -m irnn.train"} if part[0] == "p" else {"run_id": name}
            )
            (folder / part).write_text(json.dumps(facts))
    collect(monkeypatch, elsewhere, "--into", path)
    after = {row["run_id"]: row for row in map(json.loads, path.read_text().splitlines())}
    assert set(after) == {*before, new.name}
    assert after[unfinished]["status"] == "exhausted"
    assert {n: r for n, r in after.items() if n in before and n != unfinished} == {
        name: row for name, row in before.items() if name != unfinished
    }


def test_the_runs_of_one_sweep_make_a_new_record(tmp_path, folders, monkeypatch):
    jobs = [{"run_id": folder.name, "overrides": []} for folder in folders[-2:]]
    place = tmp_path / "runs" / ".sweeps" / "mine"
    place.mkdir(parents=True)
    (place / "sweep.json").write_text(json.dumps({"jobs": jobs}))
    path = tmp_path / "results.jsonl"
    collect(monkeypatch, tmp_path / "runs", "--sweep", "mine", "--into", path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted(row["status"] for row in rows) == ["diverged", "unfinished"]


def test_a_record_says_where_else_a_run_was_made(tmp_path, folders):
    path = folders[0] / "provenance.json"
    first = json.loads(path.read_text())
    other = {**first, "instruction_set": "avx512"}
    path.write_text(json.dumps({**first, "sessions": [first, first, other]}))
    row = script("collect").row(folders[0])
    assert [place["instruction_set"] for place in row["later_sessions"]] == ["avx512"]
    assert "later_sessions" not in script("collect").row(folders[1])
    place = tmp_path / "records" / "one"
    place.mkdir(parents=True)
    (place / "results.jsonl").write_text(json.dumps(row) + "\n")
    (run,) = load(place).runs
    assert [run.provenance["instruction_set"], run.later[0]["instruction_set"]] == [
        "avx2",
        "avx512",
    ]
