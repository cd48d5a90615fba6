"""Interrupted runs end as undisturbed ones, and damaged folders say so."""

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
import torch

from irnn.runs import checkpoint
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.spec.config import Config, ConfigError
from irnn.training import session
from irnn.training.loop import Interrupted
from irnn.training.saving import copied
from irnn.training.session import run
from irnn.training.trainer import Trainer

Small = Callable[..., Config]


CLOCKS = ("seconds", "steps_per_second")


def outcome(config: Config) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, torch.Tensor]]:
    """Everything a run leaves that is not the reading of a clock."""
    directory = RunDirectory.of(config)
    records = read_records(directory.metrics)
    result = json.loads(directory.result.read_text())
    del result["digest"]  # of the readings too
    weights = checkpoint.load(directory.last, torch.device("cpu"))["weights"]["model"]
    for reading in (*records, result):
        for clock in CLOCKS:
            reading.pop(clock)
    result["config"].pop("runs_dir")
    return records, result, weights


def assert_same(one: Config, other: Config) -> None:
    first, second = outcome(one), outcome(other)
    assert first[0] == second[0]
    assert first[1] == second[1]
    for name, tensor in first[2].items():
        assert torch.equal(tensor, second[2][name]), name


def interrupted_at(config: Config, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a session that gets a SIGTERM after its update `step`."""

    def signal_at(self: session._Observer) -> int | None:
        return signal.SIGTERM if trainers[-1].progress.step >= step else None

    trainers: list[Trainer] = []
    build = Trainer.__init__

    def remember(self: Trainer, *arguments: Any) -> None:
        trainers.append(self)
        build(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "__init__", remember)
        patched.setattr(session._Observer, "signal", signal_at)
        with pytest.raises(Interrupted):
            run(config)


def test_a_finished_run_answers_from_its_folder(small: Small, capsys: Any) -> None:
    config = small()
    first = run(config)
    before = RunDirectory.of(config).last.stat().st_mtime_ns
    capsys.readouterr()
    assert run(config) == first
    assert RunDirectory.of(config).last.stat().st_mtime_ns == before
    assert "finished before" in capsys.readouterr().out


def test_force_starts_over_and_ends_the_same(small: Small) -> None:
    config = small()
    first = run(config)
    again = run(small("force=true"))
    assert again["seconds"] != first["seconds"]
    assert again["best_test_mse"] == first["best_test_mse"]


def test_two_fresh_runs_of_one_configuration_are_bitwise_equal(small: Small) -> None:
    one, other = small("runs_dir=a"), small("runs_dir=b")
    from dataclasses import replace

    base = small().runs_dir
    one, other = replace(one, runs_dir=f"{base}/a"), replace(other, runs_dir=f"{base}/b")
    run(one)
    run(other)
    assert_same(one, other)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["optim=sgd", "optim.momentum=0.9"],
        ["optim=rmsprop"],
        ["task.data=fresh"],
        ["model=lstm"],
        ["runtime.dtype=float64", "optim.amsgrad=true"],
    ],
    ids=" ".join,
)
def test_an_interrupted_run_ends_bitwise_as_one_that_was_not(
    small: Small, monkeypatch: pytest.MonkeyPatch, overrides: list[str]
) -> None:
    from dataclasses import replace

    config = small(*overrides, "init=pytorch")
    undisturbed = replace(config, runs_dir=config.runs_dir + "/undisturbed")
    for step in (3, 10, 17, 33):
        interrupted_at(config, step, monkeypatch)
    run(config)
    run(undisturbed)
    assert_same(config, undisturbed)
    sessions = json.loads(RunDirectory.of(config).provenance.read_text())["sessions"]
    assert len(sessions) == 5
    assert {session["kernel"] for session in sessions} <= {"native", "torch"}


def test_every_session_says_how_it_was_made(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_at(small("runtime.kernel=reference"), 20, monkeypatch)
    config = small("runtime.threads=2", "runtime.kernel=torch")
    run(config)
    provenance = json.loads(RunDirectory.of(config).provenance.read_text())
    made = [(session["kernel"], session["threads"]) for session in provenance["sessions"]]
    assert made == [("reference", 1), ("torch", 2)]
    capability = torch.backends.cpu.get_cpu_capability().lower()
    assert {session["instruction_set"] for session in provenance["sessions"]} == {capability}
    assert all(session["versions"] == provenance["versions"] for session in provenance["sessions"])


@pytest.mark.parametrize("name", ["provenance.json", "result.json"])
def test_a_damaged_folder_is_named_and_can_be_started_over(small: Small, name: str) -> None:
    run(small())
    folder = RunDirectory.of(small()).path
    (folder / "result.json").unlink()
    (folder / name).write_text('{"half')
    with pytest.raises(ConfigError, match=rf"{name} is damaged .* force=true"):
        run(small())
    assert run(small("force=true"))["status"] == "exhausted"


@pytest.mark.parametrize("damage", ["x" * 9000, "\0" * 9000, "{" * 9000])
def test_damaged_records_are_told_before_training_goes_on(
    small: Small, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    interrupted_at(small(), 30, monkeypatch)
    metrics = RunDirectory.of(small()).metrics
    metrics.write_text(damage[: metrics.stat().st_size - 1] + "\n")
    with pytest.raises(ConfigError, match="damaged"):
        run(small())


@pytest.mark.parametrize("content", [[1], {"run_id": None}], ids=["list", "empty"])
def test_a_checkpoint_with_other_content_is_refused(
    small: Small, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    interrupted_at(small(), 30, monkeypatch)
    directory = RunDirectory.of(small())
    if isinstance(content, dict):
        content["run_id"] = directory.path.name
    torch.save(content, directory.last)
    with pytest.raises(ConfigError, match="force=true"):
        run(small())


def test_lost_records_are_not_passed_over(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_at(small(), 30, monkeypatch)
    RunDirectory.of(small()).metrics.unlink()
    with pytest.raises(ConfigError, match="lost records"):
        run(small())


@pytest.mark.parametrize("policy", ["rollback", "restart"])
def test_recoveries_survive_an_interruption_bitwise(
    small: Small, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    from dataclasses import replace

    from tests.training.test_divergence import EXPLODING

    config = small(*EXPLODING, f"divergence.policy={policy}", "divergence.max_recoveries=3")
    undisturbed = replace(config, runs_dir=config.runs_dir + "/undisturbed")
    end = run(undisturbed)
    assert end["divergences"]
    first = int(end["divergences"][0]["step"])
    for step in sorted({max(first - 1, 1), first, first + 5}):
        if step < end["steps"]:
            interrupted_at(config, step, monkeypatch)
    run(config)
    assert_same(config, undisturbed)


def test_a_run_killed_between_its_last_checkpoint_and_its_result_finishes(small: Small) -> None:
    config = small()
    run(config)
    expected = outcome(config)
    RunDirectory.of(config).result.unlink()
    run(config)
    assert outcome(config)[0] == expected[0]
    assert outcome(config)[1] == expected[1]


def test_a_diverged_run_killed_before_its_result_is_still_diverged(small: Small) -> None:
    from tests.training.test_divergence import EXPLODING

    config = small(*EXPLODING)
    run(config)
    expected = outcome(config)
    RunDirectory.of(config).result.unlink()
    assert run(config)["status"] == "diverged"
    assert outcome(config)[1] == expected[1]


def test_a_checkpoint_of_another_run_is_refused(small: Small) -> None:
    config, other = small(), small("seed=1")
    run(config)
    run(other)
    RunDirectory.of(config).result.unlink()
    RunDirectory.of(other).last.rename(RunDirectory.of(config).last)
    with pytest.raises(ValueError, match="belongs to run"):
        run(config)


def test_records_without_a_checkpoint_are_not_thrown_away(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small()
    interrupted_at(config, 20, monkeypatch)
    directory = RunDirectory.of(config)
    directory.last.unlink()
    with pytest.raises(ConfigError, match=r"last\.pt is gone.*force=true"):
        run(config)
    assert len(read_records(directory.metrics)) > 1
    assert run(small("force=true"))["steps"] == 40


def test_a_run_killed_at_its_start_begins_again(small: Small) -> None:
    config = small()
    run(config)
    directory = RunDirectory.of(config)
    first = directory.metrics.read_text().splitlines(keepends=True)[0]
    for path in (directory.result, directory.last):
        path.unlink()
    directory.metrics.write_text(first)
    assert run(config)["steps"] == 40


def test_an_override_about_one_call_is_not_part_of_the_runs_command(small: Small) -> None:
    for once in ("force=true", "force=1", "++unlock=yes"):
        run(small(), ["seed=0", once])
        provenance = json.loads(RunDirectory.of(small()).provenance.read_text())
        assert provenance["command"] == "python -m irnn.train seed=0"


def test_what_is_kept_of_weights_shares_nothing_with_them() -> None:
    tensor, layer = torch.ones(2), torch.nn.Linear(1, 1)
    kept = copied({"state": {0: {"pair": (tensor,), "list": [tensor], "own": {3}}}})
    tensor.add_(1)
    found = kept["state"][0]
    assert [found["pair"][0].tolist(), found["list"][0].tolist()] == [[1.0, 1.0]] * 2
    assert isinstance(found["pair"], tuple)
    state = layer.state_dict()
    assert vars(copied(state)) == vars(state)  # the versions of its parts
