"""Many runs, read as reports read them."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

    from irnn.reporting.run import Loaded

_NO_PANDAS = (
    "frame() needs pandas: pip install 'irnn[pandas]' (records() gives the same as plain dicts)"
)


class Runs:
    """Runs that were loaded together, finished or not.

    Args:
        loaded: what was read.
    """

    def __init__(self, loaded: "Loaded") -> None:
        self.loaded = loaded

    @property
    def skipped(self) -> list[tuple[Path, str]]:
        """Folders that look like runs and could not be read, each with the reason."""
        return [(each.path, each.reason) for each in self.loaded.skipped]

    def records(self) -> list[dict[str, Any]]:
        """Give a dict for each run: results, then settings (`config.*`), then `provenance.*`.

        The keys are the columns of a report's `summary.csv`; what is not known is None.
        """
        from irnn.reporting.export import rows

        return [dict(row) for row in rows(self.loaded.runs)]

    def frame(self) -> "pandas.DataFrame":
        """Give `records` as a pandas DataFrame, one row for each run.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(_NO_PANDAS) from error
        return pandas.DataFrame(self.records())

    def evaluations(self) -> list[dict[str, Any]]:
        """Give a dict for each evaluation: run_id, seed, step, value, test_loss and train_loss.

        `value` is the task's metric on the held-out set. Of a long run some 300 evaluations are kept; all of
        them are in `load_run(...).metrics`. A number that was not finite is NaN.
        """
        found = []
        for run in self.loaded.runs:
            columns = (run.curve.step, run.curve.value, run.curve.test_loss, run.curve.train_loss)
            for step, value, test, train in zip(*(c.tolist() for c in columns), strict=True):
                fields = {"run_id": run.run_id, "seed": run.seed, "step": int(step)}
                found.append({**fields, "value": value, "test_loss": test, "train_loss": train})
        return found

    def __len__(self) -> int:
        return len(self.loaded.runs)

    def __iter__(self) -> Iterator[str]:
        """Walk over the runs' ids."""
        return (run.run_id for run in self.loaded.runs)

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for run in self.loaded.runs:
            counts[run.status] = counts.get(run.status, 0) + 1
        parts = [f"{count} {status}" for status, count in counts.items()]
        unread = f"; {len(self.skipped)} not readable" if self.skipped else ""
        return f"<{len(self)} runs: {', '.join(parts)}{unread}>"


def load_runs(
    *paths: str | Path, where: str | Sequence[str] = (), sweep: str | None = None
) -> Runs:
    """Load all runs below some folders.

    Args:
        paths: folders of runs, run folders, records, globs or run ids; none: the folder of runs
            (IRNN_RUNS, or `runs`).
        where: keep only runs with these settings: "optim=adam", "seq_len=150,200".
        sweep: keep only the runs of this sweep.

    Raises:
        ValueError: A path, setting or sweep does not exist, or no run is left.
    """
    from irnn.reporting.select import check_found, select
    from irnn.runs.finding import runs_root

    given = [os.fspath(path) for path in paths] or [runs_root()]
    conditions = [where] if isinstance(where, str) else list(where)
    loaded = select(given, conditions, sweep)
    check_found(loaded, given, conditions)
    return Runs(loaded)
