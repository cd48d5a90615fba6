"""Many ways of naming runs: globs, run ids, lists; and folders that cannot be looked into are named."""

import os

import pytest
from synthetic_runs import write_run

from irnn.reporting.folders import expand, find_folders
from irnn.reporting.select import select


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Three runs in a folder whose name is a glob of another."""
    root = tmp_path / "runs [1]"
    folders = [write_run(root, seed=seed) for seed in range(3)]
    write_run(tmp_path / "runs 1", seed=7)
    monkeypatch.chdir(tmp_path)
    return folders


def test_a_folder_with_brackets_is_found_by_its_name_and_in_globs(runs):
    assert find_folders(["runs [1]/*-s0-*"]) == runs[:1]
    assert find_folders(["runs [1]/*-s[12]-*"]) == runs[1:]
    assert find_folders(["runs [1]"]) == runs
    assert len(find_folders(["runs*"])) == 4
    assert find_folders(["run? [[]1]"]) == runs


def test_a_glob_with_brackets_still_is_one_where_no_such_folder_is(runs):
    assert len(find_folders(["runs [[]1]/*s[0-9]*"])) == 3
    assert find_folders([f"{runs[0].parent}/*s[!0]-*"]) == runs[1:]


def test_a_run_id_is_looked_up_in_the_folder_of_runs(runs, monkeypatch):
    monkeypatch.setenv("IRNN_RUNS", str(runs[0].parent))
    assert find_folders([runs[1].name, runs[0].name]) == [runs[1], runs[0]]
    assert find_folders(["irnn-*-s2-*"]) == runs[2:]
    monkeypatch.setenv("IRNN_RUNS", "elsewhere")
    with pytest.raises(ValueError, match="a run id of elsewhere or a glob"):
        expand(runs[0].name)


def test_a_file_lists_what_is_meant(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("IRNN_RUNS", str(runs[0].parent))
    (tmp_path / "list").write_text(
        f"# the good ones\n{runs[0]}\n\n  {runs[2].name}\nruns [1]/*s0*\n"
    )
    assert find_folders(["@list"]) == [runs[0], runs[2]]
    for name, message in (("@none", "cannot be read: No such file"), ("@runs 1", "is a folder")):
        with pytest.raises(ValueError, match=message):
            find_folders([name])


@pytest.mark.parametrize(
    "name", ["x" * 300, "~nosuchuser/r", "a\0b", "loop", "file/below", "*", "@" + "y" * 300]
)
def test_a_path_that_is_nowhere_is_refused_in_a_line(report, tmp_path, monkeypatch, name):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    status, _, errors = report(name)
    assert status == 2
    assert errors.count("\n") == 1


def test_a_working_folder_that_is_gone_is_no_traceback(report, runs, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert report(runs[0])[0] == 0
    status, _, errors = report("runs", "--out", "out")
    assert (status, errors.count("\n")) == (2, 1)
    status, _, errors = report(runs[0], "--out", "out")
    assert status == 2
    assert "--out=out cannot be written" in errors
    monkeypatch.chdir(tmp_path)


def test_a_percent_sign_in_the_folder_of_runs_does_not_end_help(report, monkeypatch):
    monkeypatch.setenv("IRNN_RUNS", "/d/50%s")
    status, screen, _ = report("--help")
    assert status == 0
    assert "/d/50%s" in "".join(screen.split())


class Denied:
    """Let some folders be unreadable, to root too."""

    def __init__(self, monkeypatch, *folders):
        self.folders = {str(folder) for folder in folders}
        self.scandir = os.scandir
        monkeypatch.setattr(os, "scandir", self)

    def __call__(self, path="."):
        if str(path) in self.folders:
            raise PermissionError(13, "Permission denied", str(path))
        return self.scandir(path)


def test_a_folder_that_may_not_be_read_is_named(report, runs, monkeypatch):
    Denied(monkeypatch, runs[1])
    status, screen, _ = report(runs[0].parent)
    assert status == 0
    assert screen.startswith("2 runs: 2 solved, 1 skipped")
    assert f"Skipped {runs[1].name}: cannot be read: Permission denied" in screen


def test_that_no_folder_may_be_read_is_told(report, runs, monkeypatch):
    Denied(monkeypatch, *runs)
    status, _, errors = report(runs[0].parent)
    assert status == 2
    assert errors.count("cannot be read: Permission denied") == 3
    assert len(select([str(runs[0].parent)]).skipped) == 3
