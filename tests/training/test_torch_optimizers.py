"""Optimizers of PyTorch's, by name or by a class of one's own, with all that is done around them."""

from __future__ import annotations

import inspect
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from irnn.models.network import build
from irnn.optimizers.signatures import NOT_SETTINGS, optimizers
from irnn.optimizers.torch import REFUSED
from irnn.runs.directory import RunDirectory
from irnn.runs.identity import run_id, scientific
from irnn.runs.metrics import read_records
from irnn.seeding import generator
from irnn.spec.composition import Composer
from irnn.spec.config import Config, ConfigError
from irnn.training.session import run
from irnn.training.trainer import Trainer
from tests.training.learning import batch, learn, updater

Small = Callable[..., Config]
USABLE = sorted({*(optimizers() or ())} - {*REFUSED, "Muon"})
QUICK = Composer()


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """Compose a small run, without looking for words to blame."""
    from tests.conftest import SMALL

    return lambda *words: QUICK.attempt([*SMALL, f"runs_dir={tmp_path}/runs", *words])


def test_the_names_and_arguments_are_those_of_the_installed_pytorch() -> None:
    known = optimizers()
    assert known is not None
    assert {"SGD", "Adam", "NAdam", "LBFGS"} <= known.keys()
    for name, arguments in known.items():
        taken = inspect.signature(getattr(torch.optim, name)).parameters
        assert [*arguments] == [each for each in taken if each not in NOT_SETTINGS], name


def test_a_step_is_pytorch_s_own(small: Small) -> None:
    words = ("optim=torch", "optim.settings={momentum_decay:0.01,betas:[0.8,0.99]}", "clip=none")
    config = small(*words, "optim.recurrent_lr_scale=1", "runtime.kernel=torch")
    ours = updater(config)
    network = build(config, generator(0, "init"), 2)
    theirs = torch.optim.NAdam(network.parameters(), 0.001, (0.8, 0.99), momentum_decay=0.01)
    for n in range(5):
        ours(*batch(n))
        theirs.zero_grad()
        inputs, targets = batch(n)
        network.head.loss(network(inputs), targets).backward()  # type: ignore[no-untyped-call]
        theirs.step()
    for mine, its in zip(ours.model.parameters(), network.parameters(), strict=True):
        assert torch.equal(mine, its)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", USABLE)
def test_every_algorithm_goes_on_bitwise_from_a_checkpoint(
    small: Small, name: str, dtype: str
) -> None:
    config = small("optim=torch", f"optim.algorithm={name}", f"runtime.dtype={dtype}")
    whole, before, after = updater(config), updater(config), updater(config)
    learn(whole, 0, 6)
    learn(before, 0, 3)
    stream = io.BytesIO()
    torch.save([before.model.state_dict(), before.optimizer.state_dict()], stream)
    stream.seek(0)
    weights, state = torch.load(stream, weights_only=True)
    after.model.load_state_dict(weights)
    after.flat.adopt()
    after.optimizer.check_fits(state, "optimizer")
    after.optimizer.load_state_dict(state)
    learn(after, 3, 3)
    assert torch.equal(whole.flat.vector, after.flat.vector)
    assert not torch.equal(whole.flat.vector, before.flat.vector)


def test_an_interrupted_run_goes_on_bitwise_and_ends_in_the_same_result(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small("optim=torch", "optim.algorithm=RAdam", "optim.schedule=cosine")
    whole = run(config)
    directory = RunDirectory.of(config)
    rates = [record["lr"] for record in read_records(directory.metrics)]
    assert rates[0] == 0.001
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    for path in (directory.result, directory.last, directory.best, directory.metrics):
        path.unlink()
    evaluate = Trainer.evaluate

    def killed(self: Trainer) -> Any:
        if self.progress.step == 20:
            raise KeyboardInterrupt
        return evaluate(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            run(config)
    assert run(config)["test_mse"] == whole["test_mse"]


def test_a_checkpoint_of_another_optimizer_is_refused(small: Small) -> None:
    one = updater(small("optim=torch", "optim.algorithm=Adam"))
    other = updater(small("optim=torch", "optim.algorithm=Adagrad"))
    usual = updater(small())
    for made in (one, other, usual):
        learn(made, 0, 1)
    for made, saved in ((one, other), (one, usual), (usual, one)):
        with pytest.raises(ValueError, match="optimizer"):
            made.optimizer.check_fits(saved.optimizer.state_dict(), "optimizer")
    fresh = updater(small("optim=torch", "optim.algorithm=Adam"))
    one.optimizer.check_fits(fresh.optimizer.state_dict(), "optimizer")


def test_a_recurrent_matrix_moves_as_much_less_as_its_rate_says(small: Small) -> None:
    words = ("optim=torch", "optim.algorithm=SGD", "clip=none", "optim.lr=0.1")
    full = updater(small(*words, "optim.recurrent_lr_scale=1"))
    half = updater(small(*words, "optim.recurrent_lr_scale=0.5"))
    still = updater(small(*words, "optim.recurrent_lr_scale=0"))
    before = {name: value.clone() for name, value in full.model.state_dict().items()}
    for made in (full, half, still):
        learn(made, 0, 1)
    for name, start in before.items():
        moved, less, none = (made.model.state_dict()[name] - start for made in (full, half, still))
        if name == "recurrent.weight_hh_l0":
            torch.testing.assert_close(less, moved / 2)
            assert not none.any()
        else:
            assert torch.equal(less, moved)


def test_a_gradient_is_clipped_before_the_step(small: Small) -> None:
    made = updater(
        small("optim=torch", "optim.algorithm=SGD", "clip=0.001", "optim.recurrent_lr_scale=1",
              "optim.lr=1")
    )  # fmt: skip
    before = made.flat.vector.clone()
    outcome = made(*batch(0))
    assert outcome.clipped
    assert (made.flat.vector - before).norm().item() == pytest.approx(0.001, rel=1e-3)


def test_an_infinite_running_average_is_divergence(small: Small) -> None:
    made = updater(small("optim=torch"))
    learn(made, 0, 1)
    assert made.overflow() is None
    state = made.optimizer._torch.state[made.optimizer._parameters[0]]  # type: ignore[union-attr]
    state["exp_avg_sq"][0, 0] = float("inf")
    assert made.overflow() == "1 number of the optimizer's running exp_avg_sq is not finite"


REFUSALS = {
    "optim.algorithm=LBFGS": "asks for the loss several times an update",
    "optim.algorithm=SparseAdam": "is for sparse gradients",
    "optim.algorithm=nadam": "did you mean NAdam? torch.optim has ASGD",
    "optim.algorithm=Optimizer": "torch.optim has ASGD",
    "optim.settings={beta:0.9}": "did you mean betas? NAdam has no beta; it has betas",
    "optim.settings={lr:0.1}": "the learning rate is optim.lr",
    "optim.settings={params:1}": "NAdam has no params",
    "optim.settings=3": "must be a table, as {name: 0.5",
    "optim.settings=text": "must be a table",
    "optim.settings={a:{b:1}}": "must be a table",
    "optim.weight_decay=0.1": "optim=torch has no such option; optim=",
}


@pytest.mark.parametrize("word", REFUSALS)
def test_what_pytorch_does_not_have_is_refused(small: Small, word: str) -> None:
    with pytest.raises(ConfigError) as error:
        small("optim=torch", word)
    assert REFUSALS[word] in str(error.value)


def test_it_is_refused_without_loading_pytorch() -> None:
    code = (
        "import sys; from irnn.train import main; "
        "print(main(['optim=torch', 'optim.algorithm=Nadam']), 'torch' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.split() == ["2", "False"]
    assert "did you mean NAdam" in said.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("optim.settings={betas:[2,3]}",), "ValueError: Invalid beta parameter at index 0"),
        (("optim.algorithm=Muon",), "Muon only supports 2D parameters"),
    ],
)
def test_what_pytorch_itself_refuses_is_said_before_anything_is_made(
    small: Small, words: tuple[str, ...], said: str
) -> None:
    config = small("optim=torch", *words)
    with pytest.raises(ConfigError, match=f"^optim=torch: .*{said}"):
        run(config)
    assert not RunDirectory.of(config).path.exists()


def test_settings_are_part_of_the_identity_and_null_is_not(small: Small) -> None:
    plain, set_ = small("optim=torch"), small("optim=torch", "optim.settings={eps:1e-6}")
    assert run_id(plain) != run_id(set_)
    assert "settings" not in scientific(plain)["optim"]
    assert scientific(set_)["optim"]["settings"] == {"eps": 1e-6}
