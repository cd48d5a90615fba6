"""Runs in Python: the same as the command's, and without surprises for the program around them."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import irnn
from irnn.api import notebook, training
from irnn.api.configuration import overrides_of
from irnn.runs.directory import RunDirectory
from irnn.spec.config import Config
from irnn.train import main
from irnn.training.display import Display
from tests.command import checkpoint_weights, timeless
from tests.conftest import SMALL

Small = Callable[..., Config]
SCRIPT = f"""
import sys, irnn
assert set(irnn.__all__) <= set(dir(irnn))
assert not {{"torch", "hydra", "numpy", "matplotlib", "pandas", "rich"}} & set(sys.modules)
overrides = {[*SMALL, "runs_dir=runs"]}
config = irnn.compose(*overrides)
assert "torch" not in sys.modules
run = irnn.train(config, progress=False)
print(irnn.train(overrides, progress=False).result == run.result)
print(irnn.train([*overrides, "seed=1"], progress=False).status)
"""


@pytest.fixture
def interrupting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C at update 7."""
    really = Display.tick

    def tick(self: Display, step: int, rate: float) -> None:
        really(self, step, rate)
        if step == 7:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Display, "tick", tick)


def python(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    script = folder / "script.py"
    script.write_text(code)
    words = [sys.executable, str(script)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120)


def test_a_script_imports_quickly_and_trains_twice_without_a_main_guard(tmp_path: Path) -> None:
    finished = python(SCRIPT, tmp_path)
    assert (finished.stdout.split(), finished.stderr) == (["True", "exhausted"], "")


def test_train_is_callable_whether_or_not_the_command_was_imported(small: Small) -> None:
    assert irnn.train.main is main  # type: ignore[attr-defined]
    config = small()
    assert irnn.train(config, progress=False).path == RunDirectory.of(config).path


def test_a_call_makes_the_run_that_the_command_makes(tmp_path: Path, small: Small) -> None:
    words = [*SMALL, f"runs_dir={tmp_path}/command"]
    assert main(words) == 0
    called = irnn.train(small(), progress=False)
    (folder,) = (tmp_path / "command").iterdir()
    assert folder.name == called.run_id
    assert checkpoint_weights(folder) == checkpoint_weights(called.path)


def test_provenance_has_a_command_that_makes_the_run_of_a_configuration(small: Small) -> None:
    config = replace(small("init=orthogonal", "clip=5", "optim=sgd"), seed=3)
    run = irnn.train(config, progress=False)
    told = json.loads((run.path / "provenance.json").read_text())
    assert told["command"].startswith("python -m irnn.train task=adding model=irnn init=orthogonal")
    assert irnn.compose(*overrides_of(config)) == config


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("experiment=fast", "runtime.threads=1", "seed=1"),
        ("task=temporal_order", "model=lstm", "model.forget_bias=2"),
        (
            "tracker.group='a b'",
            "runs_dir='/tmp/a\\'b,c'",
            "sweep.name='20e10'",
            "tracker.tags=[a,b c]",
        ),
    ],
)
def test_a_configuration_goes_through_its_overrides_unchanged(words: tuple[str, ...]) -> None:
    config = irnn.compose(*words)
    assert irnn.compose(*overrides_of(config)) == config


@pytest.mark.usefixtures("interrupting")
def test_ctrl_c_leaves_a_run_that_a_second_call_ends_bitwise_alike(
    tmp_path: Path, small: Small, trained: irnn.Run
) -> None:
    config, before = small(), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="asked for again, the run continues"):
        irnn.train(config, progress=False)
    assert signal.getsignal(signal.SIGINT) is before
    assert irnn.load_run(RunDirectory.of(config).path).status == "unfinished"
    run = irnn.train(config, progress=False)
    assert checkpoint_weights(run.path) == checkpoint_weights(trained.path)
    assert timeless(run.metrics) == timeless(trained.metrics)


@pytest.mark.usefixtures("interrupting")
def test_a_programs_own_handlers_stay_its_own(small: Small) -> None:
    received: list[int] = []
    before = {n: signal.signal(n, lambda n, _: received.append(n)) for n in training_signals()}
    try:
        assert irnn.train(small(), progress=False).status == "exhausted"
        assert received == [signal.SIGINT]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def training_signals() -> tuple[signal.Signals, ...]:
    return signal.SIGINT, signal.SIGTERM, signal.SIGHUP


def test_sigterm_is_not_taken_while_a_call_trains(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    monkeypatch.setattr(Display, "tick", lambda *_: seen.add(signal.getsignal(signal.SIGTERM)))
    irnn.train(small(), progress=False)
    assert seen == {signal.getsignal(signal.SIGTERM)}


def test_two_threads_train_one_after_the_other_and_alike(small: Small, trained: irnn.Run) -> None:
    configs = [small(), small("seed=1")]
    found: list[irnn.Run] = []
    calls = [
        threading.Thread(target=lambda c=c: found.append(irnn.train(c, progress=False)))
        for c in configs
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    first = irnn.load_run(RunDirectory.of(configs[0]).path)
    assert len(found) == 2
    assert checkpoint_weights(first.path) == checkpoint_weights(trained.path)


def test_a_call_leaves_pytorchs_threads_and_random_numbers_alone(small: Small) -> None:
    torch.set_num_threads(2)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    irnn.train(small("seed=4"), progress=False)
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.rand(3), expected)


def test_progress_is_shown_or_not_also_of_a_finished_run(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    config = small()
    irnn.train(config, progress=False)
    irnn.train(config, progress=False)
    assert capsys.readouterr() == ("", "")
    irnn.train(config)
    assert capsys.readouterr().out.startswith("finished before")
    irnn.train(replace(config, force=True))
    assert "NOT SOLVED within its budget" in capsys.readouterr().out


class Handle:
    """What IPython gives for an output that can be drawn anew."""

    def __init__(self, content: dict[str, str]) -> None:
        self.drawn = [content]

    def update(self, content: dict[str, str], raw: bool) -> None:
        assert raw
        self.drawn.append(content)


def test_a_notebook_has_one_output_which_ends_with_the_summary(
    small: Small,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    display = pytest.importorskip("IPython.display")
    handles: list[Handle] = []

    def show(content: dict[str, str], **_: Any) -> Handle:
        handles.append(Handle(content))
        return handles[0]

    monkeypatch.setattr(display, "display", show)
    monkeypatch.setattr(training, "_notebook", object)
    monkeypatch.setattr(notebook, "_REDRAW_SECONDS", 0)
    irnn.train(small(f"runs_dir='{tmp_path}/<b>'"))
    (handle,) = handles
    assert capsys.readouterr().out == ""
    during, last = handle.drawn[-12], handle.drawn[-1]
    assert '<progress max="40" value="' in during["text/html"]
    assert "trivial 0.1667" in during["text/plain"]
    assert "NOT SOLVED within its budget" in last["text/plain"]
    assert "progress" not in last["text/html"]
    assert "/&lt;b&gt;/irnn-" in last["text/html"]


def test_outside_of_a_notebook_the_display_is_the_commands() -> None:
    pytest.importorskip("IPython")
    assert training._notebook() is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("seq_len=1",), "seq_len=1"),
        (("-m", "seed=0,1"), "sweeps are for irnn-train -m"),
        (("sweep=lengths",), "irnn-train needs -m"),
        (("--nonsense",), "no such flag"),
        ((5,), "an override is a text"),
    ],
)
def test_what_cannot_work_is_refused_in_the_commands_words(
    words: tuple[Any, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(irnn.ConfigError, match=said):
        irnn.train(words)
    assert list(tmp_path.iterdir()) == []
