"""The tab key: groups, options, settings and the values that have names, of plug-ins too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from irnn.spec.completion import names_for
from irnn.spec.kinds import names_of
from irnn.spec.known import all_variants
from irnn.train import REFUSED, main
from tests.forgetting import registrations_forgotten

GAIN = """
from enum import Enum

from irnn.extend import Initialization, initialization, option

Kind = Enum("Kind", "plain wild")


@initialization("my_gain")
class MyGain(Initialization):
    gain: float = option(0.5, "factor on my matrix", at_least=0)
    kind: Kind = option(Kind.plain, "how")
    shape: str = option("round", "what")

    @classmethod
    def values_of(cls, setting):
        return ["round", "square"] if setting == "shape" else []

    def recurrent(self, shape, generator):
        raise NotImplementedError
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "my_lab").mkdir()
    (tmp_path / "my_lab" / "gain.py").write_text(GAIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IRNN_RUNS", raising=False)
    with registrations_forgotten():
        yield


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("plugins=my_lab init=my", "init=my_gain"),
        ("plugins=my_lab init=my_gain init.g", "init.gain="),
        ("plugins=my_lab init=my_gain init.gain=", "init.gain=0.5"),
        ("init=my", ""),
        ("task=mult", "task=multiplication"),
        ("optim=adam optim.s", "optim.schedule="),  # in no file: the class alone has it
        ("seq_len=175 clip=5 budget.u", "budget.updates="),  # numbers in place of options
        ("optim=nosuch optim.l", ""),
        ("task.marks=", "task.marks=anywhere task.marks=first_ten task.marks=halves"),
        ("task.marks=h", "task.marks=halves"),
        (
            "optim=sgd optim.schedule=",
            "optim.schedule=cosine optim.schedule=linear optim.schedule=null",
        ),
        ("runtime.device=cu", "runtime.device=cuda"),
        ("force=", "force=false force=true"),
        (
            "optim=torch optim.algorithm=Ada",
            *[
                " ".join(
                    f"optim.algorithm=Ada{rest}"
                    for rest in ("delta", "factor", "grad", "m", "mW", "max")
                )
            ],
        ),
        ("plugins=my_lab init=my_gain init.kind=", "init.kind=plain init.kind=wild"),
        ("plugins=my_lab init=my_gain init.shape=", "init.shape=round init.shape=square"),
        ("batch_size=", "batch_size=16"),  # any number: what it is now
    ],
)
def test_a_shell_completes_options_and_their_settings(
    lab: None, typed: str, offered: str, monkeypatch, capsys
) -> None:
    line = f"irnn-train {typed}"
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert main(["-sc", "query=bash"]) == 0
    assert " ".join(capsys.readouterr().out.split()) == offered


@pytest.mark.parametrize("words", [[], ["install=nosuch"], ["seed=1"]], ids=str)
def test_another_shell_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-sc", *words]) == REFUSED
    (line,) = capsys.readouterr().err.splitlines()
    assert "needs install=SHELL, uninstall=SHELL or query=SHELL" in line


def test_every_setting_that_is_one_of_some_names_completes_all_of_them() -> None:
    closed = [each for each in all_variants() if names_of(each.type) or each.type is bool]
    assert {"task.marks", "runtime.device", "tracker.mode", "force"} <= {
        each.key for each in closed
    }
    for setting in closed:
        offered = names_for(setting.key)
        assert {*names_of(setting.type)} <= {*offered}, setting.key
        assert len(offered) > 1, setting.key
