"""Learning curves as a figure."""

from pathlib import Path
from typing import TYPE_CHECKING

from irnn.api.run import Run
from irnn.api.runs import Runs, load_runs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_curve(*runs: "Run | Runs | str | Path") -> "Figure":
    """Draw the held-out metric against updates: each seed thin, the median of equal settings thick.

    Args:
        runs: from `load_run`, `train` or `load_runs`, or paths as `load_runs` takes them.

    Returns:
        A matplotlib figure. A notebook shows it; `figure.savefig("curve.png")` writes it.

    Raises:
        ValueError: There is nothing to draw, or the runs are of several tasks.
    """
    from irnn.reporting.charts import chart_data
    from irnn.reporting.figures import STYLE, learning_curves
    from irnn.reporting.summary import summarise_tasks
    from irnn.system import pictures

    paths = [run.path if isinstance(run, Run) else run for run in runs if not isinstance(run, Runs)]
    loaded = [run for run in runs if isinstance(run, Runs)]
    if paths or not runs:
        loaded.append(load_runs(*paths))
    found = {run.run_id: run for each in loaded for run in each.loaded.runs}
    summaries = summarise_tasks(list(found.values()))
    if len(summaries) > 1:
        raise ValueError(
            f"these runs are of {len(summaries)} tasks, whose scores do not compare: draw each by itself, as "
            "with load_runs(where='task=...')"
        )
    with pictures.own_settings(STYLE):
        return learning_curves(chart_data(summaries[0]))
