"""A network of a user's own code answers where that code is named, and as it was when it learned."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import irnn
from irnn.predict import main as predict
from irnn.runs.directory import RunDirectory
from irnn.spec.composition import compose_config
from irnn.spec.config import ConfigError
from irnn.training.session import run
from tests.conftest import SMALL
from tests.forgetting import registrations_forgotten

LEAKY = """
from irnn.extend import Cell, Initialization, cell, initialization, option


@cell("my_leaky")
class MyLeaky(Cell):
    rate: float = option(0.5, "how far a unit moves in a step", above=0, at_most=1)

    def step(self, x, state, weights):
        import torch

        (h,) = state
        wanted = torch.tanh(x @ weights.weight_ih.T + h @ weights.weight_hh.T + weights.bias)
        return (h + self.rate * (wanted - h),)
"""
GAIN = """
from irnn.extend import Initialization, initialization


@initialization("my_gain")
class MyGain(Initialization):
    def recurrent(self, shape, generator):
        import torch

        return torch.eye(shape.hidden).double()
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plug-in and a run of it; only read."""
    place = tmp_path_factory.mktemp("trained")
    (place / "my_lab").mkdir()
    (place / "my_lab" / "leaky.py").write_text(LEAKY)
    (place / "my_lab" / "gain.py").write_text(GAIN)
    with registrations_forgotten():
        words = [f"plugins={place}/my_lab", "model=my_leaky", "init=my_gain", *SMALL]
        config = compose_config(
            [*words, "model.hidden_size=4", "seq_len=5", f"runs_dir={place}/runs"]
        )
        run(config)
    RunDirectory.of(config).path.rename(place / "run")
    return place


@pytest.fixture(autouse=True)
def place(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, in which the test stands."""
    shutil.copytree(trained, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    with registrations_forgotten():
        yield tmp_path / "here"


@pytest.mark.parametrize(
    "words", [["--plugins", "my_lab"], ["plugins=my_lab"], ["--plugins=[my_lab]"]]
)
def test_code_is_named_as_the_training_command_names_it(words, capsys) -> None:
    assert predict(["run", *words]) == 0
    assert capsys.readouterr().err == ""


def test_code_in_a_runs_folder_is_never_executed_by_itself(place, capsys) -> None:
    (place / "run" / "source" / "my_lab" / "leaky.py").write_text("raise SystemExit('executed')")
    assert predict(["run"]) == 2
    assert "model=my_leaky is of a plug-in; name it" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="is of a plug-in"):
        assert irnn.load_run("run").config
    assert irnn.load_run("run", plugins="my_lab").config.model.name == "my_leaky"


def test_changed_code_of_a_model_answers_only_where_that_is_said(
    place, capsys, monkeypatch
) -> None:
    """Its answers would be another network's: a smaller step is no error that anybody would see."""
    asked = ["run", "--plugins", "my_lab", "--samples", "3"]
    with registrations_forgotten():
        assert predict(asked) == 0
    before = capsys.readouterr().out
    (place / "my_lab" / "leaky.py").write_text(LEAKY.replace("self.rate *", "0.5 * self.rate *"))
    with registrations_forgotten():
        assert predict(asked) == 2
    out, said = capsys.readouterr()
    assert out == ""
    for part in ("the code of model=my_leaky has changed since", "--changed-code", "run/source"):
        assert part in said
    with registrations_forgotten():
        assert predict([*asked, "--changed-code"]) == 0
    assert capsys.readouterr().out != before
    monkeypatch.syspath_prepend("")  # as `python -m irnn.predict` has it
    with registrations_forgotten():
        assert predict(["run", "--plugins", "run/source/my_lab", "--samples", "3"]) == 0
    assert capsys.readouterr().out == before


def test_python_refuses_changed_code_in_the_same_words(place) -> None:
    (place / "my_lab" / "leaky.py").write_text(LEAKY.replace("self.rate *", "0.5 * self.rate *"))
    run = irnn.load_run("run", plugins="my_lab")
    assert run.result["status"] == "exhausted"
    for asked in (run.model, lambda: run.predict([[0.0, 0.0]]), lambda: run.sequences(2)):
        with pytest.raises(ConfigError, match="the code of model=my_leaky has changed"):
            asked()
    assert irnn.load_run("run", plugins="my_lab", changed_code=True).sequences(2)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("leaky.py", "        (h,)", "        # a remark\n        (h,)"),
        ("gain.py", ".double()", ".double() * 1"),
    ],
)
def test_what_cannot_move_an_answer_is_no_change(place, file, old, new) -> None:
    """A comment, and the code of the initialization that training started from."""
    changed = place / "my_lab" / file
    assert old in changed.read_text()
    changed.write_text(changed.read_text().replace(old, new))
    assert predict(["run", "--plugins", "my_lab"]) == 0
