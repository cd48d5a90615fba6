"""Read a task's sequences from CSV and NPY files, whatever they are called."""

import io
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from irnn.prediction.answers import Sequences
from irnn.prediction.drawn import CHUNK_STEPS
from irnn.prediction.sequence_csv import SequenceFileError, Steps, read_csv
from irnn.runs.reading import MEGABYTE
from irnn.tasks.input_file import InputFile

__all__ = ["SequenceFileError", "by_length", "read_sequences"]

MOST = 1024 * MEGABYTE
_NPY, _ARCHIVE = b"\x93NUMPY", b"PK\x03\x04"


def read_sequences(
    path: Path, kind: InputFile, largest: float = 3.4e38
) -> tuple[list[str], list[Tensor], list[str]]:
    """Read a file of sequences, or what a pipe brings.

    Args:
        path: CSV, or an array as NumPy saves it; which of them, its first bytes say.
        kind: what a step of the task holds.
        largest: magnitude beyond which the network cannot hold a value.

    Returns:
        The names of the sequences, for each a tensor (T, F), such as of (value, mask), and what to tell
        about how the file was read.

    Raises:
        SequenceFileError: The file is missing, of another kind, or wrong at some row and column.
    """
    content = _content(path)
    if content.startswith(_NPY):
        array, notes = _array(content, path, largest, kind)
        names = [str(number) for number in range(len(array))]
        sequences = list(torch.from_numpy(array))
    else:
        _refuse_other_kinds(content, path)
        names, rows = read_csv(content, str(path), largest, kind)
        sequences, notes = [_tensor(steps, kind) for steps in rows], []
    if not sequences:
        raise SequenceFileError(f"--input {path}: holds no sequence")
    for name, sequence in zip(names, sequences, strict=True):
        if kind.steps not in (None, len(sequence)):
            raise SequenceFileError(
                f"{path}, sequence {name}: has {len(sequence):,} steps; each has to have {kind.steps:,} of "
                f"this task, {kind.meaning or 'as in training'}"
            )
    return names, sequences, notes


def by_length(names: Sequence[str], sequences: Sequence[Tensor]) -> Iterator[Sequences]:
    """Put some sequences (T, F) of one length together at a time."""
    lengths: dict[int, list[int]] = {}
    for place, sequence in enumerate(sequences):
        lengths.setdefault(len(sequence), []).append(place)
    for steps, places in lengths.items():
        rows = max(1, CHUNK_STEPS // steps)
        for start in range(0, len(places), rows):
            some = places[start : start + rows]
            together = torch.stack([sequences[place] for place in some], dim=1)
            yield Sequences(some, [names[place] for place in some], together)


def _tensor(steps: Steps, kind: InputFile) -> Tensor:
    found = torch.tensor(steps, dtype=torch.float64)
    if kind.one_hot:
        return torch.nn.functional.one_hot(found[:, 0].long(), len(kind.features)).double()
    return found


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


def _array(
    content: bytes, path: Path, largest: float, kind: InputFile
) -> tuple[np.ndarray, list[str]]:
    """Read an array (N, T, F), or (T, N, F) where its marks show that; objects are never unpickled."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is refused below
            array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # what a damaged header makes of the reader has no end
        raise SequenceFileError(
            f"{path}: not an NPY file of numbers; it is damaged or holds objects. Write it again from "
            "an array of floats with numpy.save"
        ) from error
    if array.ndim == 2 and len(kind.features) == 1:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] != len(kind.features) or array.dtype.kind not in "fiub":
        raise SequenceFileError(
            f"{path}: an array of shape {array.shape} and type {str(array.dtype)[:60]}; it must be "
            f"{kind.shape}"
        )
    if array.shape[0] == 0:
        raise SequenceFileError(f"--input {path}: holds no sequence")
    if array.shape[1] == 0:
        raise SequenceFileError(f"{path}: its sequences have no steps")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64)
    _check_numbers(array, path, largest, kind)
    if kind.marks is None:
        return np.ascontiguousarray(array), []
    marks = array[:, :, kind.features.index(kind.marks)]
    if (marks.sum(axis=1) == kind.marked).all() or not (marks.sum(axis=0) == kind.marked).all():
        return np.ascontiguousarray(array), []
    note = (
        f"{path} is read as (T, N, {array.shape[2]}) = {array.shape}: {kind.marks} is 1 at {kind.marked} "
        "steps of each sequence along its first axis, not along its second"
    )
    return np.ascontiguousarray(array.transpose(1, 0, 2)), [note]


def _check_numbers(array: np.ndarray, path: Path, largest: float, kind: InputFile) -> None:
    """Refuse the first number that cannot stand where it stands."""
    low, high = kind.bounds or (-np.inf, np.inf)
    for column, name in enumerate(kind.features):
        part = array[:, :, column]
        if kind.one_hot or name == kind.marks:
            checks = [(~np.isin(part, (0.0, 1.0)), "is neither 0 nor 1")]
        else:
            checks = [
                (~np.isfinite(part), "is not finite"),
                (np.abs(part) > largest, f"is too large for the network ({largest:.2g})"),
                ((part < low) | (part > high), f"is not between {low:g} and {high:g}"),
            ]
        for wrong, what in checks:
            if wrong.any():
                row, step = (int(number) for number in np.argwhere(wrong)[0])
                raise SequenceFileError(
                    f"{path}, row {row}, step {step}, column {column} ({name}): {part[row, step]} {what}"
                )
    if kind.one_hot and (several := array.sum(axis=2) != 1).any():
        row, step = (int(number) for number in np.argwhere(several)[0])
        raise SequenceFileError(
            f"{path}, row {row}, step {step}: {array[row, step].sum():g} features are 1; a step has one "
            f"symbol of {' '.join(kind.features)}"
        )
