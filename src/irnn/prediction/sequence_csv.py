"""Read sequences from CSV as programs and spreadsheets write it, and say exactly where a file is wrong."""

import csv
import io
import math
import re
from collections.abc import Iterator

from irnn.tasks.input_file import InputFile

SEQUENCE, STEP = "sequence", "step"
_DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_WHOLE = re.compile(r"\d{1,15}(\.0*)?", re.ASCII)
_MARKS = ((b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"),
          (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))  # fmt: skip

Steps = list[tuple[float, ...]]


class SequenceFileError(ValueError):
    """A file that cannot be read; the message names row and column."""


def read_csv(
    content: bytes, name: str, largest: float, kind: InputFile
) -> tuple[list[str], list[Steps]]:
    """Read one row per step, in the order of the file or of a column `step`.

    Columns are parted by commas, semicolons or tabs, as the header or a first line `sep=` shows; numbers
    may have decimal commas; the text is UTF-8, or UTF-16 with its mark.

    Args:
        content: the file.
        name: what to call it in messages, which count its lines from 1.
        largest: magnitude beyond which the network cannot hold a value.
        kind: what a step holds.

    Returns:
        The names of the sequences in order of appearance, and the features of each one's steps; of a
        symbol, its number.

    Raises:
        SequenceFileError: It is wrong at some row and column.
    """
    return _Reader(_text(content, name), name, largest, kind).read()


def _text(content: bytes, name: str) -> str:
    encoding = next((kind for mark, kind in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise SequenceFileError(
            f"{name}, row {row}: not a CSV file in UTF-8 or UTF-16; save it as CSV UTF-8"
        ) from None
    if "\0" in text:
        row = text[: text.index("\0")].count("\n") + 1
        raise SequenceFileError(f"{name}, row {row}: holds a NUL character; save it as CSV UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Reader:
    def __init__(self, text: str, name: str, largest: float, kind: InputFile) -> None:
        self.name, self.largest, self.kind = name, largest, kind
        self.columns = (SEQUENCE, *kind.columns)
        first, _, rest = text.partition("\n")
        declared = re.fullmatch(r"\"?sep=(.)\"?", first.strip("\n "))
        self.skipped = 1 if declared else 0
        self.text = rest if declared else text
        self.delimiter = declared.group(1) if declared else _delimiter(first, self.columns)
        self.decimal: tuple[str, int] | None = None
        """The decimal sign that was met first, and the row."""

    def read(self) -> tuple[list[str], list[Steps]]:
        rows = self._rows()
        header = [cell.strip().casefold() for cell in next(rows, (0, []))[1]]
        places = self._places(header)
        found: dict[str, dict[int, tuple[float, ...]]] = {}
        for row, cells in rows:
            if len(cells) != len(header):
                hint = " (decimal commas need ; or tabs between columns)" * (self.delimiter == ",")
                more = hint if len(cells) > len(header) else ""
                raise self._error(row, f"not {len(header)} columns as in the header{more}")
            sequence = cells[places[SEQUENCE]].strip()
            if not sequence:
                raise self._error(row, "column sequence: is empty")
            steps = found.setdefault(sequence, {})
            at = self._step(row, cells[places[STEP]]) if STEP in places else len(steps)
            if at in steps:
                raise self._error(row, f"column step: sequence {sequence} has step {at} twice")
            steps[at] = tuple(
                self._feature(row, column, cells[places[column]]) for column in self.kind.columns
            )
        return list(found), [self._ordered(name, steps) for name, steps in found.items()]

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Give the rows that hold something, each with the number of its line."""
        reader = csv.reader(io.StringIO(self.text), delimiter=self.delimiter, strict=True)
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield reader.line_num + self.skipped, cells
        except csv.Error:
            row = reader.line_num + self.skipped
            raise self._error(row, "its quotes do not match, or a cell is too long") from None

    def _places(self, header: list[str]) -> dict[str, int]:
        wanted = (*self.columns, STEP)
        missing = [name for name in self.columns if name.casefold() not in header]
        row = 1 + self.skipped
        if missing:
            raise self._error(
                row,
                f"no column {', '.join(missing)}; the header must name {', '.join(self.columns)}, and is "
                f"{','.join(header)[:200] or 'empty'}",
            )
        twice = [name for name in wanted if header.count(name.casefold()) > 1]
        if twice:
            raise self._error(row, f"the column {twice[0]} is there twice; leave one out")
        folded = {name: name.casefold() for name in wanted}
        return {name: header.index(key) for name, key in folded.items() if key in header}

    def _ordered(self, sequence: str, steps: dict[int, tuple[float, ...]]) -> Steps:
        first, last = min(steps), max(steps)
        if first > 1 or last - first + 1 != len(steps):
            at = next(step for step in range(min(first, 1), last + 1) if step not in steps)
            raise SequenceFileError(
                f"{self.name}, column step: sequence {sequence} has no step {at}"
            )
        return [steps[at] for at in sorted(steps)]

    def _step(self, row: int, cell: str) -> int:
        text = cell.strip()
        if not _WHOLE.fullmatch(text):
            raise self._error(row, f"column step: {text[:60]!r} is no whole number from 0 or 1 on")
        return int(text.partition(".")[0])

    def _feature(self, row: int, column: str, cell: str) -> float:
        if self.kind.one_hot:
            return self._symbol(row, cell.strip())
        value = self._number(row, column, cell)
        bounds = self.kind.bounds
        wrong = None
        if column == self.kind.marks:
            wrong = None if value in (0.0, 1.0) else "is neither 0 nor 1"
        elif abs(value) > self.largest:
            wrong = f"is too large for the network ({self.largest:.2g})"
        elif bounds is not None and not bounds[0] <= value <= bounds[1]:
            wrong = f"is not between {bounds[0]:g} and {bounds[1]:g}"
        if wrong:
            raise self._error(row, f"column {column}: {cell.strip()} {wrong}")
        return value

    def _symbol(self, row: int, cell: str) -> float:
        if cell not in self.kind.features:
            allowed = " ".join(self.kind.features)
            raise self._error(row, f"column symbol: {cell[:60]!r} is none of {allowed}")
        return self.kind.features.index(cell)

    def _number(self, row: int, column: str, cell: str) -> float:
        text = cell.strip()
        if _NOT_FINITE.fullmatch(text):
            raise self._error(row, f"column {column}: {text} is not finite")
        comma = _DECIMAL_COMMA.fullmatch(text) is not None
        if not comma and not _NUMBER.fullmatch(text):
            raise self._error(row, f"column {column}: {text[:60]!r} is not a number")
        if comma or "." in text:
            self._check_decimal(row, column, text, "comma" if comma else "point")
        number = float(text.replace(",", "."))
        if not math.isfinite(number):
            raise self._error(row, f"column {column}: {text[:60]} is not finite")
        return number

    def _check_decimal(self, row: int, column: str, text: str, sign: str) -> None:
        """Refuse a file with two kinds of decimal signs: one of them may separate thousands."""
        self.decimal = self.decimal or (sign, row)
        if self.decimal[0] != sign:
            raise self._error(
                row, f"column {column}: {text} has a decimal {sign}, and row {self.decimal[1]} a "
                f"{self.decimal[0]}; use one of them in the whole file",
            )  # fmt: skip

    def _error(self, row: int, what: str) -> SequenceFileError:
        mark = "," if what.startswith("column") else ":"
        return SequenceFileError(f"{self.name}, row {row}{mark} {what}")


def _delimiter(header: str, columns: tuple[str, ...]) -> str:
    """Choose what parts the header into the columns that there must be."""
    for delimiter in _DELIMITERS:
        names = [cell.strip().strip('"').strip().casefold() for cell in header.split(delimiter)]
        if {name.casefold() for name in columns} <= set(names):
            return delimiter
    return max(_DELIMITERS, key=header.count)
