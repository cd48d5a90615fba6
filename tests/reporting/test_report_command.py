"""`python -m irnn.report`: what a user types, sees and finds written."""

import csv
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from synthetic_runs import config, write_run

from irnn.report import _one_thread_for_algebra, main
from irnn.reporting import export, write


def test_the_table_shows_every_group_from_any_directory(report, sweep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, screen, _ = report(sweep)
    assert status == 0
    assert screen.startswith("24 runs: 12 solved, 5 exhausted, 7 diverged")
    row = next(line for line in screen.splitlines() if "400" in line and "adam" in line)
    assert "67 % (21 to 94)" in row
    assert "15,000" in row


def test_without_out_nothing_is_written(report, sweep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert report(sweep)[0] == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_command", [True, False])
def test_a_caller_s_environment_is_as_it_was(is_command, sweep, monkeypatch):
    """NumPy is loaded for one thread in the command's own process, which is no setting of others."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setattr(sys, "argv", ["irnn-report", str(sweep)])
    before = dict(os.environ)
    assert main(None if is_command else [str(sweep)]) == 0
    assert dict(os.environ) == before


@pytest.mark.parametrize(("asked", "threads"), [(None, "1"), ("2", "2")])
def test_the_command_loads_its_algebra_for_one_thread_unless_told_otherwise(
    asked, threads, monkeypatch
):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", asked)
    with _one_thread_for_algebra():
        assert os.environ["OPENBLAS_NUM_THREADS"] == threads
    assert os.environ.get("OPENBLAS_NUM_THREADS") == asked


def test_out_holds_the_page_the_summary_and_the_figures(report, sweep, tmp_path):
    status, screen, _ = report(sweep, "--out", tmp_path / "made" / "here")
    assert status == 0
    written = {path.name for path in (tmp_path / "made" / "here").iterdir()}
    assert {"report.html", "summary.csv", "figures"} <= written
    pictures = sorted(path.name for path in (tmp_path / "made" / "here" / "figures").iterdir())
    names = ("learning_curves", "training_against_held_out", "updates_to_0.05")
    assert pictures == [f"{name}.{ending}" for name in names for ending in ("png", "svg")]
    assert "summary.csv" in screen


def test_a_page_that_cannot_be_written_whole_leaves_the_old_one(
    report, sweep, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    report(sweep, "--out", out)
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}

    def half(path, text, encoding):
        path.write_bytes(text.encode(encoding)[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    assert report(sweep, "--out", out)[0] != 0
    assert before == {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


def test_summary_csv_has_one_row_for_each_run_with_its_numbers(report, sweep, tmp_path):
    report(sweep, "--out", tmp_path)
    with (tmp_path / "summary.csv").open() as file:
        rows = {row["run_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 24
    for folder in sweep.iterdir():
        result = json.loads((folder / "result.json").read_text())
        row = rows[folder.name]
        assert row["status"] == result["status"]
        assert row["updates_to_0.05"] == str(result["solved_at"]["0.05"] or "")
        assert row["config.optim.lr"] == str(result["config"]["optim"]["lr"])
        assert row["folder"] == str(folder)


def test_parquet_holds_the_same_rows(sweep, tmp_path, report):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an optional extra")
    report(sweep, "--out", tmp_path)
    table = parquet.read_table(tmp_path / "summary.parquet")
    assert table.num_rows == 24
    assert set(table["status"].to_pylist()) == {"solved", "exhausted", "diverged"}


def test_without_pyarrow_one_line_says_what_to_install(sweep, tmp_path, report, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    _, screen, _ = report(sweep, "--out", tmp_path)
    assert [line for line in screen.splitlines() if "parquet" in line] == [export.PARQUET_REMEDY]
    assert "pip install 'irnn[report]'" in screen
    assert not (tmp_path / "summary.parquet").exists()


def test_where_keeps_only_what_meets_every_condition(report, sweep):
    _, screen, _ = report(sweep, "--where", "optim=adam", "seq_len=150,200")
    assert screen.startswith("6 runs: 6 solved")


def test_sweep_keeps_only_the_runs_of_its_group(report, tmp_path):
    write_run(tmp_path, seed=0, tracker__group="paper")
    write_run(tmp_path, seed=1, tracker__group="other")
    assert report(tmp_path, "--sweep", "paper")[1].startswith("1 run: 1 solved")


def test_compare_prints_a_verdict(report, sweep):
    _, screen, _ = report(sweep, "--compare", "optim=adam", "optim=sgd")
    assert "optim=adam solves more often (optim=adam: 11 of 12 solved" in screen


def test_a_run_that_is_still_going_is_named_with_its_loss(report, tmp_path):
    folder = write_run(tmp_path, finish=False, status="exhausted")
    _, screen, _ = report(tmp_path)
    assert "1 run: 1 unfinished" in screen
    assert f"unfinished: {folder.name} at update 20,000, held-out 0.1" in screen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{root}/nowhere"], "nowhere does not exist"),
        (["{root}/empty"], "no runs found"),
        (["{root}/empty", "--where", "seed=3"], "no runs found in .*; train one with"),
        (["{sweep}", "--where", "optim=lion"], "meets optim=lion: optim.name is adam, sgd$"),
        (["{sweep}", "--where", "optim=sgd", "optim=adam"], "; either value is optim=sgd,adam$"),
        (["{sweep}", "--where", "optim=sgd", "seed=77"], "; leave a condition out$"),
        (["optim=sgd"], "PATH=optim=sgd does not exist; .*; --where optim=sgd keeps the runs"),
        ([""], "PATH is empty"),
        (["{sweep}", "--where", "optimm=adam"], "did you mean optim"),
        (["{sweep}", "--sweep", "nobody"], "--sweep nobody: no such sweep in .*; none is there"),
        (["{sweep}", "--compare", "optim=adam", "optim=adam"], "a run is on both sides"),
        (["{sweep}", "--out", "{root}/file/below"], "--out=.*below cannot be written"),
        (["{sweep}", "--watch", "0"], "not between 0.1 and 86400"),
        (["{sweep}", "--watch", "soon"], "soon is not between 0.1 and 86400 seconds"),
        (["{sweep}", "--compare", "optim=adam"], "expected 2 arguments"),
        (["{sweep}", "--nonsense"], "unrecognized arguments: --nonsense; see --help"),
        (["{sweep}", "--wehre", "x"], r"unrecognized arguments: --wehre x; did you mean --where\?"),
    ],
)
def test_nonsense_is_refused_in_a_line_without_a_traceback(
    report, sweep, tmp_path, arguments, message
):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    filled = [text.format(root=tmp_path, sweep=sweep) for text in arguments]
    status, _, errors = report(*filled)
    assert status == 2
    assert "Traceback" not in errors
    last = errors.strip().splitlines()[-1]
    assert re.search(message, last)


def test_only_broken_folders_are_named_in_the_error(report, tmp_path):
    (tmp_path / "half").mkdir()
    status, _, errors = report(tmp_path)
    assert status == 2
    assert "skipped half: has no config.yaml" in errors


def test_a_full_disk_is_an_error_and_no_traceback(report, sweep, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.export, "write_csv", full)
    status, _, errors = report(sweep, "--out", tmp_path)
    assert status == 2
    assert "No space left on device" in errors


def test_watch_ends_when_the_last_run_finishes(report, tmp_path):
    source = write_run(tmp_path / "elsewhere", seed=1)
    running = write_run(tmp_path / "here", seed=1, finish=False)

    def finish():
        time.sleep(0.5)
        part = running / "result.part"
        part.write_bytes((source / "result.json").read_bytes())
        part.rename(running / "result.json")

    thread = threading.Thread(target=finish)
    thread.start()
    status, screen, _ = report(tmp_path / "here", "--watch", "0.1")
    thread.join()
    assert status == 0
    lines = screen.splitlines()
    assert lines[:2] == ["1 run: 1 unfinished", "1 run: 1 solved"]


def test_irnn_runs_names_the_root_when_no_path_is_given(report, sweep, monkeypatch):
    monkeypatch.setenv("IRNN_RUNS", str(sweep))
    assert report()[1].startswith("24 runs")


def test_a_report_needs_nothing_that_trains(sweep, tmp_path):
    code = (
        "import sys\n"
        "for name in ('torch', 'hydra', 'wandb', 'irnn.training', 'irnn.spec.config'):\n"
        "    sys.modules[name] = None\n"  # importing any of them now fails
        "from irnn.report import main\n"
        f"sys.exit(main([{str(sweep)!r}, '--out', {str(tmp_path)!r}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


def test_the_module_runs_as_a_command_and_survives_a_closed_pipe(sweep, tmp_path):
    environment = {**os.environ, "IRNN_RUNS": str(sweep)}
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "irnn.report"]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, env=environment, cwd=tmp_path
    )
    os.close(writer)
    assert b"Traceback" not in done.stderr


def test_runs_without_newer_settings_stand_beside_runs_with_them(report, tmp_path):
    write_run(tmp_path, config(seed=0))
    folder = write_run(
        tmp_path, config(seed=1, optim__schedule="cosine", optim__average=0.99, init__new=None)
    )
    result = folder / "result.json"
    result.write_text(result.read_text().replace('"schema": 1', '"schema": 2'))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    newer = [json.dumps({**line, "average_test_mse": 0.1, "x": [{}]}) for line in lines]
    (folder / "metrics.jsonl").write_text("\n".join(newer))
    status, screen, _ = report(tmp_path, "--out", tmp_path / "out")
    assert status == 0
    assert "Mixed schema: 1 (1 run), 2 (1 run)" in screen
    assert "schedule" in screen
    assert "absent" in screen


def test_a_run_without_a_curve_costs_no_picture(report, tmp_path):
    (write_run(tmp_path / "runs") / "metrics.jsonl").unlink()
    status, _, errors = report(tmp_path / "runs", "--out", tmp_path / "out")
    assert (status, errors) == (0, "")
    assert (tmp_path / "out" / "figures" / "learning_curves.png").exists()
