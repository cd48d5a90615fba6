"""A lock's files that were damaged, or are no files: waited for a bounded time, or refused by their names."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from irnn.runs.claims import Claim, Owner
from irnn.runs.directory import RunDirectory
from irnn.runs.schemas import DamagedError

GOOD: dict[str, Any] = {"host": "h", "pid": 1, "since": "2026", "patience": 2.0, "local": False}
BAD = [
    *({**GOOD, "patience": value} for value in ("abc", None, [1], True, -5, 0, 1e300)),
    {**GOOD, "host": {}},
    {**GOOD, "pid": "x"},
    {**GOOD, "local": "no"},
    {"host": "h"},
    5,
]
BROKEN = [*map(json.dumps, BAD), '{"patience": NaN}', "[" * 100_000, "", "\x00\x01", "x" * 100_000]


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: repr(text[:70]))
def test_a_damaged_claim_says_nothing_and_raises_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / ".lock.1").write_text(text)
    assert Claim(tmp_path / ".lock.1", 1, False).owner() is None


def test_a_claim_says_whose_it_is_also_in_the_words_of_a_newer_version(tmp_path: Path) -> None:
    (tmp_path / ".lock.1").write_text(json.dumps({**GOOD, "more": 1}))
    owner = Claim(tmp_path / ".lock.1", 1, False).owner()
    assert owner == Owner("h", 1, "2026", 2.0)


def to_nothing(path: Path) -> None:
    path.symlink_to("/nosuch/file")


def to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", [".lock", ".lock.1", ".lock.1.free"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, to_nothing, to_a_device])
def test_what_is_no_file_in_the_place_of_a_lock_is_refused_by_its_name(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / name)
    with (
        pytest.raises(DamagedError, match=rf"{name} is damaged .*no file\); remove it, if"),
        RunDirectory(tmp_path).locked(patience=1),
    ):
        pass
