"""What provenance.json says of the code that made a run."""

import subprocess
from pathlib import Path

import pytest

from irnn.runs.provenance import git_state


def git(root: Path, *words: str) -> None:
    name = (
        "-c",
        "user.name=nobody",
        "-c",
        "user.email=nobody@nowhere",
        "-c",
        "commit.gpgsign=false",
    )
    subprocess.run(["git", "-C", str(root), *name, *words], check=True, capture_output=True)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A committed checkout with the folder that the code runs from."""
    folder = tmp_path / "checkout" / "src" / "irnn" / "runs"
    (tmp_path / "checkout" / "conf").mkdir(parents=True)
    folder.mkdir(parents=True)
    (folder / "provenance.py").touch()
    (tmp_path / "checkout" / "conf" / "config.yaml").touch()
    root = tmp_path / "checkout"
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "All")
    return folder


def is_dirty(package: Path) -> bool:
    state = git_state(package)
    assert state is not None
    assert len(state["commit"]) == 40
    return bool(state["dirty"])


def test_a_run_folder_inside_the_checkout_does_not_make_it_dirty(package: Path) -> None:
    assert not is_dirty(package)
    root = package.parents[2]
    (root / "results" / "irnn-1").mkdir(parents=True)
    (root / "results" / "irnn-1" / "result.json").touch()
    (root / "notes.txt").touch()
    assert not is_dirty(package)


@pytest.mark.parametrize(
    "place", ["src/irnn/runs/more.py", "src/other/x.py", "conf/model/mine.yaml"]
)
def test_a_new_file_that_code_or_settings_are_read_from_makes_it_dirty(
    package: Path, place: str
) -> None:
    path = package.parents[2] / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert is_dirty(package)


def test_a_changed_file_makes_it_dirty(package: Path) -> None:
    (package / "provenance.py").write_text("changed = True\n")
    assert is_dirty(package)


def test_an_installed_package_has_no_commit(package: Path, tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    ignored = package.parents[2] / ".venv" / "irnn" / "runs"
    ignored.mkdir(parents=True)
    (ignored / "provenance.py").touch()
    assert git_state(ignored) is None


def test_the_repository_is_the_package_s_whatever_git_s_variables_say(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert git_state(package) is not None
