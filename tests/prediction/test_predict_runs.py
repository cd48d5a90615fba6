"""Runs that `irnn-predict` finds, and those that it refuses: damaged, elsewhere, of another network."""

import os
import re
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("name", ["x" * 300, "~nosuch", "a\0b", "no/such/run", "nosuch", "loop"])
def test_a_run_that_is_nowhere_is_refused_in_a_line(ask: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    status, _, errors = ask(of=name)
    assert status == 2
    assert errors.startswith("irnn-predict: ")
    assert errors.count("\n") == 1
    assert len(errors) < 250


def test_a_run_id_is_looked_up_in_the_folder_of_runs(
    ask: Any, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRNN_RUNS", str(trained.parent))
    assert ask(of=trained.name)[0] == 0
    monkeypatch.delenv("IRNN_RUNS")
    assert ask(of=trained.name)[0] == 2
    (tmp_path / "runs").symlink_to(trained.parent)
    assert ask(of=trained.name)[0] == 0


def _copy(trained: Path, to: Path) -> Path:
    (to / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "checkpoints/best.pt"):
        (to / name).write_bytes((trained / name).read_bytes())
    return to


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.yaml", b"seed: 0\nbat"),
        ("config.yaml", b"task:\n  na"),
        ("config.yaml", b"optim: 0\n"),
        ("config.yaml", b"\xff\xfe\x00"),
        ("config.yaml", b"[" * 100_000),
        ("config.yaml", b""),
        ("checkpoints/best.pt", b""),
        ("checkpoints/best.pt", b"PK\x03\x04" + b"\0" * 5000),
        ("checkpoints/best.pt", b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R." + b"\0" * 5000),
    ],
)
def test_a_damaged_run_is_refused_without_a_librarys_advice(
    ask: Any, trained: Path, tmp_path: Path, file: str, content: bytes
) -> None:
    folder = _copy(trained, tmp_path / "damaged")
    (folder / file).write_bytes(content)
    status, _, errors = ask(of=folder)
    assert status == 2
    assert file.rpartition("/")[2] in errors
    assert not re.search("weights_only|pickle|trust|Traceback|torch|object_type|full_key", errors)
    assert errors.count("\n") == 1


def test_files_that_are_no_files_are_refused_and_not_waited_for(
    ask: Any, trained: Path, tmp_path: Path
) -> None:
    for number, name in enumerate(("config.yaml", "checkpoints/best.pt")):
        folder = _copy(trained, tmp_path / f"pipes{number}")
        (folder / name).unlink()
        os.mkfifo(folder / name)
        assert ask(of=folder)[0] == 2


def test_weights_of_another_network_are_refused_by_both_names(
    ask: Any, trained: Path, tmp_path: Path
) -> None:
    folder = _copy(trained, tmp_path / "other")
    text = (folder / "config.yaml").read_text()
    for size, message in ((9, "have other names or shapes"), (90_000, "does not fit config.yaml")):
        changed = text.replace("hidden_size: 8", f"hidden_size: {size}")
        assert changed != text
        (folder / "config.yaml").write_text(changed)
        status, _, errors = ask(of=folder)
        assert status == 2
        assert message in errors
        assert errors.count("\n") == 1


def test_a_working_folder_that_is_gone_is_told_before_mkl_ends_the_process_for_it(
    ask: Any, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    status, _, errors = ask()
    assert status == 2
    assert "the working folder is gone (No such file or directory); cd to one that exists" in errors
    assert errors.count("\n") == 1
    monkeypatch.chdir(tmp_path)


def test_weights_of_another_run_are_refused_though_they_fit(
    ask: Any, trained: Path, tmp_path: Path
) -> None:
    folder = _copy(trained, tmp_path / "renamed")
    assert ask(of=folder)[0] == 0
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("seed: 0", "seed: 1"))
    status, _, errors = ask(of=folder)
    assert status == 2
    assert f"best.pt is of run {trained.name}" in errors
    assert errors.count("\n") == 1
