"""Read sequences of (value, mask) from CSV and NPY files, whatever they are called."""

import io
import os
import stat
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from irnn.prediction.sequence_csv import SequenceFileError, read_csv
from irnn.runs.reading import MEGABYTE

__all__ = ["SequenceFileError", "read_sequences"]

MOST = 1024 * MEGABYTE
_NPY, _ARCHIVE = b"\x93NUMPY", b"PK\x03\x04"


def read_sequences(
    path: Path, largest: float = 3.4e38
) -> tuple[list[str], list[Tensor], list[str]]:
    """Read a file of sequences, or what a pipe brings.

    Args:
        path: CSV, or an array as NumPy saves it; which of them, its first bytes say.
        largest: magnitude beyond which the network cannot hold a value.

    Returns:
        The names of the sequences, for each a tensor (T, 2) of (value, mask), and what to tell about
        how the file was read.

    Raises:
        SequenceFileError: The file is missing, of another kind, or wrong at some row and column.
    """
    content = _content(path)
    if content.startswith(_NPY):
        array, notes = _array(content, path, largest)
        names = [str(number) for number in range(len(array))]
        sequences = list(torch.from_numpy(array))
    else:
        _refuse_other_kinds(content, path)
        names, rows = read_csv(content, str(path), largest)
        sequences, notes = [torch.tensor(steps, dtype=torch.float64) for steps in rows], []
    if not sequences:
        raise SequenceFileError(f"--input {path}: holds no sequence")
    return names, sequences, notes


def _content(path: Path) -> bytes:
    """Read a file, or a pipe to its end; a device that never ends is refused, and what is too large."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind) or stat.S_ISBLK(kind) or (stat.S_ISCHR(kind) and not _terminal(path)):
            what = "a folder" if stat.S_ISDIR(kind) else "a device"
            raise SequenceFileError(f"--input {path}: is {what}, not a file")
        with path.open("rb") as stream:
            content = stream.read(MOST + 1)
    except FileNotFoundError:
        raise SequenceFileError(f"--input {path}: no such file") from None
    except OSError as error:
        raise SequenceFileError(f"--input {path}: {error.strerror or error}") from error
    if len(content) > MOST:
        raise SequenceFileError(f"--input {path}: more than {MOST // MEGABYTE:,} MB; split it")
    return content


def _terminal(path: Path) -> bool:
    """Whether it is where a person types."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def _refuse_other_kinds(content: bytes, path: Path) -> None:
    if path.suffix.lower() == ".npy":
        raise SequenceFileError(f"{path}: not an NPY file of numbers; write it with numpy.save")
    if content.startswith(_ARCHIVE):
        raise SequenceFileError(
            f"--input {path}: a ZIP archive, such as NPZ or XLSX; give one array as NPY, or a CSV file"
        )


def _array(content: bytes, path: Path, largest: float) -> tuple[np.ndarray, list[str]]:
    """Read an array (N, T, 2), or (T, N, 2) where its marks show that; objects are never unpickled."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is refused below
            array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # what a damaged header makes of the reader has no end
        raise SequenceFileError(
            f"{path}: not an NPY file of numbers; it is damaged or holds objects. Write it again from "
            "an array of floats with numpy.save"
        ) from error
    if array.ndim != 3 or array.shape[2] != 2 or array.dtype.kind not in "fiub":
        raise SequenceFileError(
            f"{path}: an array of shape {array.shape} and type {str(array.dtype)[:60]}; it must be "
            "(N, T, 2) numbers"
        )
    if array.shape[0] == 0:
        raise SequenceFileError(f"--input {path}: holds no sequence")
    if array.shape[1] == 0:
        raise SequenceFileError(f"{path}: its sequences have no steps")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64)
    for wrong, column, what in (
        (~np.isfinite(array[:, :, 0]), 0, "is not finite"),
        (np.abs(array[:, :, 0]) > largest, 0, f"is too large for the network ({largest:.2g})"),
        (~np.isin(array[:, :, 1], (0.0, 1.0)), 1, "is neither 0 nor 1"),
    ):
        if wrong.any():
            row, step = (int(number) for number in np.argwhere(wrong)[0])
            name = ("value", "mask")[column]
            raise SequenceFileError(
                f"{path}, row {row}, step {step}, column {column} ({name}): {array[row, step, column]} {what}"
            )
    if not _two_marks_along(array, 1) and _two_marks_along(array, 0):
        note = (
            f"{path} is read as (T, N, 2) = {array.shape}: two marks stand along its first axis in each "
            "sequence, not along its second"
        )
        return np.ascontiguousarray(array.transpose(1, 0, 2)), [note]
    return np.ascontiguousarray(array), []


def _two_marks_along(array: np.ndarray, axis: int) -> bool:
    return bool((array[:, :, 1].sum(axis=axis) == 2).all())
