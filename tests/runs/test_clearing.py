"""Starting over, killed or put to sleep at any moment, takes nothing from whoever comes next."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.runs.claims import is_lock
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import MetricsFile
from irnn.runs.ownership import LostError

FILES = ("config.yaml", "provenance.json", "metrics.jsonl", "train.log", "result.json",
         "checkpoints/last.pt", "checkpoints/best.pt", "wandb/offline/x")  # fmt: skip


def write_all(folder: Path, text: str) -> None:
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not is_lock(path)
    }


class Killed(BaseException):
    pass


def at_rename(
    monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], None]
) -> list[int]:
    """Let something happen immediately before the n-th rename; give how many there were."""
    count = [0]
    rename = Path.rename

    def counted(self: Path, target: Path) -> Path:
        count[0] += 1
        if count[0] == number:
            happens()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", counted)
    return count


@pytest.mark.parametrize("number", range(1, 9))
def test_who_falls_asleep_while_starting_over_takes_nothing_from_its_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    asleep, awake = RunDirectory(tmp_path), RunDirectory(tmp_path)
    write_all(tmp_path, "old")
    lost: list[bool] = []

    def confirm() -> None:
        if lost:
            raise LostError("taken over")

    monkeypatch.setattr(asleep, "confirm", confirm)
    monkeypatch.setattr(awake, "confirm", lambda: None)

    def succeed() -> None:
        monkeypatch.undo()
        lost.append(True)
        monkeypatch.setattr(asleep, "confirm", confirm)
        awake._remove_leftovers()
        assert contents(tmp_path) == {}
        write_all(tmp_path, "new")

    at_rename(monkeypatch, number, succeed)
    with pytest.raises(LostError):
        asleep.clear()
    assert contents(tmp_path) == dict.fromkeys(FILES, "new")


@pytest.mark.parametrize("number", range(1, 9))
def test_what_was_killed_while_starting_over_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    directory = RunDirectory(tmp_path)
    with directory.locked():
        write_all(tmp_path, "old")

        def die() -> None:
            raise Killed

        with monkeypatch.context() as patch:
            at_rename(patch, number, die)
            with pytest.raises(Killed):
                directory.clear()
    with RunDirectory(tmp_path).locked():
        assert contents(tmp_path) == {}
        assert {path.name for path in tmp_path.iterdir() if not is_lock(path)} == {"checkpoints"}


def test_starting_over_takes_eight_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many moments the tests above try: seven things and the end."""
    write_all(tmp_path, "old")
    count = at_rename(monkeypatch, 0, lambda: None)
    RunDirectory(tmp_path).clear()
    assert count == [8]


def test_what_was_cleared_and_could_not_be_removed_is_not_cleared_again(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    with directory.locked():
        pass
    removed = tmp_path / ".cleared.0f.part"
    write_all(removed, "old")
    write_all(tmp_path, "new")
    with directory.locked():
        assert contents(tmp_path) == dict.fromkeys(FILES, "new")
    assert not removed.exists()


def test_records_are_cut_off_only_by_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f"{json.dumps({'step': step})}\n" for step in (0, 10, 20)))
    before = path.read_bytes()

    def lost() -> None:
        raise LostError("taken over")

    with pytest.raises(LostError):
        MetricsFile(path, lost).continue_at(len('{"step": 0}\n'), None)
    assert path.read_bytes() == before


def test_leftovers_are_removed_only_by_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = RunDirectory(tmp_path)
    (tmp_path / ".result.json.1.aa.part").write_text("a successor's")

    def lost() -> None:
        raise LostError("taken over")

    monkeypatch.setattr(directory, "confirm", lost)
    with pytest.raises(LostError):
        directory._remove_leftovers()
    assert (tmp_path / ".result.json.1.aa.part").exists()
