"""One run, read from its folder."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irnn.prediction.errors import InputError
from irnn.runs import layout
from irnn.runs.directory import RunDirectory
from irnn.spec.config import Config

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

    from irnn.models.network import Network


class Run:
    """A run and what its folder says, finished or not. `load_run` and `train` give it.

    Args:
        path: the run's folder.
        changed_code: whether it answers although the code of its task or model has changed.
    """

    def __init__(self, path: Path, *, changed_code: bool = False) -> None:
        self.path = path
        self._changed_code = changed_code
        self._directory = RunDirectory(path)

    @property
    def run_id(self) -> str:
        """The run's name, which its configuration determines."""
        return self.path.name

    @cached_property
    def config(self) -> Config:
        """The whole configuration.

        Raises:
            ConfigError: `config.yaml` is damaged, or of an irnn that knows other settings.
        """
        from irnn.spec.saved import load_config

        return load_config(self._directory.config)

    @property
    def result(self) -> dict[str, Any] | None:
        """What is in `result.json`; None for a run that has not finished.

        Raises:
            ConfigError: The file is damaged.
        """
        return self._directory.read_result()

    @property
    def status(self) -> str:
        """Say "solved", "exhausted", "diverged" or "unfinished"."""
        result = self.result
        return "unfinished" if result is None else str(result["status"])

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The evaluations in `metrics.jsonl`, one dict each.

        Raises:
            ConfigError: The file is damaged.
        """
        from irnn.runs.metrics import read_records

        return read_records(self._directory.metrics)

    def model(self) -> "Network":
        """Load the network of the best evaluation on the CPU, a `torch.nn.Module` in evaluation mode.

        It maps inputs (T, N, F), time first, to numbers (N,) or (K, N), or to logits (N, C) or (K, N, C).

        Raises:
            InputError: There is no checkpoint yet, or it is damaged.
            ConfigError: The code of a plug-in's task or model has changed since.
        """
        from irnn.prediction.trained import load_run

        _, model = load_run(self.path, changed_code=self._changed_code)
        return model

    def predict(self, inputs: "Tensor | ArrayLike") -> "Tensor":
        """Let the network answer.

        Args:
            inputs: (T, N, F), time first; or one sequence, (T, F).

        Returns:
            What targets are: numbers, or numbers of classes. (N,), or (N, K) where the last K steps are
            answered; of one sequence () or (K,).

        Raises:
            InputError: The inputs have another shape, or the network overflows.
        """
        import torch

        from irnn.prediction.forward import outputs

        model = self.model()
        dtype = model.readout.weight.dtype
        given = torch.as_tensor(inputs, dtype=dtype)
        batch = given[:, None] if given.dim() == 2 else given
        features = model.recurrent.input_size
        if batch.dim() != 3 or batch.shape[2] != features or 0 in batch.shape:
            raise InputError(
                f"inputs {tuple(given.shape)}: must be (steps, sequences, {features}), time first, or "
                f"(steps, {features}) for one sequence"
            )
        answers = outputs(model, batch)
        if not bool(answers.isfinite().all()):
            raise InputError("the network overflows: an answer is no number")
        if model.head.outputs > 1:
            answers = answers.argmax(dim=-1)
        if model.head.last != 1:
            answers = answers.movedim(1, 0)
        return answers[0] if given.dim() == 2 else answers

    def sequences(
        self, count: int, *, seq_len: int | None = None, seed: int = 0
    ) -> "tuple[Tensor, Tensor]":
        """Draw sequences that training never saw, of the run's length or another.

        Args:
            count: N.
            seq_len: `task.seq_len` of the sequences; None: as trained.
            seed: which sequences.

        Returns:
            Inputs (T, N, F), time first, and targets (N,) or (N, K).

        Raises:
            ConfigError: The task has no such sequences, or a plug-in's code of it has changed since.
        """
        from irnn.api.configuration import sequences
        from irnn.spec.checks import check
        from irnn.spec.saved import refuse_changed_code

        config = self.config
        if not self._changed_code:
            refuse_changed_code(self._directory.config, config)
        if seq_len is not None:
            config = replace(config, task=replace(config.task, seq_len=seq_len))
        config = replace(config, seed=seed)
        check(config)
        return sequences(config, count, stream="predict")

    def __repr__(self) -> str:
        return f"<Run {self.run_id}: {self.status}>"


def load_run(
    run: str | Path, *, plugins: str | Path | None = None, changed_code: bool = False
) -> Run:
    """Load a run, finished or not.

    Args:
        run: its folder, or its run id in the folder of runs (IRNN_RUNS, or `runs`).
        plugins: where the code is that its options are of, as in `plugins=my_lab`.
        changed_code: whether it may answer although the code of its task or model has changed since it was
            trained; without, that is an error.

    Raises:
        InputError: There is no such run.
        ConfigError: The plug-in cannot be used.
    """
    from irnn.runs.finding import find_run
    from irnn.spec.groups import Groups
    from irnn.spec.plugins import with_plugins

    with_plugins([] if plugins is None else [f"plugins={plugins}"], Groups())
    try:
        folder = find_run(str(run))
    except ValueError as error:
        raise InputError(str(error)) from None
    if not (folder / layout.CONFIG).is_file():
        raise InputError(f"{folder} is not a run folder: it has no {layout.CONFIG}")
    return Run(folder, changed_code=changed_code)
