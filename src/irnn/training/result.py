"""What is kept of a run that has ended: the numbers of `result.json`."""

from typing import Any

from irnn.training.trainer import Trainer


def result_of(trainer: Trainer, status: str) -> dict[str, Any]:
    """Summarize a run that ended "solved", "exhausted" or "diverged" for `result.json`."""
    progress, config = trainer.progress, trainer.config
    rate = progress.step / progress.update_seconds if progress.update_seconds else None
    return {
        "status": status,
        "seed": config.seed,
        "seq_len": config.task.seq_len,
        "model": config.model.name,
        "steps": progress.step,
        "epochs": trainer.epoch(),
        "task": config.task.name,
        "metric": trainer.metric.plain(trainer.goal),
        "value": progress.value,
        "best_value": progress.best_value,
        **_final_scores(trainer),
        "solved_at": progress.solved_at,
        "seconds": trainer.elapsed(),
        "steps_per_second": rate,
        "restarts": progress.recoveries,
        "divergences": progress.divergences,
    }


def _final_scores(trainer: Trainer) -> dict[str, float]:
    """Name the last evaluation's scores by the task's loss."""
    progress, metric = trainer.progress, trainer.metric
    if metric.loss == "mse":
        return {"test_mse": progress.value, "best_test_mse": progress.best_value}
    accuracy = {"test_accuracy": progress.value} if metric.name == "accuracy" else {}
    return {"test_loss": progress.test_loss, **accuracy}
