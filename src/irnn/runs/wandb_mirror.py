"""Mirror run folders to Weights & Biases, from a process of its own: `python -m irnn.runs.wandb_mirror`.

It follows each run's `metrics.jsonl` until it is told that the run ended (or the trainer is gone) and
remembers the last record that it passed on. Because it only reads what the trainer has written, W&B can hang,
fail or be missing without the trainer noticing, and nothing that it missed is lost.
"""

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
from filelock import Timeout

from irnn.runs.directory import RunDirectory
from irnn.runs.files import write_json
from irnn.runs.locking import Lock
from irnn.runs.metrics import MOST_BYTES
from irnn.runs.reading import open_regular
from irnn.runs.schemas import Mirrored, read_as

_POLL_SECONDS = 1.0  # between looks at what runs have written
_HELD_SECONDS = 0.05  # between looks at locks that another process holds, once all runs have ended


class _Mirror:
    """Of one run: begins when nobody else mirrors it, and ends once the run has ended.

    Args:
        directory: of the run.
        settings: arguments of `wandb.init`.
    """

    def __init__(self, directory: RunDirectory, settings: dict[str, Any]) -> None:
        self.ended = False
        self._directory, self._settings = directory, settings
        place = directory.path / "wandb"
        place.mkdir(exist_ok=True)
        # The mirror of a session that was killed may still be at it.
        self._lock = Lock(place / ".lock", 0.0)
        self._state = place / f"{settings['id']}.mirrored.json"
        self._mirrored = self._seen = self._read = 0  # records, records, bytes
        self._run: Any = None
        self._open = ExitStack()

    def pass_on(self) -> bool:
        """Log every record not logged before; say whether that was all there will be."""
        ended = self.ended  # before the look at what there is
        if self._run is None and not self._begin():
            return False
        run = self._run
        for record in self._new_records():
            self._seen += 1
            if self._seen > self._mirrored:
                run.log(record, step=record["step"])
        if self._seen > self._mirrored:
            self._mirrored = self._seen
            write_json(self._state, {"records": self._mirrored})
        if not ended:
            return False
        result = self._directory.read_result()
        if result is not None:
            run.summary.update({key: result[key] for key in result if key != "config"})
        self._open.close()
        return True

    def fail(self) -> None:
        """Let go, inside an exception's handler."""
        self._open.__exit__(*sys.exc_info())

    def _new_records(self) -> list[dict[str, Any]]:
        """Give the complete records that were not read before."""
        try:
            with open_regular(self._directory.metrics, MOST_BYTES) as stream:
                stream.seek(self._read)
                new = stream.read()
        except FileNotFoundError:
            return []
        complete = new[: new.rfind(b"\n") + 1]
        self._read += len(complete)
        return [msgspec.json.decode(line) for line in complete.splitlines()]

    def _begin(self) -> bool:
        try:
            self._open.enter_context(self._lock)
        except Timeout:
            return False
        import wandb

        self._mirrored = (read_as(self._state, Mirrored) or {"records": 0})["records"]
        own: dict[str, Any] = {
            "dir": str(self._directory.path),
            "resume": "allow",
            "save_code": False,
            "reinit": "create_new",  # beside other runs of this process
        }
        self._run = self._open.enter_context(wandb.init(**self._settings, **own))
        return True


def mirror(requests: "Connection[Any, Any]", answers: "Connection[Any, Any]") -> None:
    """Mirror runs until no more come and all have ended.

    Args:
        requests: gives ("begin", folder, settings) and ("end", folder, None). Its end is that of every run.
        answers: is told of each folder, once it is done with, whether all went well.
    """
    mirrors: dict[str, _Mirror] = {}

    def done(folder: str, well: bool) -> None:
        mirrors.pop(folder, None)
        with suppress(OSError):  # the trainer is gone
            answers.send((folder, well))

    listening = True
    while listening or mirrors:
        for message in _received(requests, listening, bool(mirrors)):
            if message is None:
                listening = False
                continue
            what, folder, settings = message
            if what == "end":
                if folder in mirrors:
                    mirrors[folder].ended = True
                continue
            try:
                mirrors[folder] = _Mirror(RunDirectory(Path(folder)), settings)
            except Exception:
                traceback.print_exc()
                done(folder, False)
        for folder, each in list(mirrors.items()):
            each.ended |= not listening
            if (well := _passed_on(each)) is not None:
                done(folder, well)


def _received(requests: "Connection[Any, Any]", listening: bool, busy: bool) -> Iterator[Any]:
    """Give the messages that there are, after a while; None is for the last."""
    if not listening:
        time.sleep(_HELD_SECONDS)
        return
    try:
        if requests.poll(_POLL_SECONDS if busy else None):
            yield requests.recv()
            while requests.poll():
                yield requests.recv()
    except (EOFError, OSError):
        yield None


def _passed_on(each: _Mirror) -> bool | None:
    """Say whether a mirror that is done did well; None for one that goes on."""
    try:
        return each.pass_on() or None
    except Exception:
        each.fail()
        traceback.print_exc()
        return False


def main() -> None:
    """Entry point: the descriptors of two connections, and the command that trains."""
    requests, answers, *command = sys.argv[1:]
    program = command[:3] if command[:2] == ["python", "-m"] else command[:1]
    # W&B records this process's own command otherwise, which was not typed.
    os.environ["WANDB_PROGRAM"] = " ".join(program[-2:])
    sys.argv[1:] = command[len(program) :]
    os.nice(10)  # the trainer comes first
    mirror(Connection(int(requests)), Connection(int(answers)))


if __name__ == "__main__":
    main()
