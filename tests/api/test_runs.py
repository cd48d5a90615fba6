"""Runs that are loaded in Python: what they answer, and how many of them are shown together."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import irnn
from irnn.spec.config import Config

Small = Callable[..., Config]


def test_a_run_is_loaded_by_path_text_and_id(
    trained: irnn.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRNN_RUNS", str(trained.path.parent))
    for given in (trained.path, str(trained.path), trained.run_id):
        run = irnn.load_run(given)
        assert run.run_id == trained.run_id
        assert run.result is not None
        assert run.config.task.seq_len == 12
        assert len(run.metrics) == 5


@pytest.mark.parametrize(
    ("name", "said"), [("nowhere", "no such run"), (".", "is not a run folder")]
)
def test_what_is_no_run_is_named(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(irnn.InputError, match=said):
        irnn.load_run(name)


def test_a_prediction_is_what_the_network_says_block_by_block_or_at_once(
    trained: irnn.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, targets = trained.sequences(5)
    answers = trained.predict(inputs)
    assert inputs.shape == (12, 5, 2)
    assert answers.shape == targets.shape == (5,)
    with torch.no_grad():
        torch.testing.assert_close(answers, trained.model()(inputs))
    monkeypatch.setattr("irnn.prediction.forward.STATES", 1)
    torch.testing.assert_close(trained.predict(inputs.numpy().tolist()), answers)
    torch.testing.assert_close(trained.predict(np.asarray(inputs[:, 2])), answers[2])
    assert trained.sequences(3, seq_len=20)[0].shape == (20, 3, 2)


@pytest.mark.parametrize("shape", [(12, 5, 3), (12,), (12, 0, 2), (0, 2)])
def test_inputs_of_another_shape_are_refused(trained: irnn.Run, shape: tuple[int, ...]) -> None:
    with pytest.raises(irnn.InputError, match=r"must be \(steps, sequences, 2\), time first"):
        trained.predict(torch.zeros(shape))


def test_classes_are_predicted_as_targets_are_given(small: Small) -> None:
    size = ("task.test_size=32", "task.train_size=32", "budget.updates=1")
    run = irnn.train(small("task=copy_memory", "task.seq_len=2", *size), progress=False)
    inputs, targets = run.sequences(3)
    answers = run.predict(inputs)
    assert (answers.shape, answers.dtype) == (targets.shape, targets.dtype)
    assert run.predict(inputs[:, 1]).tolist() == answers[1].tolist()


def test_sequences_are_those_of_the_runs_held_out_set(small: Small) -> None:
    config = small()
    inputs, targets = irnn.sequences(config, 4)
    assert torch.equal(irnn.sequences(config, 2)[1], targets[:2])
    assert not torch.equal(irnn.sequences(config, 4, stream="train")[1], targets)
    assert (inputs.shape, targets.shape) == ((12, 4, 2), (4,))


def test_many_runs_are_records_and_a_frame_with_the_columns_of_a_report(trained: irnn.Run) -> None:
    runs = irnn.load_runs(trained.path.parent)
    (record,) = runs.records()
    assert list(runs) == [trained.run_id]
    assert repr(runs) == "<1 runs: 1 exhausted>"
    assert record["config.task.seq_len"] == 12
    assert [each["step"] for each in runs.evaluations()] == [0, 10, 20, 30, 40]
    pandas = pytest.importorskip("pandas")
    pandas.testing.assert_frame_equal(runs.frame(), pandas.DataFrame([record]))


def test_without_pandas_a_frame_is_refused_with_the_remedy(
    trained: irnn.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return really(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'irnn\[pandas\]'"):
        irnn.load_runs(trained.path).frame()


def test_a_learning_curve_has_a_line_for_each_run_and_shows_itself_in_a_notebook(
    trained: irnn.Run, small: Small
) -> None:
    other = irnn.train(small("seed=1"), progress=False)
    figure = irnn.learning_curve(trained, other)
    (axes,) = figure.axes
    seeds = axes.collections[0].get_segments()  # type: ignore[attr-defined]
    assert [len(line) for line in seeds] == [5, 5]
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_runs_of_several_tasks_are_not_drawn_together(trained: irnn.Run, small: Small) -> None:
    other = irnn.train(small("task=temporal_order", "task.seq_len=20"), progress=False)
    with pytest.raises(ValueError, match="2 tasks"):
        irnn.learning_curve(trained, other.path)
