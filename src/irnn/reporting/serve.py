"""Serve the page on loopback while runs go on: read-only, from the standard library."""

import contextlib
import io
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote, unquote

from irnn.reporting import export
from irnn.reporting.live import Live, State
from irnn.reporting.page import SERVED_POLICY, listing
from irnn.reporting.run import Run
from irnn.reporting.text import counted
from irnn.system.exhausted import in_words

_PATIENCE = 20.0  # seconds that a page waits for news before it asks again
_TIMEOUT = 60.0  # seconds after which a browser that says or takes nothing is let go
_CHUNK = 1 << 20
_TEXT = "text/plain; charset=utf-8"
_TYPES = {".png": "image/png", ".json": "application/json", ".html": _TEXT}
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def run_link(run: Run) -> str:
    """Where the server shows a run's folder."""
    return f"run/{quote(run.run_id, safe='')}/"


Say = Callable[[str], None]


class Server(ThreadingHTTPServer):
    """Answers each browser in a thread of its own.

    Args:
        host: the address to listen on.
        port: the port; 0 takes any that is free.
        live: what is shown.
        complain: says a line on the screen.

    Raises:
        ValueError: It cannot listen there; the message names address, port and remedy.
    """

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, host: str, port: int, live: Live, complain: Say) -> None:
        self.live, self.complain = live, complain
        self.names = _LOOPBACK_NAMES if host in ("localhost", "127.0.0.1", "::1") else None
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Answer)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ValueError(
                f"--serve {port}: cannot listen on {host} port {port}: {reason}; choose another port, "
                "as in --serve 8500, or 0 for any that is free"
            ) from error

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        host, port = self.server_address[:2]
        name = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/"

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name, as the library would."""
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, int(self.allow_reuse_address)
        )
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line that an answer could not be given; go on."""
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError | TimeoutError):
            self.complain("irnn-report: a browser left before it had its whole answer")
        elif error is not None:
            self.complain(f"irnn-report: an answer failed: {in_words(error)}")


@contextlib.contextmanager
def serving(host: str, port: int, live: Live, complain: Say) -> Iterator[Server]:
    """Serve, and follow the runs, while the context lasts."""
    server = Server(host, port, live, complain)
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True),
        threading.Thread(target=live.follow, daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        live.end()
        server.shutdown()
        server.server_close()


def serve(host: str, port: int, live: Live, complain: Say, say: Callable[[str], None]) -> None:
    """Serve until somebody interrupts."""
    with serving(host, port, live, complain) as server:
        loaded = live.state.loaded
        if loaded.awaited:
            say(f"waiting: {loaded.awaited}; the page shows it once it is there")
        say(f"serving {counted(len(loaded.runs), 'run')} on {server.url} (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


class _Answer(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    timeout = _TIMEOUT
    protocol_version = "HTTP/1.1"

    def version_string(self) -> str:
        """Say no versions."""
        return "irnn-report"

    def log_message(self, *_: object) -> None:
        """Say nothing: the screen is for what needs somebody's eyes."""

    def do_HEAD(self) -> None:
        """Answer as GET, without the content."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer a request for the page, its news, a table or a file of a run."""
        if not self._is_asked_here():
            self._fail(HTTPStatus.FORBIDDEN, "this page answers to localhost only")
            return
        path, _, query = self.path.partition("?")
        state = self.server.live.state
        parts = [unquote(part, errors="surrogateescape") for part in path.split("/")]
        first, *rest = parts[1:] or ["?"]
        if first == "" and not rest:
            self._send(state.page().encode(), "text/html; charset=utf-8")
        elif first == "state" and not rest:
            self._send_news(query)
        elif first == "summary.csv" and not rest:
            self._send(_summary(state), "text/csv; charset=utf-8")
        elif first == "run" and len(rest) == 2 and rest[0] in state.folders:
            self._send_of_run(state.folders[rest[0]], rest[1])
        else:
            self._fail(HTTPStatus.NOT_FOUND, "nothing is here")

    def _is_asked_here(self) -> bool:
        """Whether the browser meant this machine: another site's name that leads here is refused."""
        if self.server.names is None:
            return True
        host = self.headers.get("Host", "")
        return (
            host.rpartition(":")[0].lower() in self.server.names
            or host.lower() in self.server.names
        )

    def _send_news(self, query: str) -> None:
        version = parse_qs(query).get("since", ["0"])[0]
        since = int(version) if version.isascii() and version.isdigit() and len(version) < 16 else 0
        if since > self.server.live.state.version:
            since = 0  # of another server that was here before
        state = self.server.live.wait(since, _PATIENCE)
        try:
            if state is None:
                self._send(b"", _TEXT, HTTPStatus.NO_CONTENT)
            else:
                self._send(state.since(since).encode(), "application/json")
        except ConnectionError:  # the page was closed or loaded again while it waited
            self.close_connection = True

    def _send_of_run(self, folder: Path, name: str) -> None:
        """List a run's folder, or send one of its files; links that lead out of it are not followed."""
        try:
            if not name:
                self._send(_listing(folder).encode("utf-8", "replace"), "text/html; charset=utf-8")
                return
            file = _open_within(folder, name)
        except PermissionError:
            self._fail(HTTPStatus.FORBIDDEN, "it may not be read")
        except (OSError, ValueError):
            self._fail(HTTPStatus.NOT_FOUND, "no such file is in the run's folder")
        else:
            with file:
                self._send_file(file, _TYPES.get(Path(name).suffix, _TEXT))

    def _send_file(self, file: BinaryIO, kind: str) -> None:
        size = os.fstat(file.fileno()).st_size
        self._head(HTTPStatus.OK, kind, size)
        if self.command != "HEAD":
            while size and (content := file.read(min(size, _CHUNK))):
                self.wfile.write(content)
                size -= len(content)  # what is appended meanwhile is not sent
            if size:
                raise ConnectionAbortedError("the file became shorter while it was sent")

    def _fail(self, status: HTTPStatus, words: str) -> None:
        self._send(f"{words}\n".encode(), _TEXT, status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._head(status, kind, len(content))
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, status: HTTPStatus, kind: str, size: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(size))
        self.send_header("Content-Security-Policy", SERVED_POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()


def _open_within(folder: Path, name: str) -> BinaryIO:
    """Open a file of a folder; no link, no pipe, and nothing that is elsewhere."""
    if name in (".", "..") or "/" in name or os.sep in name:
        raise FileNotFoundError(name)
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    file = os.fdopen(os.open(folder / name, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(name)
    return file


def _summary(state: State) -> bytes:
    file = io.StringIO()
    export.put_csv(export.rows(state.loaded.runs), file)
    return file.getvalue().encode("utf-8", "replace")


def _listing(folder: Path) -> str:
    """A page of links to the files of a run's folder."""
    names = sorted(
        each.name for each in folder.iterdir() if each.is_file() and not each.is_symlink()
    )
    return listing(folder.name, names)
