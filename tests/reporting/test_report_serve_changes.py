"""The served page follows what becomes of its runs: new points, new runs, and folders that come and go."""

import json
import shutil
import threading
import time

import pytest
from served import going, server_of
from synthetic_runs import config, write_run
from test_report_sweeps import job, write_sweep_file

from irnn.reporting.serve import Server


def test_new_points_come_alone_within_two_seconds(served, root):
    first = served.news(0)
    assert len(first["data"]["runs"]) == 3
    with (going(root) / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99999, "test_mse": 0.01, "train_mse": 0.01}\n')
    begun = time.monotonic()
    news = served.news(first["version"])
    assert time.monotonic() - begun < 2
    [changed] = news["data"]["runs"]
    assert changed["s"][-1] == 99_999
    assert changed["id"] == going(root).name
    assert len(news["data"]["groups"][0]["runs"]) == 3


def test_new_runs_come_too_and_what_is_shown_of_all_is_made_anew(served, root):
    first = served.news(0)
    write_run(root, config(0, optim="sgd"), "exhausted")
    news = served.news(first["version"])
    while len(news["data"].get("groups", [])) < 2:  # its files are written one after the other
        news = served.news(news["version"])
    assert [run["id"] for run in news["data"]["runs"]] == [next(root.glob("*sgd*")).name]
    assert "optim=sgd" in news["main"]


def test_nothing_new_is_no_content(served, monkeypatch):
    monkeypatch.setattr("irnn.reporting.serve._PATIENCE", 0.05)
    version = served.news(0)["version"]
    assert served.ask(f"/state?since={version}")[:2] == (204, "")


@pytest.mark.parametrize("since", ["", "-1", "x", "9" * 15, "9" * 5000, "%00"])
def test_a_version_that_cannot_be_gets_everything(served, since):
    assert len(json.loads(served.ask(f"/state?since={since}")[1])["data"]["runs"]) == 3


def test_a_root_that_is_gone_keeps_what_was_read_says_so_and_comes_back(served, root):
    version = served.news(0)["version"]
    away = root.with_name("away")
    root.rename(away)
    news = served.news(version)
    assert len(news["data"]["groups"][0]["runs"]) == 3
    assert "does not exist" in news["head"]
    assert len([line for line in served.said if "does not exist" in line]) == 1
    away.rename(root)
    assert "does not exist" not in served.news(news["version"])["head"]


def test_a_broken_run_is_named_and_the_rest_goes_on(served, root):
    version = served.news(0)["version"]
    (going(root) / "result.json").write_text("{")
    news = served.news(version)
    assert len(news["data"]["groups"][0]["runs"]) == 2
    assert "Skipped" in news["head"]


def test_no_runs_yet_is_a_page_that_waits_for_them(tmp_path):
    (tmp_path / "runs").mkdir()
    with server_of(tmp_path / "runs") as served:
        status, text, _ = served.ask("/")
        assert status == 200
        assert "No run has finished yet." in text
        write_run(tmp_path / "runs", config(0))
        news = served.news(1)
        while "Solved after" not in news["head"]:
            news = served.news(news["version"])


def test_a_comparison_that_is_not_possible_yet_is_a_note(root):
    from irnn.reporting.compare import compare

    with server_of(
        root, compare=lambda loaded: compare(loaded.runs, "optim=adam", "optim=sgd")
    ) as served:
        assert "optim=sgd: no finished run has it" in served.news(0)["head"]


def test_what_cannot_be_shown_is_one_line_and_it_goes_on(root):
    """A threshold is of one task; then a run of another one appears, and goes."""
    with server_of(root, threshold=0.05) as served:
        other = write_run(root, config(5), task="temporal_order")
        for _ in range(100):
            if served.said:
                break
            time.sleep(0.05)
        assert [line for line in served.said if "--threshold 0.05: the runs are of task=" in line]
        assert len(served.said) == 1
        shutil.rmtree(other)
        version = served.news(0)["version"]
        with (going(root) / "metrics.jsonl").open("a") as file:
            file.write('{"step": 99999, "test_mse": 0.01, "train_mse": 0.01}\n')
        assert served.news(version)["data"]["runs"][0]["s"][-1] == 99_999


def test_a_sweep_that_is_not_there_yet_is_waited_for(report, tmp_path, monkeypatch):
    """In an empty folder: neither runs nor the sweep; then other runs; then those of the sweep."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IRNN_RUNS", raising=False)
    shown = []

    def later(server, **_):
        def see(version, words):
            with server.live._news:
                assert server.live._news.wait_for(lambda: server.live.state.version > version, 30)
            assert words in server.live.state.page()
            shown.append(words)

        assert "<h1>Waiting: there is no folder runs yet</h1>" in server.live.state.page()
        assert "How to read this" not in server.live.state.page()
        write_run(tmp_path / "runs", config(0))
        see(1, "Waiting: there is no sweep first in runs yet (none is there)")
        folder = write_run(tmp_path / "runs", config(1))
        write_sweep_file(tmp_path / "runs", "first", [job(folder)])
        see(server.live.state.version, folder.name)
        (tmp_path / "runs" / ".sweeps" / "first" / "sweep.json").unlink()
        see(server.live.state.version, "no such sweep")
        assert folder.name in server.live.state.page()  # what was there stays

    def until_seen(seconds):
        deadline = time.monotonic() + 60
        while len(shown) < 3 and time.monotonic() < deadline:
            threading.Event().wait(0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr("irnn.reporting.live._SHORTEST", 0.05)
    monkeypatch.setattr("irnn.reporting.serve.time.sleep", until_seen)
    monkeypatch.setattr(Server, "serve_forever", later)
    monkeypatch.setattr(Server, "shutdown", lambda self: None)
    status, output, _ = report("--serve", "0", "--sweep", "first", "--compare", "seed=0", "seed=1")
    assert (status, len(shown)) == (0, 3)
    assert output.startswith(
        "waiting: there is no folder runs yet; the page shows it once it is there\nserving 0 runs on "
    )


def test_folders_that_are_gone_leave_no_run_behind(served, root):
    version = served.news(0)["version"]
    shutil.rmtree(going(root))
    assert len(served.news(version)["data"]["groups"][0]["runs"]) == 2
