"""What is no file, or may not be read, is refused in its own words and never waited for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.runs.schemas import DamagedError, Provenance, read_as
from irnn.spec.config import ConfigError
from irnn.spec.saved import load_config
from irnn.sweeps import record


def test_a_file_that_may_not_be_read_is_not_called_a_reason_to_start_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DamagedError, match="Permission denied") as caught:
        RunDirectory(tmp_path).read_result()
    assert "force" not in str(caught.value)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def large(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(300_000_000)  # zeros, of which none is stored


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [pipe, device, large, folder])
@pytest.mark.parametrize("name", ["result.json", "provenance.json", "metrics.jsonl", "sweep.json"])
def test_what_is_no_file_of_ours_is_refused_and_never_waited_for(
    tmp_path: Path, make: Callable[[Path], None], name: str
) -> None:
    make(tmp_path / name)
    directory = RunDirectory(tmp_path)
    readers: dict[str, Callable[[], object]] = {
        "result.json": directory.read_result,
        "provenance.json": lambda: read_as(directory.provenance, Provenance),
        "metrics.jsonl": lambda: read_records(directory.metrics),
        "sweep.json": lambda: record.read(tmp_path),
    }
    with pytest.raises(DamagedError, match=name):
        readers[name]()


@pytest.mark.parametrize("make", [pipe, device, large, folder])
def test_a_configuration_that_is_no_file_is_refused_and_never_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "config.yaml")
    with pytest.raises(ConfigError, match=r"config\.yaml: not a configuration"):
        load_config(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    "text",
    ["", "5", "[]", "seed", "optim: 0", "seed: [", "[" * 100_000, "a: &a [x, x]\nb: [*a, *a]\n"],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.yaml: not a configuration"):
        load_config(tmp_path / "config.yaml")
