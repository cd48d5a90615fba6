"""What a sweep shows on a terminal and elsewhere."""

import io
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from irnn.spec.config import Config
from irnn.sweeps import view
from irnn.sweeps.job import FAILED, RUNNING, Job


def job(label: str, state: str, **more: object) -> Job:
    made = Job((label,), label, Config(), label, Path("runs") / label, state=state)
    for name, value in more.items():
        setattr(made, name, value)
    return made


RESULT = {"status": "solved", "best_test_mse": 0.0004, "steps": 1500}


def some_jobs() -> list[Job]:
    now = time.monotonic()
    return [
        job("seed=0", "solved", result=RESULT, began=now - 9, seconds=10.0),
        job("seed=1", "diverged", result={**RESULT, "status": "diverged"}),
        job(
            "seed=2",
            RUNNING,
            began=now,
            progress={
                "step": 500,
                "total": 1000,
                "rate": 100.0,
                "train_loss": 0.2,
                "test_loss": 0.1,
            },
        ),
        job("seed=3", FAILED, error="it broke"),
        job("seed=4", "left"),
    ]


def test_a_terminal_shows_counts_losses_and_time_left_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Console(file=io.StringIO(), width=120, height=20, force_terminal=True)
    with view.View(live=True) as shown:
        drawn: list[object] = []
        monkeypatch.setattr(shown._screen, "update", lambda what, refresh: drawn.append(what))
        shown.refresh(some_jobs(), at_once=2)
        assert drawn, "nothing is drawn at first"
        screen.print(drawn[0])
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "5 jobs: 2 done (1 solved), 1 running, 1 failed, 1 left" in text
    assert "500 / 1,000" in text
    assert "0.10000" in text
    assert "about 0:00:08 left" in text
    lines = text.splitlines()
    assert not any("━" in line and "running" in line for line in lines)


def test_without_a_terminal_a_line_tells_of_all_jobs_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = view.View(live=False)
    shown.refresh(some_jobs(), at_once=2)
    assert capsys.readouterr().out == ""
    shown._next = 0.0
    shown.refresh(some_jobs(), at_once=2)
    line = capsys.readouterr().out
    assert "1 failed, 1 left" in line
    assert "seed=2: update 500 / 1,000, held-out 0.10000" in line


def test_a_failed_job_is_told_with_its_overrides_and_where_to_look(tmp_path: Path) -> None:
    broken = job("seed=3", FAILED, error="it broke", folder=tmp_path)
    assert view.ending(broken).startswith("FAILED     seed=3: it broke\n")
    (tmp_path / "train.log").touch()
    assert str(tmp_path / "train.log") in view.ending(broken)


def test_time_left_is_not_guessed_from_nothing() -> None:
    assert view.seconds_left([job("a", "left")], 1) is None
    half = job(
        "a", RUNNING, began=time.monotonic() - 5, progress={"step": 50, "total": 100, "rate": 10.0}
    )
    left = view.seconds_left([half, job("b", "left")], 1)
    assert left is not None
    assert left == pytest.approx(5 + 10, abs=0.5)


def test_jobs_that_diverged_at_once_do_not_promise_that_all_the_others_do() -> None:
    """As in a grid of rates: ten jobs ended after 2 s, two have run for 180 s of some 333, 18 wait."""
    quick = [job(f"lr={n}", "diverged", seconds=2.0) for n in range(10)]
    progress = {"step": 32_400, "total": 60_000, "rate": 180.0}
    long = [job(n, RUNNING, began=time.monotonic() - 180, progress=progress) for n in "ab"]
    waiting = [job(f"seed={n}", "left") for n in range(18)]
    typical = (10 * 2 + 2 * 333.3) / 12
    left = view.seconds_left([*quick, *long, *waiting], 2)
    assert left == pytest.approx((2 * 153.3 + 18 * typical) / 2, rel=0.01)
    unbounded = job("c", RUNNING, began=time.monotonic() - 30, progress={})
    assert view.seconds_left([quick[0], unbounded], 1) == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_a_narrow_terminal_loses_whole_columns_and_no_digit(width: int) -> None:
    screen = Console(
        file=io.StringIO(), width=width, height=20, force_terminal=True, color_system=None
    )
    progress = {"step": 3_751_000, "total": 10_000_000, "rate": 1234.0}
    losses = {"train_loss": 0.16667, "test_loss": 0.15432}
    label = "task.seq_len=400 optim.lr=0.00012345 seed=7"
    running = [job(label, RUNNING, began=time.monotonic(), progress={**progress, **losses})]
    with view.View(live=False) as shown:
        shown._screen = SimpleNamespace(console=screen, stop=lambda: None)
        screen.print(shown._drawn(running, at_once=1))
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    assert "3,751,000" in text
    assert ("0.15432" in text) is (width >= 60)
    assert ("1:24:24" in text.splitlines()[-1] or "1:24:24" in text.splitlines()[-2]) is (
        width >= 60
    )
    assert ("10,000,000" in text) is (width >= 120)
    words = "".join(text.split())
    assert all(part in words for part in ("400", "seed=7"))
