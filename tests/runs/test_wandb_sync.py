"""`wandb sync` makes one run of the parts of a killed and continued one; a stand-in plays W&B's server."""

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from irnn.runs.metrics import read_records
from tests.command import LONG, folders, start, wait_for_step
from tests.conftest import Cli

Histories = dict[str, dict[int, int]]
"""Of each run that was created, the update that each line of its history is of."""


class StandIn(BaseHTTPRequestHandler):
    """Answer as W&B's server does, as far as `wandb sync` asks; keep what it is told about runs."""

    protocol_version = "HTTP/1.1"
    histories: Histories

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_PUT(self) -> None:
        self._body()
        self._answer({})

    def do_POST(self) -> None:
        body = self._body()
        if self.path.endswith("/file_stream"):
            self._take_lines(self.path.split("/")[-2], json.loads(body))
            return self._answer({})
        if self.path != "/graphql":
            return self._answer({})
        asked = json.loads(body)
        found = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
        given = asked.get("variables") or {}
        if found and found[1] == "UpsertBucket":
            answer = self._make_run(given)
        elif found and found[1] == "RunResumeStatus":
            answer = self._tell_how_far(given)
        elif found and found[1] == "CreateRunFiles":
            answer = self._take_files(given)
        else:
            answer = {"serverInfo": {}}
        return self._answer({"data": answer})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _take_lines(self, run: str, told: dict[str, Any]) -> None:
        history = (told.get("files") or {}).get("wandb-history.jsonl")
        for number, line in enumerate(history["content"] if history else []):
            self.histories[run][history["offset"] + number] = json.loads(line)["_step"]

    def _make_run(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given["name"]
        is_new = name not in self.histories
        self.histories.setdefault(name, {})
        project = {"id": "p", "name": given["project"], "entity": {"id": "e", "name": "me"}}
        bucket = {"id": name, "name": name, "displayName": name, "project": project}
        return {"upsertBucket": {"bucket": bucket, "inserted": is_new}}

    def _tell_how_far(self, given: dict[str, Any]) -> dict[str, Any]:
        lines = self.histories.get(given["name"])
        last = json.dumps({"_step": max(lines.values(), default=0), "_runtime": 1} if lines else {})
        bucket = None if lines is None else {
            "id": given["name"],
            "name": given["name"],
            "historyLineCount": len(lines),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "historyTail": json.dumps([last]),
            "eventsTail": json.dumps([last]),
            "summaryMetrics": last,
            "config": "{}",
            "wandbConfig": json.dumps({"t": 1}),
        }  # fmt: skip
        entity = {"id": "e", "name": "me"}
        return {"model": {"id": "p", "name": "irnn", "entity": entity, "bucket": bucket}}

    def _take_files(self, given: dict[str, Any]) -> dict[str, Any]:
        host = f"http://{self.headers['Host']}"
        files = [{"name": name, "uploadUrl": f"{host}/{name}"} for name in given["files"]]
        return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}


@pytest.fixture
def server() -> Iterator[tuple[str, Histories]]:
    """Start a stand-in; give its address and what it is told."""
    histories: Histories = {}
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (StandIn,), {"histories": histories})
    ) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}", histories
        serving.shutdown()


@pytest.mark.slow
def test_the_parts_of_a_killed_and_continued_run_are_synced_into_one(
    cli: Cli, tmp_path: Path, server: tuple[str, Histories]
) -> None:
    asked = (*LONG, "budget.updates=5000", "tracker=wandb", "tracker.timeout=100")
    with start(tmp_path, *asked) as killed:
        wait_for_step(tmp_path, 200)
        killed.kill()
    continued = cli("train", *asked)
    assert continued.returncode == 0, continued.stdout + continued.stderr
    (folder,) = folders(tmp_path)
    parts = sorted(str(part) for part in (folder / "wandb").glob("offline-run-*"))
    assert len(parts) == 2
    address, histories = server
    key = {"WANDB_BASE_URL": address, "WANDB_API_KEY": "0" * 40, "WANDB_ERROR_REPORTING": "false"}
    synced = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", *parts],
        cwd=tmp_path,
        env={**os.environ, **key},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert synced.returncode == 0, synced.stderr
    ((name, lines),) = histories.items()
    assert name.startswith(folder.name)
    told = [lines[number] for number in range(len(lines))]
    assert told == [record["step"] for record in read_records(folder / "metrics.jsonl")]
