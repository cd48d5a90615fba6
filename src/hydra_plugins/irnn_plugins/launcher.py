"""Hydra's launcher `local` (and, under the name that its users know, `joblib`): jobs side by side, here."""

from collections.abc import Sequence

from hydra.core.utils import JobReturn

from hydra_plugins.irnn_plugins._bases import TaskLauncher


class LocalLauncher(TaskLauncher):
    """Train the jobs of a sweep in processes of this machine; irnn.sweeps does the work.

    Args:
        n_jobs: jobs at once, as joblib counts: -1 for as many as there are cores for, -2 for one less.
            `sweep.jobs` comes first.
    """

    def __init__(self, n_jobs: int = -1) -> None:
        self.n_jobs = n_jobs

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Train a batch of jobs to their ends."""
        returned: list[JobReturn] = self.task.run_here(job_overrides, self.n_jobs)
        return returned
