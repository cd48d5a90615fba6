"""What a pool of jobs does when jobs fail elsewhere, cannot be started, or do not end."""

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from irnn.spec.config import Config
from irnn.sweeps import pool
from irnn.sweeps.job import ELSEWHERE, FAILED, LEFT, STOPPED, Job
from irnn.system.helpers import HelperError
from irnn.system.signals import collected


class Watching:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def ended(self, job: Job) -> None:
        self.told.append(f"{job.label} {job.state}")

    def requeued(self, job: Job) -> None:
        raise AssertionError

    def stopping(self, why: str) -> None:
        self.told.append(why)

    def refresh(self, jobs: Any, at_once: int) -> None:
        pass


def job(tmp_path: Path, label: str, state: str) -> Job:
    return Job((label,), label, Config(), label, tmp_path / label, state=state)


@pytest.mark.timeout(60)
def test_a_failure_found_elsewhere_ends_a_sweep_that_is_to_fail_fast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, left = job(tmp_path, "a", ELSEWHERE), job(tmp_path, "b", ELSEWHERE)
    elsewhere.folder.mkdir()
    (elsewhere.folder / "result.json").write_text("{")
    watching = Watching()
    jobs = pool.Pool([elsewhere, left], 0, [], True, watching)
    assert jobs.run() is None
    assert watching.told == ["a failed", "sweep.fail_fast=true"]


def test_jobs_for_which_no_process_can_be_had_fail_and_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise HelperError("cannot start a process (Resource temporarily unavailable)")

    monkeypatch.setattr(pool.forking, "fork", none)
    jobs = [job(tmp_path, "a", LEFT), job(tmp_path, "b", LEFT)]
    assert pool.Pool(jobs, 1, [], False, Watching()).run() is None
    assert [each.state for each in jobs] == [FAILED, FAILED]
    assert jobs[0].error is not None
    assert "Resource temporarily unavailable" in jobs[0].error


def test_a_job_that_told_its_end_but_does_not_end_is_killed(tmp_path: Path) -> None:
    done: list[str] = []
    child = SimpleNamespace(
        connection=SimpleNamespace(close=lambda: None),
        join=lambda seconds: bool(done),
        kill=lambda: done.append("killed"),
    )
    stuck = job(tmp_path, "a", LEFT)
    one = pool.Pool([stuck], 1, [], False, Watching())
    running = pool._Running([stuck], child)  # type: ignore[arg-type]
    one._running.append(running)
    one._end(running, stuck, "stopped", None)
    assert done == ["killed"]
    assert stuck.state == STOPPED


@pytest.mark.usefixtures("hangups_count")
def test_the_second_notice_that_the_terminal_has_gone_kills_nothing() -> None:
    with collected() as received:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert received == [signal.SIGHUP]
        signal.raise_signal(signal.SIGINT)
        assert received == [signal.SIGHUP, signal.SIGINT]
