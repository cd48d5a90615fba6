"""A checkpoint that changed since it was written is never believed."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from irnn.runs import checkpoint
from irnn.runs.schemas import DamagedError

pytestmark = pytest.mark.timeout(60)  # a test that hangs here would be the fault itself

CPU = torch.device("cpu")
CONTENT: dict[str, Any] = {
    "run_id": "r",
    "weights": {"w": torch.arange(50.0)},
    "progress": {"step": 7},
}


def written(tmp_path: Path) -> Path:
    path = tmp_path / "last.pt"
    checkpoint.save(path, CONTENT)
    return path


def older(tmp_path: Path) -> Path:
    """Write one as it was before seals."""
    path = tmp_path / "last.pt"
    torch.save(CONTENT, path)
    return path


@pytest.mark.parametrize("make", [written, older])
def test_what_was_written_is_read_by_us_and_by_pytorch(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    for content in (checkpoint.load(path, CPU), torch.load(path, weights_only=True)):
        assert content["run_id"] == "r"
        assert content["progress"] == {"step": 7}
        assert torch.equal(content["weights"]["w"], torch.arange(50.0))


def test_a_change_of_any_single_byte_is_found(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(DamagedError, match="not a checkpoint"):
            checkpoint.load(path, CPU)


def test_an_end_that_is_missing_or_too_long_is_found(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 40), *range(len(whole) - 100, len(whole))]:
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedError, match="not a checkpoint"):
            checkpoint.load(path, CPU)
    for more in (b"\0", b"x" * 76, whole):
        path.write_bytes(whole + more)
        with pytest.raises(DamagedError, match="not a checkpoint"):
            checkpoint.load(path, CPU)


def test_a_changed_number_in_an_older_checkpoint_is_found(tmp_path: Path) -> None:
    path = older(tmp_path)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        (tensor,) = [entry for entry in archive.infolist() if entry.filename.endswith("data/0")]
        content = archive.read(tensor)
    begin = whole.index(content)
    for place in range(begin, begin + len(content)):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(DamagedError, match=r"check sum of its .*data/0"):
            checkpoint.load(path, CPU)


def test_a_packed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with (
        zipfile.ZipFile(older(tmp_path)) as archive,
        zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in archive.infolist():
            packed.writestr(entry.filename, archive.read(entry))
        packed.writestr("archive/data/1", bytes(50_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(DamagedError, match="would unpack to more than it has"):
        checkpoint.load(path, CPU)


@pytest.mark.parametrize("kind", ["pipe", "device", "zeros", "folder"])
def test_what_is_no_file_of_ours_is_refused_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "last.pt"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as stream:
            stream.truncate(300_000_000)
    with pytest.raises(DamagedError, match=r"last\.pt is damaged"):
        checkpoint.load(path, CPU)


def test_the_seal_is_of_the_bytes_before_it(tmp_path: Path) -> None:
    """So that somebody else can check it: the archive's comment, after its mark."""
    import hashlib

    path = written(tmp_path)
    comment = zipfile.ZipFile(path).comment
    assert comment.startswith(b"irnn sha256 ")
    before = path.read_bytes()[:-64]
    assert comment[-64:].decode() == hashlib.sha256(before).hexdigest()


LIKE: dict[str, Any] = {"model": {"w": torch.zeros(2, 3)}, "optimizer": {"count": 3}}


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        (5, "it has other entries"),
        ({"model": LIKE["model"]}, "it has other entries"),
        ({**LIKE, "more": 1}, "it has other entries"),
        ({**LIKE, "model": {"w": torch.zeros(1, 3)}}, r"model.w is \(1, 3\)"),
        ({**LIKE, "model": {"w": torch.zeros(2, 3, dtype=torch.float64)}}, "model.w is .*float64"),
        ({**LIKE, "model": {"w": [0.0]}}, "model.w is no tensor"),
        ({**LIKE, "optimizer": {"count": True}}, "optimizer.count is bool"),
        ({**LIKE, "optimizer": {"count": "3"}}, "optimizer.count is str"),
    ],
    ids=repr,
)
def test_weights_of_another_structure_do_not_fit(saved: Any, told: str) -> None:
    checkpoint.check_fits(LIKE, LIKE)
    with pytest.raises(ValueError, match=told):
        checkpoint.check_fits(saved, LIKE)


def test_a_seal_needs_an_archive_that_ends_as_zip_does() -> None:
    stream = io.BytesIO()
    torch.save({"w": torch.zeros(3)}, stream)
    assert checkpoint._comment_size(stream.getvalue()[-22:]) == 0
