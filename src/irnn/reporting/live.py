"""What a served page shows, kept up to date: runs are read again when their files change."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from irnn.reporting.charts import outline, run_data
from irnn.reporting.compare import Comparison
from irnn.reporting.curve import Curve
from irnn.reporting.load import Cache
from irnn.reporting.page import Content, Link, around, content
from irnn.reporting.run import Loaded, Run
from irnn.reporting.summary import summarise_tasks
from irnn.reporting.text import one_line

_SHORTEST, _LONGEST = 0.5, 5.0  # seconds between two looks at the folders
_REST = 5  # how much longer than a look the pause after it is

Read = Callable[[Cache], Loaded]
Compare = Callable[[Loaded], Comparison | None]


@dataclass(frozen=True)
class State:
    """One version of what is shown: `runs` are JSON by their id, `changed` the versions they changed in."""

    version: int
    loaded: Loaded
    content: Content
    data: str
    runs: dict[str, str]
    changed: dict[str, int]
    folders: dict[str, Path]

    def page(self) -> str:
        """Write the whole page."""
        return around(self.content, self._data(0), live=True)

    def since(self, version: int) -> str:
        """What is new after `version`, as JSON: everything but the runs that have not changed."""
        fields = {"version": self.version, "title": self.content.title}
        fields |= {"head": self.content.head, "main": self.content.main}
        return f'{json.dumps(fields)[:-1]},"data":{self._data(version)}}}'

    def _data(self, version: int) -> str:
        new = [text for name, text in self.runs.items() if self.changed[name] > version]
        return f'{self.data[:-1]},"runs":[{",".join(new)}]}}'


class Live:
    """Looks at the folders again and again, in a thread of its own, and makes a new state of what changed.

    Args:
        read: reads the runs; raises ValueError or OSError where that is not possible just now.
        compare: makes the comparison that was asked for, if one was.
        threshold: that was asked for.
        command: what was typed, for the page to tell.
        link: gives the address of a run's folder.
        complain: says a line on the screen.
    """

    def __init__(
        self,
        read: Read,
        compare: Compare,
        threshold: float | None,
        command: str,
        link: Link,
        complain: Callable[[str], None],
    ) -> None:
        self._read, self._compare, self._threshold = read, compare, threshold
        self._command, self._link, self._complain = command, link, complain
        self._cache = Cache()
        self._texts: dict[str, tuple[Curve, str]] = {}
        self._seen: object = None
        self._trouble = self._said = ""
        self._fresh = False
        self._news = threading.Condition()
        self._ended = threading.Event()
        self.state = self._made(read(self._cache), "", None)

    def wait(self, version: int, seconds: float) -> State | None:
        """Give the state once it is newer than `version`, None where it is not within some seconds."""
        with self._news:
            newer = self._news.wait_for(
                lambda: self.state.version > version or self._ended.is_set(), seconds
            )
        return self.state if newer and not self._ended.is_set() else None

    def follow(self) -> None:
        """Look until `end` is called."""
        pause = _SHORTEST
        while not self._ended.wait(pause):
            begun = time.monotonic()
            try:
                self.look()
            except (
                Exception
            ) as error:  # whatever was written there: the page stays, and this goes on
                self._say(one_line(error))
            pause = min(_LONGEST, max(_SHORTEST, _REST * self._spent(begun)))

    def _spent(self, begun: float) -> float:
        """How long an idle look takes; one that found news says nothing about the next."""
        return 0.0 if self._fresh else time.monotonic() - begun

    def end(self) -> None:
        """Let everybody who waits go."""
        self._ended.set()
        with self._news:
            self._news.notify_all()

    def look(self) -> None:
        """Read what changed, and make a new state of it if anything did."""
        self._fresh = False
        try:
            loaded, trouble = self._read(self._cache), ""
        except (ValueError, OSError) as error:
            loaded, trouble = self.state.loaded, one_line(error)
        if trouble:
            self._say(trouble)
        if not trouble:
            self._said = ""
        seen = _identity(loaded)
        if seen == self._seen and trouble == self._trouble:
            return
        self._trouble, self._fresh = trouble, True
        state = self._made(loaded, trouble, self.state)
        with self._news:
            self.state = state
            self._news.notify_all()

    def _say(self, trouble: str) -> None:
        """Say what is wrong, once."""
        if trouble != self._said:
            self._complain(f"irnn-report: {trouble}; the page keeps what was read before")
        self._said = trouble

    def _made(self, loaded: Loaded, trouble: str, before: State | None) -> State:
        self._seen = _identity(loaded)
        version = before.version + 1 if before else 1
        summaries = summarise_tasks(loaded.runs, self._threshold)
        try:
            comparison = self._compare(loaded)
        except ValueError as error:
            comparison, trouble = None, trouble or one_line(error)
        notes = (*loaded.notes, *([trouble] if trouble else []))
        shown = replace(loaded, notes=notes)
        texts = {run.run_id: self._text(run) for run in loaded.runs}
        self._texts = {run.run_id: (run.curve, texts[run.run_id]) for run in loaded.runs}
        changed = {
            name: before.changed[name] if before and before.runs.get(name) == text else version
            for name, text in texts.items()
        }
        data = {**outline(summaries), "version": version}
        return State(
            version=version,
            loaded=loaded,
            content=content(
                shown, summaries, comparison, self._link, self._command, ["summary.csv"]
            ),
            data=json.dumps(data, separators=(",", ":"), allow_nan=False),
            runs=texts,
            changed=changed,
            folders={run.run_id: run.path for run in loaded.runs},
        )

    def _text(self, run: Run) -> str:
        """A run as JSON, made once."""
        known = self._texts.get(run.run_id)
        if known is not None and known[0] is run.curve:
            return known[1]
        return json.dumps(run_data(run), separators=(",", ":"), allow_nan=False)


def _identity(loaded: Loaded) -> object:
    """What differs once anything that is shown does; a run that was read again has another curve."""
    runs = [(run.run_id, run.status, id(run.curve), run.path) for run in loaded.runs]
    return runs, loaded.skipped, loaded.notes, loaded.left, loaded.awaited
