"""The served page: it follows its runs, shows nothing but them, and survives what browsers and disks do."""

import contextlib
import socket
import struct
import time

import pytest
from served import going

from irnn.reporting.serve import Server


def test_the_page_comes_whole_and_may_ask_only_its_own_server(served):
    status, text, headers = served.ask("/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert text.count("<!DOCTYPE html>") == 1
    assert 'id="live"' in text
    assert "2 of 2 seeds solve" in text


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
