"""Training knows no task: what it says and records is what the task says of itself."""

import json
from collections.abc import Callable

import pytest
import torch

from irnn.models.heads import Classification
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.spec.config import Config, ConfigError
from irnn.training.session import run
from irnn.training.step import kernel_of, loss_of
from irnn.training.trainer import Trainer

Small = Callable[..., Config]
OTHERS = ("copy_memory", "temporal_order", "multiplication")


@pytest.fixture(params=OTHERS)
def config(request: pytest.FixtureRequest, small: Small) -> Config:
    goals = ("stop.test_mse=null", "stop.test_loss=null", "stop.test_accuracy=null")
    return small(f"task={request.param}", *goals, "task.seq_len=12", "budget.updates=20")


def test_a_task_names_its_scores_and_what_the_trivial_answer_scores(config: Config) -> None:
    result = run(config)
    task = config.task.name
    suffix = "mse" if task == "multiplication" else "loss"
    records = read_records(RunDirectory.of(config).metrics)
    assert all({f"train_{suffix}", f"test_{suffix}"} <= set(record) for record in records)
    assert ("test_accuracy" in records[0]) is (task != "multiplication")
    assert result["task"] == task
    assert result["metric"]["baseline"] > 0
    key = {"copy_memory": "test_loss", "temporal_order": "test_accuracy"}.get(task, "test_mse")
    assert result["value"] == records[-1][key]
    best = max if key == "test_accuracy" else min
    assert result["best_value"] == best(record[key] for record in records)
    assert ("test_mse" in result) is (task == "multiplication")


@pytest.mark.usefixtures("with_pictures")
def test_the_screen_the_log_and_the_picture_speak_of_the_task(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    run(config)
    shown = capsys.readouterr().out
    word = {"copy_memory": "cross-entropy", "temporal_order": "accuracy"}
    assert f"best held-out {word.get(config.task.name, 'MSE')}" in shown
    assert "guessing" in shown or "answering 1/4" in shown
    assert "1/6" not in shown
    assert RunDirectory.of(config).curve.stat().st_size > 10_000


def test_the_id_of_another_task_than_adding_begins_with_its_name(config: Config) -> None:
    assert RunDirectory.of(config).path.name.startswith(f"{config.task.name}-irnn-identity-")


def test_a_run_of_any_task_goes_on_bitwise_where_it_was_interrupted(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(config)
    directory = RunDirectory.of(config)
    weights = torch.load(directory.last, weights_only=True)["weights"]["model"]
    directory.result.unlink()
    for name in (directory.last, directory.metrics, directory.best):
        name.unlink()
    evaluate = Trainer.evaluate

    def killed(trainer: Trainer) -> object:
        if trainer.progress.step == 20:
            raise KeyboardInterrupt
        return evaluate(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            run(config)
    again = run(config)
    assert again["value"] == whole["value"]
    after = torch.load(directory.last, weights_only=True)["weights"]["model"]
    assert all(torch.equal(weights[name], after[name]) for name in weights)


def test_a_goal_in_accuracy_is_reached_from_below(small: Small) -> None:
    result = run(small("task=temporal_order", "task.seq_len=12", "stop.test_accuracy=0.05"))
    assert result["status"] == "solved"
    assert result["metric"]["goal"] == 0.05
    assert result["solved_at"] == dict.fromkeys(("0.5", "0.9", "0.99"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("task=copy_memory", "stop.test_mse=0.1"), "use stop.test_loss"),
        (("stop.test_accuracy=0.9",), "use stop.test_mse"),
        (("task=temporal_order", "stop.test_accuracy=2"), "at most 1"),
        (("task=temporal_order", "task.marks=halves"), "task=adding or task=multiplication has it"),
        (("task=adding", "task.symbols=2"), "task=temporal_order has it"),
        (("task=temporal_order", "task.seq_len=9"), "at least 10"),
    ],
)
def test_a_setting_that_a_task_lacks_is_refused(
    small: Small, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        small(*words)


def test_numbers_and_classes_are_fused_and_a_head_of_ones_own_is_not(small: Small) -> None:
    class Own(Classification):
        pass

    for task in ("multiplication", "temporal_order", "copy_memory"):
        config = small(f"task={task}", "stop.test_mse=null", "task.seq_len=12")
        model = Trainer(config, "x", RunDirectory.of(config), torch.device("cpu")).model
        if (kernel := kernel_of(model)) is not None:
            assert loss_of(model, kernel) is not None
            model.head = Own(model.head.last, model.head.outputs)
            assert loss_of(model, kernel) is None


def test_a_checkpoint_of_irnn_0_1_is_continued(small: Small) -> None:
    config = small("budget.updates=20")
    whole = run(config)
    directory = RunDirectory.of(config)
    from irnn.runs import checkpoint

    content = checkpoint.load(directory.last, torch.device("cpu"))
    progress = content["progress"]
    names = {"value": "test_mse", "best_value": "best_test_mse"}
    old = {names.get(key, key): value for key, value in progress.items() if key != "test_loss"}
    old["reference"] = {
        {"first_loss": "first_mse", "best_loss": "best_mse"}.get(key, key): value
        for key, value in progress["reference"].items()
    }
    checkpoint.save(directory.last, {**content, "progress": old})
    directory.result.unlink()
    again = run(config)
    kept = ("status", "test_mse", "best_test_mse", "solved_at", "value")
    assert {key: again[key] for key in kept} == {key: whole[key] for key in kept}
    assert json.loads(directory.result.read_text())["metric"]["name"] == "mse"
