"""Hydra's sweeper `optuna`: a search that resumes from its storage, over Optuna as it is today."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra_plugins.irnn_plugins._bases import TaskSweeper


class SearchSweeper(TaskSweeper):
    """Search for the settings with the least held-out MSE; irnn.sweeps.search does the work.

    Args:
        n_trials: trials that are complete when the search is over.
        n_jobs: trials asked for together, as joblib counts; None: `sweep.jobs`, else as many as there are
            cores. With more, each is asked for knowing less.
        seed: of the search.
        n_startup_trials: trials drawn at random before the model of earlier ones is used.
        params: what to vary, from a file; the command line comes first.
    """

    def __init__(
        self,
        n_trials: int = 50,
        n_jobs: int | None = None,
        seed: int = 0,
        n_startup_trials: int = 10,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(params)
        self.n_trials, self.n_jobs, self.seed = n_trials, n_jobs, seed
        self.n_startup_trials = n_startup_trials

    def sweep(self, arguments: list[str]) -> None:
        """Ask, launch and tell until enough trials are complete."""
        with self.task.refusing():
            self._sweep(arguments)

    def _sweep(self, arguments: list[str]) -> None:
        from irnn.spec.config import ConfigError
        from irnn.sweeps import search
        from irnn.sweeps.launch import counted_as_joblib
        from irnn.sweeps.space import read_space
        from irnn.sweeps.study import opened
        from irnn.system import screen
        from irnn.system.machine import available_cores

        if importlib.util.find_spec("optuna") is None:
            raise ConfigError("hydra/sweeper=optuna: needs Optuna: pip install 'irnn[optuna]'")
        space = read_space(self.overrides(arguments), self.task.composer.compose)
        asked = self.n_jobs and counted_as_joblib(self.n_jobs)
        together = asked or self.settings.sweep.jobs or available_cores()
        plan = search.Plan(self.n_trials, together, self.seed, self.n_startup_trials)
        folder, name = Path(self.settings.hydra.sweep.dir), self.settings.sweep.name
        with opened(folder, name, space) as study:
            before = search.complete(study)
            screen.say(f"search {name}: {before} of {self.n_trials} trials are complete")
            self.task.expected = max(0, self.n_trials - before)
            try:
                for batch in search.batches(study, space, plan):
                    overrides = [search.overrides_of(trial, space.fixed) for trial in batch]
                    returns = self.task.run_with(self.launcher, overrides)
                    without = search.tell(study, batch, returns)
                    if without == len(batch) or (without and self.settings.sweep.fail_fast):
                        break
            finally:
                self.task.extra_lines = search.found(study, space)
