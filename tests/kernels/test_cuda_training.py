"""Training in stretches, as on a GPU: by the CUDA kernels run as fibers, and by what is captured there."""

import json
import math
import signal
from collections.abc import Callable

import pytest
import torch
from cuda_on_cpu import COMPILER, OnCpu
from cuda_runs import poison

from irnn.kernels import native
from irnn.kernels.cuda import plan
from irnn.runs import checkpoint
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.spec.choices import Device
from irnn.spec.composition import compose_config
from irnn.spec.config import Config
from irnn.training import evaluate, hardware, session, stretch
from irnn.training.captured import CapturedStretch
from irnn.training.evaluate import held_out_scores
from irnn.training.fused import FusedStretch
from irnn.training.loop import Interrupted
from irnn.training.session import run
from irnn.training.step import Updater
from irnn.training.trainer import Trainer

pytestmark = pytest.mark.slow  # whole runs, most of them twice

Small = Callable[..., Config]
Lengths = list[int]
PLAN = plan.choose(8, 2)
CLOCKS = ("seconds", "steps_per_second", "config", "digest")  # the digest is of all others, too


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp().parent / "cuda_on_cpu"
    folder.mkdir(exist_ok=True)
    return OnCpu(PLAN, folder)


@pytest.fixture(params=["fused", "captured"])
def lengths(request, monkeypatch) -> Lengths:
    """Train in stretches, and list how many updates each was asked for."""
    asked: Lengths = []
    if request.param == "fused" and COMPILER is None:
        pytest.skip("there is no C++ compiler")

    def of(updater: Updater) -> stretch.Stretch:
        if request.param == "captured":
            return CapturedStretch(updater)
        assert updater.cuda_plan() == PLAN
        return FusedStretch(updater, request.getfixturevalue("machine"), PLAN)

    several = Updater.several

    def counted(self, pieces, factors):
        asked.append(len(factors))
        return several(self, pieces, factors)

    monkeypatch.setattr(session.curve, "draw", lambda *_: None)  # takes longer than to train
    monkeypatch.setattr(plan, "why_unavailable", lambda: "")
    monkeypatch.setattr(stretch, "of", of)
    monkeypatch.setattr(Updater, "several", counted)
    return asked


def left(config: Config) -> object:
    """Everything that a run leaves but readings of a clock."""
    directory = RunDirectory.of(config)
    records = read_records(directory.metrics)
    result = json.loads(directory.result.read_text())
    del result["digest"]  # of the readings too
    kept = checkpoint.load(directory.last, torch.device("cpu"))
    for each in (*records, result):
        for clock in CLOCKS:
            each.pop(clock, None)
    tensors = [kept["weights"]["model"], kept["weights"]["optimizer"], kept["good"]["model"]]
    bits = [[torch.as_tensor(x).tolist() for x in part.values()] for part in tensors]
    return json.dumps([records, result, bits])


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch.Pace, "length", lambda *_: 1)


RUNS = {
    "adam": ("optim=adam", "optim.schedule=cosine"),
    "clipped": ("optim=sgd", "optim.momentum=0.9", "clip.max_norm=0.01"),
    "odd": ("optim=rmsprop", "evaluate.every=7", "checkpoint.every=9", "budget.updates=23"),
}


@pytest.mark.parametrize("settings", RUNS.values(), ids=RUNS.keys())
def test_a_run_in_stretches_leaves_what_single_updates_leave(small, settings, lengths, monkeypatch):
    config = small(*settings, "runtime.kernel=auto")
    run(config)
    assert max(lengths) > 3
    assert sum(lengths) == config.budget.updates
    whole = left(config)
    one_by_one(monkeypatch)
    run(small(*settings, "runtime.kernel=auto", "force=true"))
    assert left(config) == whole


@pytest.mark.parametrize("policy", ["stop", "rollback", "restart"])
def test_a_divergence_inside_a_stretch_is_found_at_its_update(small, policy, lengths, monkeypatch):
    poison(13, monkeypatch)
    settings = ("optim=adam", f"divergence.policy={policy}", "checkpoint.every=10")
    config = small(*settings)
    result = run(config)
    assert [event["step"] for event in result["divergences"]] == [14]
    assert result["steps"] == (14 if policy == "stop" else 40)
    assert max(lengths) > 3
    whole = left(config)
    one_by_one(monkeypatch)
    run(small(*settings, "force=true"))
    assert left(config) == whole


def test_a_run_that_is_interrupted_between_stretches_ends_as_undisturbed(
    small, lengths, monkeypatch
):
    undisturbed = small("optim=adam", "evaluate.every=40", "checkpoint.every=40")
    run(undisturbed)
    whole = left(undisturbed)
    again = small("optim=adam", "evaluate.every=40", "checkpoint.every=40", "force=true")
    with monkeypatch.context() as patched:
        patched.setattr(stretch.Pace, "length", lambda *_: 11)
        patched.setattr(
            session._Observer, "signal", lambda _: signal.SIGTERM if lengths[-1] == 11 else None
        )
        with pytest.raises(Interrupted):
            run(again)
    directory = RunDirectory.of(undisturbed)
    assert checkpoint.load(directory.last, torch.device("cpu"))["progress"]["step"] == 11
    run(undisturbed)
    assert left(undisturbed) == whole


def test_a_held_out_set_is_scored_by_the_kernels_as_by_the_network(small, lengths, monkeypatch):
    trainer = Trainer(config := small(), "x", RunDirectory.of(config), torch.device("cpu"))
    squares = trainer.updater.squares()
    assert (squares is None) is isinstance(trainer.updater._stretch, CapturedStretch)
    if squares is None:
        return
    exact = held_out_scores(trainer.model, trainer.data).loss
    asked = []

    def counted(inputs, targets):
        asked.append(len(targets))
        return squares(inputs, targets)

    monkeypatch.setattr(evaluate, "_BLOCK_STATES", 16 * trainer.task.steps * 2)
    assert held_out_scores(trainer.model, trainer.data, counted).loss == pytest.approx(exact, 1e-5)
    assert asked[:2] == [16, 16]
    trainer.model.recurrent.register_forward_hook(lambda *_: None)
    assert trainer.updater.squares() is None  # a hook may change what the network answers


OPTIMIZERS = (
    "optim=sgd",
    "optim=sgd optim.momentum=0.9 optim.nesterov=true optim.weight_decay=0.1",
    "optim=adam optim.amsgrad=true",
    "optim=adamw optim.weight_decay=0.1",
    "optim=rmsprop optim.momentum=0.5 optim.centered=true",
)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_stretches_learn_what_the_cpu_learns(small, optimizer, lengths, monkeypatch):
    words = [*optimizer.split(), "clip.max_norm=0.5", "budget.updates=12", "evaluate.every=12"]
    run(config := small(*words))
    in_stretches = read_records(RunDirectory.of(config).metrics)[-1]
    monkeypatch.setattr(stretch, "of", lambda updater: None)
    run(small(*words, "force=true"))
    alone = read_records(RunDirectory.of(config).metrics)[-1]
    for name in ("train_mse", "test_mse", "grad_norm", "clip_fraction", "spectral_radius", "lr"):
        assert in_stretches[name] == pytest.approx(alone[name], rel=1e-4), name


@pytest.mark.parametrize("limit", [1.0, math.inf])
def test_a_captured_update_decides_about_overflow_as_a_single_one(limit):
    for size in (1.0, 1e25, math.inf, math.nan):
        made = []
        for captured in (False, True):
            config = compose_config(["model.hidden_size=3", "optim=sgd", "model=lstm"])
            trainer_model = torch.nn.Linear(1, 1)
            updater = _updater_with(trainer_model, config, limit)
            batch = (torch.full((1, 1), 1.0), torch.full((1, 1), size))
            if captured:
                piece = (batch[0][None], batch[1][None])
                (done,) = CapturedStretch(updater)([piece], [1e-30])
            else:
                updater.optimizer._lr = 1e-30
                done = updater._apply(updater.backward(*batch))
            made.append((done.clipped, done.applied, str(done.grad_norm), updater.flat.vector))
        assert made[0][:2] == made[1][:2]
        assert float(made[0][2]) == pytest.approx(float(made[1][2]), rel=1e-6, nan_ok=True)
        assert torch.equal(made[0][3], made[1][3])


def _updater_with(model, config, limit):
    """Make an `Updater` of a network whose loss is its answer times the target: gradients of any size."""
    from irnn.training.flat import FlatParameters
    from irnn.training.optimizer import FlatOptimizer

    torch.nn.init.ones_(model.weight)
    torch.nn.init.zeros_(model.bias)
    updater = Updater.__new__(Updater)
    updater.model, updater.max_norm = model, limit
    updater.flat = FlatParameters(model.parameters())
    scale = torch.ones_like(updater.flat.vector)
    updater.optimizer = FlatOptimizer(config.optim, updater.flat.vector, scale)

    def backward(inputs, targets):
        updater.flat.forget_gradient()
        loss = (model(inputs) * targets).sum()
        loss.backward()
        return loss.detach()

    updater.backward = backward
    return updater


def test_a_stretch_is_as_long_as_answers_to_signals_allow():
    pace = stretch.Pace()
    assert pace.length(500, 0.2, None) == 16
    pace.note(16, 0.016)
    assert pace.length(500, 0.2, None) == 200
    assert pace.length(50, 0.2, None) == 50
    assert pace.length(500, 0.2, 0.05) == 50
    assert pace.length(500, 0.2, -1.0) == 1
    assert pace.length(500, math.inf, None) == 500
    pace.note(1, 3.0)
    assert pace.length(500, 0.2, None) == 1


def test_auto_takes_the_gpu_where_it_is_faster_and_says_why(small, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(native, "is_available", lambda: True)
    kinds = {}
    for words in ((), ("model.hidden_size=100", "batch_size=16"), ("model=lstm",)):
        config = small(*words)
        assert config.runtime.device is Device.auto
        device = hardware.choose_device(config)
        kinds[words] = device.type
        assert device.type.upper() in hardware.why_device(config, device).replace("GPU", "CUDA")
    assert list(kinds.values()) == ["cpu", "cuda", "cuda"]
    assert hardware.why_device(small("runtime.device=cpu"), torch.device("cpu")) is None
