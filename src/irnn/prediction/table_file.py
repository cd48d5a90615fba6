"""The file that answers are written to: a table of CSV, beside and renamed, and never over anything else."""

import csv
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from irnn.prediction.errors import InputError
from irnn.runs.layout import CONFIG
from irnn.system.atomic import replacing
from irnn.system.table_cells import neutral
from irnn.tasks.input_file import Cells

Write = Callable[[Sequence[Cells]], None]


@contextmanager
def writing(path: Path | None, fields: Sequence[str]) -> Iterator[Write | None]:
    """Write answers beside `path` and rename them into place; a pipe or device is written to as it is.

    Without a path nothing is written, and None is given.

    Raises:
        InputError: It cannot be written; an older table of that name is still whole.
    """
    if path is None:
        yield None
        return
    target = _checked(path, fields)
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            with target.open("w", newline="", encoding="utf-8") as stream:
                yield _writer(stream, fields)
            return
        with replacing(target) as beside, beside.open("w", newline="", encoding="utf-8") as stream:
            yield _writer(stream, fields)
            stream.flush()
    except OSError as error:
        raise _not_written(path, error) from error


def _checked(path: Path, fields: Sequence[str]) -> Path:
    """Give the file to write to; refuse what is something else than a table of these columns.

    Raises:
        InputError: It is a folder, another file, or would be taken for a file of a run.
    """
    try:
        target = path.resolve()
        if target.is_dir():
            raise InputError(f"--output {path}: is a folder; name a file in it")
        if target.is_file() and target.stat().st_size:
            with target.open("rb") as stream:
                if not stream.readline(1000).startswith(",".join(fields).encode()):
                    raise InputError(
                        f"--output {path}: there is another file, which is left as it is; give another name"
                    )
        folders = (target.parent, target.parent.parent)
        if target.suffix != ".csv" and any((f / CONFIG).exists() for f in folders):
            raise InputError(f"--output {path}: a run's folder; end the name in .csv")
    except (OSError, RuntimeError) as error:
        raise _not_written(path, error) from error
    return target


def _not_written(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    return InputError(f"--output {path}: {reason}")


def _writer(stream: TextIO, fields: Sequence[str]) -> Write:
    writer = csv.DictWriter(stream, fields)
    writer.writeheader()

    def write(rows: Sequence[Cells]) -> None:
        writer.writerows({**row, "sequence": neutral(row["sequence"])} for row in rows)

    return write
