"""Sweeps: chosen by the file that the runner writes, or else by the tracker's group."""

import json
import threading
import time

import pytest
from synthetic_runs import write_run

JOB = {"run_id": "irnn-to-come", "overrides": ["seq_len=150", "seed=7"]}
COMMAND = ["python", "-m", "irnn.train", "-m", "seq_len=150", "seed=range(3)"]


def write_sweep_file(root, name, jobs, **other):
    folder = root / ".sweeps" / name
    folder.mkdir(parents=True)
    entry = {"schema": 1, "name": name, "command": COMMAND, "jobs": jobs, **other}
    (folder / "sweep.json").write_text(json.dumps(entry))
    return folder / "sweep.json"


def job(folder):
    return {"run_id": folder.name, "overrides": [folder.name]}


def test_a_run_of_two_sweeps_belongs_to_both(report, tmp_path):
    first, shared, last = (write_run(tmp_path, seed=seed) for seed in range(3))
    write_sweep_file(tmp_path, "early", [job(first), job(shared)])
    write_sweep_file(tmp_path, "late", [job(shared), job(last)])
    for name in ("early", "late"):
        assert report(tmp_path, "--sweep", name)[1].startswith(f"{name}: 2 runs: 2 solved\n")
    assert report(tmp_path)[1].startswith("3 runs")


def test_a_sweeps_file_counts_more_than_the_trackers_group(report, tmp_path):
    mine = write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=1, tracker__group="paper")
    write_sweep_file(tmp_path, "paper", [job(mine)])
    assert report(tmp_path, "--sweep", "paper")[1].startswith("paper: 1 run: 1 solved\n")


def test_jobs_not_started_are_left_and_named(report, tmp_path):
    write_sweep_file(tmp_path, "demo", [job(write_run(tmp_path)), JOB])
    status, screen, _ = report(tmp_path, "--sweep", "demo", "--out", tmp_path / "out")
    assert status == 0
    assert screen.startswith("demo: 1 run: 1 solved, 1 left\n")
    assert "left to start: seq_len=150 seed=7" in screen
    page = (tmp_path / "out" / "report.html").read_text()
    assert "1 left to start" in page
    assert "seq_len=150 seed=7" in page


def test_the_report_shows_the_command_that_makes_the_sweep_again(report, tmp_path):
    write_sweep_file(tmp_path, "demo", [job(write_run(tmp_path))])
    _, screen, _ = report(tmp_path, "--sweep", "demo", "--out", tmp_path / "out")
    assert "python -m irnn.train -m seq_len=150 'seed=range(3)'" in screen
    page = (tmp_path / "out" / "report.html").read_text()
    assert "python -m irnn.train -m seq_len=150 &#39;seed=range(3)&#39;</code>" in page
    assert "irnn.report" in page


def test_a_run_folder_given_as_path_finds_the_sweeps_of_its_root(report, tmp_path):
    folder = write_run(tmp_path)
    write_sweep_file(tmp_path, "demo", [job(folder), JOB])
    assert report(folder, "--sweep", "demo")[1].startswith("demo: 1 run: 1 solved, 1 left")


def test_an_unknown_sweep_is_refused_with_those_that_exist(report, tmp_path):
    write_sweep_file(tmp_path, "demo", [job(write_run(tmp_path, tracker__group="night"))])
    status, _, errors = report(tmp_path, "--sweep", "dema")
    assert status == 2
    assert "--sweep dema: no such sweep" in errors
    assert "sweeps there: demo; tracker groups: night" in errors


def test_a_sweep_of_which_nothing_has_started_says_so(report, tmp_path):
    write_sweep_file(tmp_path, "demo", [JOB])
    status, _, errors = report(tmp_path, "--sweep", "demo")
    assert status == 2
    assert "none of its 1 runs is in" in errors


def test_a_sweep_of_which_no_run_meets_a_condition_says_which_values_there_are(report, tmp_path):
    write_sweep_file(tmp_path, "demo", [job(write_run(tmp_path, seed=3)), JOB])
    status, _, errors = report(tmp_path, "--sweep", "demo", "--where", "seed=99")
    assert status == 2
    assert errors.endswith("meets seed=99: seed is 3\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"jobs": 3}',
        '{"jobs": [1]}',
        '{"jobs": [{"run_id": []}]}',
        "[" * 10**5,
    ],
)
def test_a_damaged_sweep_is_refused_by_name(report, tmp_path, text):
    write_run(tmp_path)
    write_sweep_file(tmp_path, "demo", []).write_text(text)
    status, _, errors = report(tmp_path, "--sweep", "demo")
    assert status == 2
    assert "sweep.json is damaged; remove it" in errors
    assert "Traceback" not in errors


def test_a_sweep_of_another_schema_is_warned_about(report, tmp_path):
    write_sweep_file(tmp_path, "demo", [job(write_run(tmp_path))], schema=9)
    assert "sweep demo has schema 9" in report(tmp_path, "--sweep", "demo")[1]


@pytest.mark.parametrize(
    "text", ['{"schema": 2, "jobs": {"a": 1}}', '{"schema": 2, "jobs": [], "digest": "of its own"}']
)
def test_a_sweep_of_a_newer_irnn_is_not_called_damaged(report, tmp_path, text):
    write_run(tmp_path)
    write_sweep_file(tmp_path, "demo", []).write_text(text)
    status, _, errors = report(tmp_path, "--sweep", "demo")
    assert status == 2
    said = "was written by a newer irnn (schema 2; this one knows 1): update irnn, or choose runs"
    assert said in errors
    assert "damaged" not in errors


@pytest.mark.parametrize(
    ("old", "new"), [('"status": "solved"', '"status": "paused"'), ('"steps"', '"updates"')]
)
def test_a_result_of_a_newer_irnn_that_cannot_be_read_is_skipped_as_that(
    report, tmp_path, old, new
):
    write_run(tmp_path, seed=0)
    result = write_run(tmp_path, seed=1) / "result.json"
    result.write_text(result.read_text().replace('"schema": 1', '"schema": 2').replace(old, new))
    screen = report(tmp_path)[1]
    assert "result.json was written by a newer irnn (schema 2; this one knows 1): update" in screen


def test_watch_waits_for_the_sweep_and_for_the_jobs_left_to_start(report, tmp_path):
    here = write_run(tmp_path, seed=0)
    later = write_run(tmp_path / "elsewhere", seed=1)
    root = tmp_path / "root"
    root.mkdir()
    here.rename(root / here.name)

    def start():
        time.sleep(0.5)
        write_sweep_file(root, "demo", [job(here), job(later)])
        time.sleep(0.5)
        later.rename(root / later.name)

    thread = threading.Thread(target=start)
    thread.start()
    status, screen, _ = report(root, "--sweep", "demo", "--watch", "0.1")
    thread.join()
    assert status == 0
    assert screen.splitlines()[:3] == [
        f"Waiting: there is no sweep demo in {root} yet (none is there)",
        "demo: 1 run: 1 solved, 1 left",
        "demo: 2 runs: 2 solved",
    ]
