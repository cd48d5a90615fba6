"""Files that may hold anything are read within bounds, or refused by name."""

import os
import socket
from pathlib import Path

import pytest

from irnn.runs.reading import UnreadableError, read_bytes, read_json, read_text, read_yaml

# A test that hangs here would be the fault itself.
pytestmark = pytest.mark.timeout(20)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x00\xff" * 1000)
    assert read_bytes(tmp_path / "x", 2000) == b"\x00\xff" * 1000


def test_a_larger_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.truncate(300_000_000_000)
    with pytest.raises(UnreadableError, match=r"x holds 300,000 MB, and more than 16 MB"):
        read_bytes(tmp_path / "x")


def test_a_pipe_nobody_writes_into_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(UnreadableError, match="x is a pipe, not a file"):
        read_json(tmp_path / "x")


def test_a_device_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("/dev/zero")
    with pytest.raises(UnreadableError, match="x is a device, not a file"):
        read_bytes(tmp_path / "x")


def test_a_folder_and_a_socket_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableError, match="is a folder, not a file"):
        read_bytes(tmp_path)
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("x")
        with pytest.raises((UnreadableError, OSError)):
            read_bytes(Path("x"))


def test_what_is_not_there_is_told_apart_from_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "x")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"\xff", b"9" * 5000, b'"\xed\xa0\x80"']
)
def test_what_is_no_json_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UnreadableError, match=r"x\.json is not"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a\tb: {",
        "\x00",
        "a: 2001-13-45",
        "!!python/object/apply:os.system [x]",
        "- {? {}: 1}",
    ],
)
def test_what_is_no_yaml_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UnreadableError, match=r"x\.yaml is not"):
        read_yaml(tmp_path / "x.yaml")


def test_aliases_are_refused_and_stars_in_text_are_not(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a: '*b'\nc: x*y\n")
    assert read_yaml(tmp_path / "x") == {"a": "*b", "c": "x*y"}
    (tmp_path / "x").write_text("a: &a {x: 1}\nb: {y: *a, z: *a}\n")
    with pytest.raises(UnreadableError, match="aliases"):
        read_yaml(tmp_path / "x")


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "? " * 10_000, "{a: " * 1000])
def test_what_nests_without_end_is_refused_and_crashes_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(UnreadableError, match="nests deeper than 50 levels"):
        read_yaml(tmp_path / "x")


def test_text_is_utf8(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes("ä".encode())
    assert read_text(tmp_path / "x") == "ä"
