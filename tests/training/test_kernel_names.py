"""What `provenance.json` calls a run's kernel is what computed it, for every network, device and setting."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from irnn.kernels import compiled, gated, loading, native, reference
from irnn.kernels.cuda import layer as on_gpu
from irnn.kernels.cuda import plan
from irnn.models.cells import Irnn
from irnn.models.network import DTYPES
from irnn.models.recurrent import IRNN
from irnn.runs.directory import RunDirectory
from irnn.spec.choices import Dtype, KernelName
from irnn.spec.config import Config, ConfigError
from irnn.training.session import kernel_name, run
from irnn.training.step import Updater
from tests.training.test_step import Small, batches, network

MODELS = ("irnn", "rnn_relu", "rnn_tanh", "lstm", "gru")
OURS: dict[Any, str] = {
    None: "torch",
    **dict.fromkeys((native.recurrence, gated.lstm, gated.gru), "native"),
    **dict.fromkeys((reference.recurrence, reference.lstm, reference.gru), "reference"),
    on_gpu.recurrence: "cuda",
}


def settings(config: Config, sizes: Sequence[int] = (4, plan.LARGEST_H + 1)) -> Iterator[Config]:
    """Every kernel, dtype, number of layers, and a size on each side of what the CUDA kernels take."""
    for kernel, dtype, hidden, layers in product(KernelName, Dtype, sizes, (1, 2)):
        yield replace(
            config,
            runtime=replace(config.runtime, kernel=kernel, dtype=dtype),
            model=replace(config.model, hidden_size=hidden, num_layers=layers),
        )


def said(config: Config, device: torch.device) -> str:
    try:
        return kernel_name(config, device)
    except ConfigError as error:
        return str(error)


def taken(config: Config, device: torch.device) -> str:
    """What a call of the layer on that device goes to, which need not be here."""
    recurrent: Any = network(config).recurrent
    with FakeTensorMode():
        inputs = torch.empty(5, 3, 2, dtype=DTYPES[config.runtime.dtype], device=device)
    try:
        return OURS[recurrent._recurrence(inputs)]
    except ValueError as error:
        return str(error).replace(":0", "")


@pytest.mark.parametrize("built", [True, False], ids=["built", "nothing built"])
@pytest.mark.parametrize("model", MODELS)
def test_the_kernel_that_is_named_beforehand_is_the_one_that_layers_take(
    small: Small, model: str, built: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "why_unavailable", lambda: "" if built else "no cuda-bindings")
    if not built:
        monkeypatch.setattr(loading, "LIBRARY", "no-such-file")
    for cached in (loading.load, compiled.default):
        cached.cache_clear()
    seen = set()
    try:
        for config in settings(small(f"model={model}", "init=pytorch")):
            for device in map(torch.device, ("cpu", "cuda", "mps")):
                name = said(config, device)
                assert name == taken(config, device)
                seen.add(name)
    finally:
        for cached in (loading.load, compiled.default):
            cached.cache_clear()
    assert {"torch", "reference"} < seen
    assert ("cuda" in seen) == (built and model not in ("lstm", "gru"))


@pytest.fixture
def computed_by(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Collects what has computed a recurrence on the CPU."""
    called: set[str] = set()

    def watch(owner: Any, attribute: str, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, attribute)

        def noted(*arguments: Any, **named: Any) -> Any:
            called.add(name)
            return original(*arguments, **named)

        monkeypatch.setattr(owner, attribute, noted)

    watch(compiled.Compiled, "_run", "native")
    for cell in ("recurrence", "lstm", "gru"):
        watch(reference, cell, "reference")
    for layer in (torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU):
        watch(layer, "forward", "torch")
    return called


@pytest.mark.parametrize("model", MODELS)
def test_the_kernel_that_is_named_computes_every_update(
    small: Small, model: str, computed_by: set[str]
) -> None:
    inputs, targets = batches(1)[0]
    for config in settings(small(f"model={model}", "init=pytorch", "optim=sgd"), sizes=[4]):
        name = said(config, torch.device("cpu"))
        if "runtime.kernel is 'native'" in name:
            continue  # nothing was built; the run is refused
        updater = Updater(network(config), config.optim, config.clip)
        computed_by.clear()
        dtype = DTYPES[config.runtime.dtype]
        updater(inputs[:3].to(dtype), targets.to(dtype))
        assert computed_by == {name} == {updater.kernel}


class Unannounced(Irnn):
    """A user's cell that builds a layer of ours and does not say that it has a kernel."""

    has_kernel = False

    def layer(self, input_size: int, **how: Any) -> IRNN:
        return IRNN(input_size, self.hidden_size, self.num_layers, **how)


class Doubled(IRNN):
    """A layer of a user's own."""

    def last_state(self, input: torch.Tensor) -> torch.Tensor:
        return super().last_state(input) * 2


class WithLayerOfItsOwn(Irnn):
    """A user's cell whose layer is more than the kernel."""

    def layer(self, input_size: int, **how: Any) -> Doubled:
        return Doubled(input_size, self.hidden_size, self.num_layers, **how)


@pytest.mark.skipif(not native.is_available(), reason="the kernel was not built")
@pytest.mark.parametrize(
    ("cell", "name"), [(Unannounced, "native"), (WithLayerOfItsOwn, "Doubled.forward")]
)
def test_provenance_names_what_the_network_that_was_built_uses(
    small: Small, cell: type[Irnn], name: str, quick_runs: None
) -> None:
    config = small("init=pytorch")
    config = replace(config, model=cell(hidden_size=4))
    run(config)
    (session,) = json.loads(RunDirectory.of(config).provenance.read_text())["sessions"]
    assert session["kernel"] == name
    assert "has no kernel" not in str(session["slow_because"])
