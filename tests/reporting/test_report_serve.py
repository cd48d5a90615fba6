"""The served page: it follows its runs, shows nothing but them, and survives what browsers and disks do."""

import contextlib
import http.client
import json
import shutil
import socket
import struct
import threading
import time

import pytest
from synthetic_runs import config, write_run
from test_report_sweeps import job, write_sweep_file

from irnn.reporting.live import Live
from irnn.reporting.select import select
from irnn.reporting.serve import Server, run_link, serving


class Served:
    """A server of some folders, and what it said on the screen."""

    def __init__(self, server, said):
        self.server, self.said, self.port = server, said, server.server_address[1]

    def ask(self, path, method="GET", **headers):
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        ) as one:
            one.request(method, path, headers=headers)
            answer = one.getresponse()
            return answer.status, answer.read().decode(), dict(answer.headers)

    def news(self, since):
        status, text, _ = self.ask(f"/state?since={since}")
        assert status == 200
        return json.loads(text)


@contextlib.contextmanager
def server_of(root, host="127.0.0.1", compare=lambda loaded: None, threshold=None):
    said = []
    live = Live(
        read=lambda cache: select([str(root)], cache=cache),
        compare=compare,
        threshold=threshold,
        command="typed",
        link=run_link,
        complain=said.append,
    )
    with serving(host, 0, live, said.append) as server:
        yield Served(server, said)


@pytest.fixture
def root(tmp_path):
    """Two finished runs and one that goes on."""
    folder = tmp_path / "runs"
    for seed in range(2):
        write_run(folder, config(seed))
    write_run(folder, config(2), finish=False)
    return folder


@pytest.fixture
def served(root):
    with server_of(root) as one:
        yield one


def going(root):
    return next(path for path in root.iterdir() if not (path / "result.json").exists())


def test_the_page_comes_whole_and_may_ask_only_its_own_server(served):
    status, text, headers = served.ask("/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert text.count("<!DOCTYPE html>") == 1
    assert 'id="live"' in text
    assert "2 of 2 seeds solve" in text


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


def test_a_runs_folder_is_listed_and_its_files_are_sent_as_they_are(served, root):
    run = going(root).name
    (root / run / "page.html").write_text("<script>alert(1)</script>")
    status, text, _ = served.ask(f"/run/{run}/")
    assert status == 200
    assert "metrics.jsonl" in text
    assert "checkpoints" not in text
    status, text, headers = served.ask(f"/run/{run}/metrics.jsonl")
    assert (status, text) == (200, (root / run / "metrics.jsonl").read_text())
    assert served.ask(f"/run/{run}/page.html")[2]["Content-Type"].startswith("text/plain")
    status, text, headers = served.ask(f"/run/{run}/metrics.jsonl", "HEAD")
    assert (status, text) == (200, "")
    assert int(headers["Content-Length"]) > 100


def test_summary_csv_is_that_of_now(served, root):
    text = served.ask("/summary.csv")[1]
    assert text.count("\n") == 4
    assert going(root).name in text


@pytest.mark.parametrize(
    "path",
    [
        "/run/{run}/../secret",
        "/run/{run}/..",
        "/run/{run}/.",
        "/run/{run}/..%2f..%2fsecret",
        "/run/{run}/%2e%2e/secret",
        "/run/{run}/link",
        "/run/{run}/pipe",
        "/run/{run}/checkpoints",
        "/run/{run}/checkpoints/last.pt",
        "/run/{run}/nothing",
        "/run/{run}/%00",
        "/run/{run}/" + "x" * 300,
        "/run/../secret",
        "/run/secret/",
        "/run//secret",
        "/../../etc/passwd",
        "//etc/passwd",
        "/%2e%2e/secret",
        "/state/x",
        "*",
        "http://elsewhere/",
    ],
)
def test_nothing_outside_the_runs_is_shown(served, root, path):
    import os

    (root.parent / "secret").write_text("secret")
    (going(root) / "link").symlink_to(root.parent / "secret")
    os.mkfifo(going(root) / "pipe")
    status, text, _ = served.ask(path.format(run=going(root).name))
    assert status in (403, 404)
    assert "secret" not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(served, method):
    assert served.ask("/", method)[0] == 501


def test_another_sites_name_that_leads_here_is_refused(served):
    assert served.ask("/", Host="evil.example:80")[0] == 403
    assert served.ask("/", Host="localhost.evil.example")[0] == 403
    assert served.ask("/", Host=f"localhost:{served.port}")[0] == 200


def test_only_this_machine_is_listened_to_unless_told_otherwise(served):
    assert served.server.server_address[0] == "127.0.0.1"


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


def test_a_page_that_is_closed_while_it_waits_costs_no_line(served, root):
    """Each reload of a page closes one that waits for news."""
    version = served.news(0)["version"]
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", served.port)) as one:
            one.sendall(f"GET /state?since={version} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            time.sleep(0.1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    (going(root) / "result.json").write_text("{")
    assert served.news(version)["version"] > version  # those that were closed are answered before
    time.sleep(0.2)
    assert served.said == []


def test_a_browser_that_leaves_in_the_middle_costs_one_line(served, root):
    (going(root) / "train.log").write_bytes(b"x" * 50_000_000)
    with socket.create_connection(("127.0.0.1", served.port)) as one:
        one.sendall(
            f"GET /run/{going(root).name}/train.log HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        one.recv(1000)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    for _ in range(100):
        if served.said:
            break
        time.sleep(0.05)
    assert served.said == ["irnn-report: a browser left before it had its whole answer"]
    assert served.ask("/")[0] == 200


@pytest.mark.parametrize(
    "nonsense", [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00", b"x" * 70_000]
)
def test_nonsense_ends_that_connection_and_nothing_else(served, nonsense):
    with socket.create_connection(("127.0.0.1", served.port)) as one:
        one.settimeout(5)
        one.sendall(nonsense + b"\r\n\r\n")
        one.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            one.recv(1000)
    assert served.ask("/")[0] == 200


def test_a_port_in_use_is_one_line_with_its_remedy(served, report, root):
    status, output, errors = report(root, "--serve", served.port)
    assert (status, output) == (2, "")
    assert f"cannot listen on 127.0.0.1 port {served.port}: Address already in use" in errors
    assert "choose another port" in errors
    assert errors.count("\n") == 1


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--serve", "70000"], "70000 is no port; give a number from 0 to 65535"),
        (["--serve", "-1"], "is no port"),
        (["--serve", "0", "--out", "x"], "--serve shows the page; leave --out out"),
        (["--serve", "0", "--watch", "1"], "leave --watch out"),
        (["--serve", "0", "--format", "json"], "leave --format out"),
        (
            ["--serve", "0", "--host", "no.such.host.invalid"],
            "cannot listen on no.such.host.invalid",
        ),
    ],
)
def test_what_cannot_be_served_is_refused(report, root, options, message):
    status, output, errors = report(root, *options)
    assert (status, output) == (2, "")
    assert message in errors


def test_a_path_that_is_not_there_is_refused_at_the_start(report, tmp_path):
    status, _, errors = report(tmp_path / "nothing", "--serve", "0")
    assert status == 2
    assert "does not exist" in errors


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


def test_the_command_serves_until_it_is_interrupted(report, root, monkeypatch):
    asked = []

    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("irnn.reporting.serve.time.sleep", interrupted)
    monkeypatch.setattr(Server, "serve_forever", lambda self, **_: asked.append(self.url))
    monkeypatch.setattr(Server, "shutdown", lambda self: None)
    status, output, _ = report(root, "--serve", "0")
    assert status == 0
    assert output.startswith("serving 3 runs on http://127.0.0.1:")


def test_folders_that_are_gone_leave_no_run_behind(served, root):
    version = served.news(0)["version"]
    shutil.rmtree(going(root))
    assert len(served.news(version)["data"]["groups"][0]["runs"]) == 2
