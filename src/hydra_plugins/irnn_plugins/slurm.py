"""Hydra's launcher `slurm`: jobs on a cluster, with the settings of Hydra's submitit launcher."""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from hydra_plugins.irnn_plugins._bases import TaskLauncher


class SlurmLauncher(TaskLauncher):
    """Train the jobs of a sweep on a cluster; irnn.sweeps.slurm does the work.

    Args:
        params: conf/hydra/launcher/slurm.yaml, onto the schema of hydra-submitit-launcher.
    """

    def __init__(self, **params: Any) -> None:
        self.params = {
            key: OmegaConf.to_container(value, resolve=True)
            if OmegaConf.is_config(value)
            else value
            for key, value in params.items()
        }

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Train a batch of jobs to their ends."""
        from irnn.sweeps.slurm import Slurm

        returned: list[JobReturn] = self.task.run_on(
            job_overrides, lambda _: Slurm(self.params, self.task.command)
        )
        return returned
