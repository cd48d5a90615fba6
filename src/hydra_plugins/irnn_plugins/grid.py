"""Hydra's sweeper `grid`: every combination, each checked before the first one starts."""

from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class GridSweeper(Sweeper):
    """Ask for every combination of values, as Hydra's own sweeper does, but compose each job once only.

    Args:
        params: axes from a file; the command line comes first.
    """

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self.params = dict(params or {})

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make the launcher."""
        self._config_loader = hydra_context.config_loader
        self.task: Any = task_function
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Launch all jobs as one batch."""
        from irnn.groups import rewrite_numbers
        from irnn.sweeps.grid import axes, combinations

        words = rewrite_numbers([f"{key}={value}" for key, value in self.params.items()])
        parser = OverridesParser.create(config_loader=self._config_loader)
        batch = combinations(axes(parser.parse_overrides([*words, *arguments])))
        return self.task.run_with(self.launcher, batch)
