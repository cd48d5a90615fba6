"""Files of sequences as they are in the wild: read as they are meant, or refused by row and column."""

import os
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from irnn.prediction.sequence_files import SequenceFileError, read_sequences
from irnn.tasks.adding import Adding

KIND = Adding().input_file
pytestmark = pytest.mark.timeout(60)
PLAIN = "sequence,value,mask\na,0.5,1\na,0.25,1\nb,0.125,0\n"
EXPECTED = {"a": [[0.5, 1], [0.25, 1]], "b": [[0.125, 0]]}


def read(path: Path) -> dict[str, Any]:
    names, sequences, _ = read_sequences(path, KIND)
    return {name: each.tolist() for name, each in zip(names, sequences, strict=True)}


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", ";").replace(".", ",").encode(),
        PLAIN.replace(",", "\t").replace(".", ",").encode(),
        ("sep=;\n" + PLAIN.replace(",", ";")).encode(),
        ('"sep=;"\r\n' + PLAIN.replace(",", ";")).encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.replace(",", "\t").encode("utf-16-be"),
        ("\ufeffsep=;\r\n" + PLAIN.replace(",", ";").replace(".", ",")).encode(),
        PLAIN.upper().replace("A,", "a,").replace("B,", "b,").encode(),
        PLAIN.replace("\n", "\n\n").encode() + b",,\n",
        PLAIN.replace("0.5", ".5").replace("0.125", "125e-3").replace("1\n", " +1 \n").encode(),
        b"note,mask,value,sequence\n,1,0.5,a\nx,1,0.25,a\n,0,0.125,b\n",
        b'"sequence","value","mask"\n"a","0,5","1"\n"a","0,25",1\n"b","0,125",0\n',
        b"step,sequence,value,mask\n1,a,0.25,1\n0,b,0.125,0\n0,a,0.5,1\n",
        b"sequence,step,value,mask\na,2.0,0.25,1\na,1,0.5,1\nb,1,0.125,0\n",
    ],
)
def test_one_table_is_read_the_same_however_it_is_written(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.txt"
    path.write_bytes(content)
    assert read(path) == EXPECTED


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"sequence,value,mask\na,1e39,1\n", "row 2, column value: 1e39 is too large for the network"),
        (b"sequence,value,mask\na,1e400,1\n", "row 2, column value: 1e400 is not finite"),
        (b"sequence,value,mask\na,1_0.5,1\n", "row 2, column value: '1_0.5' is not a number"),
        ("sequence,value,mask\na,٣,1\n".encode(), "row 2, column value: '٣' is not a number"),
        (b"sequence,value,mask\na,0x10,1\n", "row 2, column value: '0x10' is not a number"),
        (b"sequence,value,mask\na,-inf,1\n", "row 2, column value: -inf is not finite"),
        (b"sequence,value,mask,value\na,1,1,2\n", "row 1: the column value is there twice"),
        (b"sequence,value,mask\na,0,5,1\n", "row 2: not 3 columns as in the header (decimal commas need"),
        (b"sequence;value;mask\na;0,5;1\na;1.234,5;0\n", "row 3, column value: '1.234,5' is not a number"),
        (b"sequence;value;mask\na;0.5;1\na;1,234;0\n", "row 3, column value: 1,234 has a decimal comma"),
        (b"sequence,value,mask\n,0.5,1\n", "row 2, column sequence: is empty"),
        (b'sequence,value,mask\n"a,0.5,1\n', "its quotes do not match"),
        (b"sequence,value,mask\n" + b"a" * 200_000 + b",1,1\n", "row 2: its quotes do not match, or a cell"),
        (b"sequence,value,mask\n\xff,0.5,1\n", "row 2: not a CSV file in UTF-8 or UTF-16"),
        (PLAIN.encode("utf-16-le"), "row 1: holds a NUL character; save it as CSV UTF-8"),
        (b"sequence,step,value,mask\na,0,1,1\na,0,1,0\n", "row 3, column step: sequence a has step 0 twice"),
        (b"sequence,step,value,mask\na,0,1,1\na,2,1,0\n", "column step: sequence a has no step 1"),
        (b"sequence,step,value,mask\na,7,1,1\n", "column step: sequence a has no step 1"),
        (b"sequence,step,value,mask\na,0.5,1,1\n", "row 2, column step: '0.5' is no whole number"),
        (b"sep=;\nsequence;value;mask\na;x;1\n", "row 3, column value: 'x' is not a number"),
        (b"PK\x03\x04rest", "a ZIP archive, such as NPZ or XLSX"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_row_and_column(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(SequenceFileError, match=re.escape(message)):
        read_sequences(path, KIND)


def test_a_gap_in_the_steps_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("sequence,step,value,mask\n" + "".join(f"a,{n},1,0\n" for n in (1, 2, 3, 5)))
    with pytest.raises(SequenceFileError, match="sequence a has no step 4"):
        read_sequences(path, KIND)


@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_a_pipe_is_read_to_its_end(tmp_path: Path, kind: str) -> None:
    """As a shell's `<(cat x.csv)` is: a pipe without an ending."""
    array = np.zeros((2, 5, 2))
    np.save(tmp_path / "x.npy", array)
    content = PLAIN.encode() if kind == "csv" else (tmp_path / "x.npy").read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    found = read(pipe)
    writer.join()
    assert found == (EXPECTED if kind == "csv" else {"0": [[0, 0]] * 5, "1": [[0, 0]] * 5})


def test_a_device_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path, what in ((Path("/dev/zero"), "is a device"), (tmp_path, "is a folder")):
        with pytest.raises(SequenceFileError, match=what):
            read_sequences(path, KIND)


def two_marks(sequences: int, steps: int) -> np.ndarray:
    array = np.random.default_rng(0).random((sequences, steps, 2))
    array[..., 1] = 0
    for row in range(sequences):
        array[row, [row % steps, (row + 3) % steps], 1] = 1
    return array


def test_an_array_with_time_first_is_read_as_such_and_says_so(tmp_path: Path) -> None:
    array = two_marks(4, 9)
    np.save(tmp_path / "n.npy", array)
    np.save(tmp_path / "t.npy", array.transpose(1, 0, 2))
    usual, turned = (read_sequences(tmp_path / name, KIND) for name in ("n.npy", "t.npy"))
    assert [each.tolist() for each in usual[1]] == [each.tolist() for each in turned[1]]
    assert usual[2] == []
    assert "is read as (T, N, 2) = (9, 4, 2)" in turned[2][0]


@pytest.mark.parametrize("kind", [np.float16, np.float32, ">f8", np.uint8, np.longdouble])
def test_numbers_of_any_kind_and_order_are_read(tmp_path: Path, kind: Any) -> None:
    array = np.asfortranarray(np.ones((2, 4, 2)).astype(kind))
    array[:, 2:, 1] = 0
    np.save(tmp_path / "x.npy", array)
    steps = [[1, 1], [1, 1], [1, 0], [1, 0]]
    assert read(tmp_path / "x.npy") == {"0": steps, "1": steps}


def test_values_that_the_network_cannot_hold_are_refused_in_arrays_too(tmp_path: Path) -> None:
    array = np.ones((2, 3, 2))
    array[1, 2, 0] = 1e39
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(
        SequenceFileError, match=r"row 1, step 2, column 0 \(value\): 1e\+39 is too large"
    ):
        read_sequences(tmp_path / "x.npy", KIND)


HEADERS = [
    "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3, 2), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999, 3, 2), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 3, 2), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1e9, 3, 2), }",
    "{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 300,
    "{'descr': '<f9', 'fortran_order': False, 'shape': (2, 3, 2), }",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2, 3, 2), }",
    "{'descr': 'O', 'fortran_order': False, 'shape': (2, 3, 2), }",
    "{'descr': ('<f8', (10**10,)), 'fortran_order': False, 'shape': (2,), }",
    "\n  {'descr'\n {",
    "\x00\x00",
    "((((((((((",
    "{1: 2}",
    "[]",
    "'''",
    "{'shape': " + "9" * 5000 + "}",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("version", [b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x09"])
def test_a_damaged_array_is_refused_in_our_own_words(
    tmp_path: Path, header: str, version: bytes
) -> None:
    """What NumPy says of it may advise to allow pickles, or be a tokenizer's error."""
    length = len(header).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY" + version + length + header.encode() + b"\0" * 40)
    with pytest.raises(SequenceFileError) as refused:
        read_sequences(tmp_path / "x.npy", KIND)
    assert "pickle" not in str(refused.value)
    assert "numpy.save" in str(refused.value)


def test_an_array_with_any_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 3, 2)))
    whole = (tmp_path / "x.npy").read_bytes()
    for at in range(len(whole)):
        for flip in (1, 32, 128):
            damaged = bytearray(whole)
            damaged[at] ^= flip
            (tmp_path / "y").write_bytes(damaged[: None if at % 3 else at])
            with suppress(SequenceFileError):
                read_sequences(tmp_path / "y", KIND)
