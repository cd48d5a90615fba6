"""What the sweepers and the launchers share. Hydra passes over modules whose name begins with "_"."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class TaskLauncher(Launcher):
    """A launcher that leaves the work to the task, which keeps the sweep's record."""

    keeps_record = True

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Remember the task."""
        self.task: Any = task_function


class TaskSweeper(Sweeper):
    """A sweeper that leaves the work to the task.

    Args:
        params: what to vary, from a file; the command line comes first.
    """

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self.params = dict(params or {})

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make the launcher."""
        self.settings, self._config_loader = config, hydra_context.config_loader
        self.task: Any = task_function
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def overrides(self, arguments: Sequence[str]) -> list[Override]:
        """Parse what the file varies, and what the command line gives in its place or besides."""
        from irnn.spec.rewriting import rewritten
        from irnn.sweeps.grid import of_file_and_command

        words = [
            f"{key}={'null' if value is None else value}" for key, value in self.params.items()
        ]
        parser = OverridesParser.create(config_loader=self._config_loader)
        return of_file_and_command(
            parser.parse_overrides(rewritten(words)), parser.parse_overrides(list(arguments))
        )
