"""Whatever becomes of the screen, what is printed raises nothing, holds nothing up and ends no command."""

import contextlib
import fcntl
import io
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from irnn.system import screen
from irnn.system.writer import Writer
from irnn.tasks.adding import Adding
from irnn.training.display import Display, fitting


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe's two ends, to read from and to write to."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def test_a_reader_that_takes_nothing_holds_work_up_once_and_never_again(
    pipe: tuple[int, int],
) -> None:
    writer = Writer(pipe[1])
    began = time.monotonic()
    for _ in range(3000):
        writer.write(b"x" * 1000, seconds=0.05)
    assert time.monotonic() - began < 1.0
    assert len(writer._pending) <= 1 << 20, "what nobody reads is kept without bounds"


def test_a_reader_that_comes_back_gets_what_was_kept(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1])
    sent = b"".join(b"%07d\n" % number for number in range(20_000))
    for start in range(0, len(sent), 8000):
        writer.write(sent[start : start + 8000], seconds=0.01)
    taken = b""
    while len(taken) < len(sent):
        taken += os.read(pipe[0], 65536)
    assert taken == sent
    assert writer.drain(5)


def test_an_answer_waits_for_its_reader(pipe: tuple[int, int]) -> None:
    writer, sent = Writer(pipe[1]), b"x" * 300_000
    taken: list[bytes] = []

    def read() -> None:
        while sum(map(len, taken)) < len(sent):
            time.sleep(0.01)
            taken.append(os.read(pipe[0], 65536))

    reader = threading.Thread(target=read)
    reader.start()
    writer.write(sent, seconds=None)
    reader.join()
    assert b"".join(taken) == sent


@pytest.mark.parametrize("what", ["closed pipe", "closed descriptor", "full disk", "lost terminal"])
def test_what_cannot_be_written_is_forgotten(pipe: tuple[int, int], what: str) -> None:
    descriptor = pipe[1]
    if what == "closed pipe":
        os.close(pipe[0])
    elif what == "closed descriptor":
        os.close(descriptor)
    elif what == "full disk":
        descriptor = os.open("/dev/full", os.O_WRONLY)
    else:
        master, descriptor = pty.openpty()
        os.close(master)
    writer = Writer(descriptor)
    for _ in range(3):
        writer.write(b"x" * 10_000, seconds=5)
        assert writer.drain(0)
    assert writer.error is not None


def test_a_pipe_that_others_made_non_blocking_gets_everything(pipe: tuple[int, int]) -> None:
    fcntl.fcntl(pipe[1], fcntl.F_SETFL, os.O_NONBLOCK)
    writer, sent = Writer(pipe[1]), b"x" * 200_000
    reader = threading.Thread(target=writer.write, args=(sent, None))
    reader.start()
    taken = 0
    while taken < len(sent):
        taken += len(os.read(pipe[0], 65536))
    reader.join()
    assert writer.error is None


def test_without_a_thread_to_be_had_it_is_written_all_the_same(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    Writer(pipe[1]).write(b"text", seconds=None)
    assert os.read(pipe[0], 10) == b"text"


class Captured(io.StringIO):
    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._named = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._named


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "a…é\u22121 ━ r\\xff\n"),
        ("latin-1", r"a.é-1 - r\xff" + "\n"),
        ("ascii", r"a.?-1 - r\xff" + "\n"),
        ("cp1252", r"a…é-1 - r\xff" + "\n"),
    ],
)
def test_a_character_that_the_encoding_lacks_becomes_one_that_it_has(
    encoding: str, shown: str
) -> None:
    captured = Captured(encoding)
    screen.Stream(captured, None).write("a…é\u22121 ━ r\udcff\n")
    assert captured.getvalue() == shown


@pytest.mark.parametrize("break_it", [OSError, ValueError, BrokenPipeError, RecursionError])
def test_a_stream_of_somebody_elses_may_fail_in_every_way(
    monkeypatch: pytest.MonkeyPatch, break_it: type[Exception]
) -> None:
    class Broken(Captured):
        def write(self, _: str) -> int:
            raise break_it

    monkeypatch.setattr(sys, "stdout", Broken("utf-8"))
    with screen.guarded():
        print("one", flush=True)
    screen.say("two")


@pytest.mark.parametrize(("term", "live"), [("dumb", False), ("unknown", False), ("xterm", True)])
def test_only_a_terminal_that_can_is_drawn_on(
    monkeypatch: pytest.MonkeyPatch, term: str, live: bool
) -> None:
    terminal = Captured("utf-8")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", term)
    assert screen.is_live() is live


def test_a_line_sheds_its_parts_in_order_until_it_fits() -> None:
    parts = ["12345", "bar", "rate"]
    assert fitting(parts, (1, 2), 14) == [0, 1, 2]
    assert fitting(parts, (1, 2), 13) == [0, 2]
    assert fitting(parts, (1, 2), 9) == [0]
    assert fitting(parts, (1, 2), 1) == [0]


COMMAND = """
import sys
from irnn.system import screen
with screen.guarded():
    {never_wait}
    for number in range({lines}):
        print("line", number)
    print("an error", file=sys.stderr)
    worked = open({worked!r}, "w")
    worked.write("done")
    worked.close()
sys.exit(7)
"""


RECORD = {"step": 3_751_000, "train_mse": 0.16667, "test_mse": 0.15432, "steps_per_second": 1234.0}


@pytest.mark.parametrize(
    ("width", "shed"),
    [
        (130, []),
        (100, ["trivial", "━"]),
        (80, ["trivial", "━", "0:00:00"]),
        (60, ["trivial", "━", "0:00:00", "/s", "train"]),
        (40, ["trivial", "━", "0:00:00", "/s", "train", "left"]),
    ],
)
def test_the_line_of_a_run_sheds_baseline_and_bar_first_and_never_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, shed: list[str]
) -> None:
    terminal = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(screen, "console", lambda: terminal)
    with Display(tmp_path / "train.log", 10_000_000, Adding(), live=True) as display:
        display.tick(3_751_000, 1234.0)
        display.evaluated(RECORD)
        paper = Console(file=io.StringIO(), width=width)
        paper.print(display._drawn())
        display.say("above the line")
    assert "above the line" in terminal.file.getvalue()  # type: ignore[attr-defined]
    line = paper.file.getvalue()  # type: ignore[attr-defined]
    assert line.count("\n") == 1
    assert "…" not in line
    assert "3,751,000 updates" in line
    assert "held-out 0.15432" in line
    whole = {
        "trivial": "(trivial 0.1667)", "━": "━━", "0:00:00": " 0:00:00 ", "/s": "1,234/s",
        "train": "train 0.16667", "left": "1:24:24 left at most",
    }  # fmt: skip
    for part, text in whole.items():
        assert (text in line) is (part not in shed), (part, line)


def shell(
    tmp_path: Path, redirection: str, lines: int = 10, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command that prints, works and exits with 7, its streams as the shell makes them."""
    worked = str(tmp_path / "worked")
    code = COMMAND.format(never_wait="screen.never_wait()", lines=lines, worked=worked)
    finished = subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {redirection}', sys.executable, code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert Path(worked).read_text() == "done"
    return finished


@pytest.mark.parametrize(
    "redirection",
    [
        ">&-",
        "2>&-",
        "<&- >&- 2>&-",
        ">/dev/full",
        "2>/dev/full",
        ">/dev/full 2>&1",
        "1</dev/null",
        "| true; exit ${PIPESTATUS[0]}",
        "2>&1 | head -n 1; exit ${PIPESTATUS[0]}",
    ],
)
def test_the_exit_status_is_that_of_the_work(tmp_path: Path, redirection: str) -> None:
    finished = shell(tmp_path, redirection)
    assert finished.returncode == 7
    assert "Exception" not in finished.stderr


def test_a_full_disk_is_told_where_somebody_sees_it(tmp_path: Path) -> None:
    finished = shell(tmp_path, ">/dev/full")
    assert "standard output did not take everything: No space left on device" in finished.stderr


def test_a_command_ends_although_nobody_ever_reads(tmp_path: Path, pipe: tuple[int, int]) -> None:
    began = time.monotonic()
    worked = str(tmp_path / "worked")
    code = COMMAND.format(
        never_wait="screen._LAST_SECONDS = 0.5; screen.never_wait()", lines=20_000, worked=worked
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], stdout=pipe[1], stderr=subprocess.PIPE, timeout=60
    )
    assert finished.returncode == 7
    assert b"an error" in finished.stderr, "what stands still took the errors with it"
    assert time.monotonic() - began < 5


def test_what_is_printed_keeps_its_order_over_both_streams(tmp_path: Path) -> None:
    lines = shell(tmp_path, "2>&1", lines=3).stdout.splitlines()
    assert lines == ["line 0", "line 1", "line 2", "an error"]
