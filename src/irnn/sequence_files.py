"""Read sequences of (value, mask) from CSV and NPY files, and say exactly where a file is wrong."""

import csv
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

COLUMNS = ("sequence", "value", "mask")


class SequenceFileError(ValueError):
    """A file that cannot be read; the message names row and column."""


def read_sequences(path: Path) -> tuple[list[str], list[Tensor]]:
    """Read a file of sequences.

    Returns:
        The names of the sequences, and for each a tensor (T, 2) of (value, mask).

    Raises:
        SequenceFileError: The file is missing, of another kind, or wrong at some row and column.
    """
    if not path.is_file():
        raise SequenceFileError(f"--input {path}: no such file")
    match path.suffix.lower():
        case ".csv":
            try:
                names, found = _read_csv(path)
            except OSError as error:
                raise SequenceFileError(f"--input {path}: {error.strerror}") from error
        case ".npy":
            names, found = _read_npy(path)
        case other:
            raise SequenceFileError(f"--input {path}: a {other or 'file without ending'} is neither "
                                    ".csv nor .npy")  # fmt: skip
    if not found:
        raise SequenceFileError(f"--input {path}: holds no sequence")
    return names, found


def _read_csv(path: Path) -> tuple[list[str], list[Tensor]]:
    """Read one row per step; a row is named by its line in the file."""
    steps: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="", encoding="utf-8-sig") as stream:
        try:
            reader = csv.DictReader(stream, strict=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise SequenceFileError(
                    f"{path}, row 1: no column {', '.join(missing)}; the header must name "
                    f"{', '.join(COLUMNS)}, and is {','.join(header) or 'empty'}"
                )
            reader.fieldnames = header
            for row in reader:
                place = f"{path}, row {reader.line_num}"
                if None in row or None in row.values():
                    raise SequenceFileError(f"{place}: not {len(header)} columns as in the header")
                value = _number(row["value"], f"{place}, column value")
                mask = _number(row["mask"], f"{place}, column mask")
                if mask not in (0.0, 1.0):
                    raise SequenceFileError(
                        f"{place}, column mask: {row['mask']} is neither 0 nor 1"
                    )
                steps.setdefault(row["sequence"].strip(), []).append((value, mask))
        except (csv.Error, UnicodeDecodeError) as error:
            raise SequenceFileError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    return list(steps), [torch.tensor(rows, dtype=torch.float64) for rows in steps.values()]


def _number(text: str, place: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise SequenceFileError(f"{place}: {text!r} is not a number") from None
    if not math.isfinite(number):
        raise SequenceFileError(f"{place}: {text} is not finite")
    return number


def _read_npy(path: Path) -> tuple[list[str], list[Tensor]]:
    """Read an array (N, T, 2); pickled objects are refused, since loading them runs code."""
    try:
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("an archive of several arrays")
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise SequenceFileError(f"{path}: not an NPY file of numbers ({error})") from error
    if array.ndim != 3 or array.shape[2] != 2 or array.dtype.kind not in "fiub":
        raise SequenceFileError(
            f"{path}: an array of shape {array.shape} and type {array.dtype}; it must be (N, T, 2) numbers"
        )
    if array.shape[1] == 0:
        raise SequenceFileError(f"{path}: its sequences have no steps")
    array = array.astype(np.float64)
    for wrong, column, what in (
        (~np.isfinite(array[:, :, 0]), 0, "is not finite"),
        (~np.isin(array[:, :, 1], (0.0, 1.0)), 1, "is neither 0 nor 1"),
    ):
        if wrong.any():
            row, step = (int(number) for number in np.argwhere(wrong)[0])
            name = ("value", "mask")[column]
            raise SequenceFileError(
                f"{path}, row {row}, step {step}, column {column} ({name}): {array[row, step, column]} {what}"
            )
    return [str(number) for number in range(len(array))], list(torch.from_numpy(array))
