"""A folder that no run can be in is refused in one sentence before anything is made, alone and in sweeps."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.runs.directory import RunDirectory
from irnn.spec.config import Config, ConfigError
from irnn.sweeps.naming import sweep_folder
from irnn.tasks.adding import Adding
from irnn.train import main
from irnn.training.display import Display
from tests.conftest import SMALL

NAMES = {
    "~nosuchuser/runs": "no home folder is known for ~nosuchuser",
    "x" * 300: "File name too long",
    "a/" * 3000: "File name too long",
    "/dev/null/runs": "Not a directory",
    "/dev/null": "is not a folder",
    "nul\0byte": "null (byte|character)",  # by the version of Python
}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_that_is_no_folder_s_is_refused(
    name: str, small: Callable[..., Config], tmp_path: Path
) -> None:
    config = small()
    object.__setattr__(config, "runs_dir", name)
    for place in (lambda: RunDirectory.of(config), lambda: sweep_folder(config, "name")):
        with pytest.raises(ConfigError, match=NAMES[name]):
            place()


def test_a_folder_that_another_process_makes_meanwhile_is_as_good(
    small: Callable[..., Config],
) -> None:
    config = small()
    root, look = Path(config.runs_dir), Path.stat
    with pytest.MonkeyPatch.context() as patch:

        def late(path: Path, **how: bool) -> os.stat_result:
            try:
                return look(path, **how)
            finally:
                if path == root:
                    patch.undo()
                    root.mkdir(parents=True)

        patch.setattr(Path, "stat", late)
        assert RunDirectory.of(config).path.parent == root
    assert root.is_dir()


def test_a_link_that_leads_nowhere_is_refused_and_said_to_be_so_once(
    small: Callable[..., Config], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    config = small()
    object.__setattr__(config, "runs_dir", str(tmp_path / "link"))
    with pytest.raises(ConfigError, match="is not a folder") as refused:
        RunDirectory.of(config)
    assert str(refused.value).count("runs_dir=") == 2, "what is wrong, and what to give"


@pytest.mark.parametrize("words", [[], ["-m", "seed=0,1"]], ids=["run", "sweep"])
@pytest.mark.parametrize("name", ["~nosuchuser/runs", "x" * 300])
def test_the_command_says_it_without_a_traceback(
    name: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, f"runs_dir='{name}'"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"irnn-train: runs_dir={name[:40]}")
    assert NAMES[name] in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [[], ["-m", "seed=0,1"], ["--help"], ["--cfg", "job"]], ids=str)
def test_a_working_folder_that_was_removed_is_told(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    before = Path.cwd()
    os.chdir(gone)
    gone.rmdir()
    try:
        assert main(words) == 2
    finally:
        os.chdir(before)
    assert "the working folder is gone" in capsys.readouterr().err


def test_a_user_who_may_have_no_more_threads_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    assert main([*SMALL, f"runs_dir={tmp_path}/runs"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("irnn-train: can't start new thread: ")
    assert "ulimit -u" in error


def test_a_live_line_that_no_thread_can_draw_becomes_plain_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    with Display(tmp_path / "train.log", 10, Adding(), live=True) as display:
        display.say("plain")
    assert "plain" in capsys.readouterr().out
