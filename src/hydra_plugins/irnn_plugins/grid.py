"""Hydra's sweeper `grid`: every combination, each checked before the first one starts."""

from typing import Any

from hydra_plugins.irnn_plugins._bases import TaskSweeper


class GridSweeper(TaskSweeper):
    """Ask for every combination of values, as Hydra's own sweeper does, but compose each job once only."""

    def sweep(self, arguments: list[str]) -> Any:
        """Launch all jobs as one batch."""
        from irnn.sweeps.grid import axes, combinations

        batch = combinations(axes(self.overrides(arguments)))
        return self.task.run_with(self.launcher, batch)
