"""A server of some folders, as tests ask it."""

import contextlib
import http.client
import json

from irnn.reporting.live import Live
from irnn.reporting.select import select
from irnn.reporting.serve import run_link, serving


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


def going(root):
    return next(path for path in root.iterdir() if not (path / "result.json").exists())
