"""One class is an option of a group: its settings and what it does, registered under its name."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from irnn.extend import Initialization, Task, initialization, option, task
from irnn.spec import help, registry
from irnn.spec.composition import Composer, compose_config
from irnn.spec.errors import RegistrationError
from irnn.spec.known import known_settings
from irnn.spec.options import plain, settings
from tests.forgetting import registrations_forgotten


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with registrations_forgotten():
        yield


def define(name: str = "scaled", **members: Any) -> Any:
    """Register an initialization whose class is like one of a user's file."""

    @initialization(name)
    class Scaled(Initialization):
        """Scaled identity."""

        scale: float = option(0.5, "factor", at_least=0)

        def recurrent(self, shape: Any, generator: Any) -> Any: ...

    return Scaled


def test_a_registered_class_is_a_frozen_dataclass_that_knows_its_name() -> None:
    made = define()(scale=2.0)
    assert (made.name, made.group, made.summary, made.scale) == (
        "scaled", "init", "Scaled identity.", 2.0,
    )  # fmt: skip
    with pytest.raises(FrozenInstanceError):
        made.scale = 1.0
    assert plain(made) == {
        "name": "scaled", "source": made.source, "readout_std": None, "readout_bias": None,
        "input_std": 0.001, "bias_std": 0.0, "scale": 2.0,
    }  # fmt: skip
    assert next(settings(made)).key == "name"


def test_annotations_may_be_text() -> None:
    """The file has `from __future__ import annotations`."""
    assert known_settings().keys() >= {"init.gain"}
    define()
    assert known_settings()["init.scale"].type is float
    assert known_settings()["init.scale"].only == ("scaled",)


def test_what_cannot_be_an_option_is_refused_by_name() -> None:
    define()
    for name in ("identity", "Scaled", "a-b", ""):
        with pytest.raises(RegistrationError, match=r"@initialization\(" + repr(name)):
            initialization(name)(type("Other", (Initialization,), {"recurrent": 1}))
    with pytest.raises(RegistrationError, match="derived from irnn"):
        task("x")(type("Mine", (Initialization,), {}))
    with pytest.raises(RegistrationError, match="the class lacks recurrent"):
        initialization("x")(type("Mine", (Initialization,), {}))
    earlier = {"describe": lambda self, drawn: [], "draw": 1, "encode": 1, "metric": 1, "head": 1}
    with pytest.raises(RegistrationError, match=r"the class lacks describe\(self, inputs, drawn\)"):
        task("x")(type("Mine", (Task,), earlier))
    with pytest.raises(RegistrationError, match="cannot be called steps"):
        task("x")(type("Mine", (Task,), {"__annotations__": {"steps": int}, "draw": 1, "encode": 1,
                                         "metric": 1, "head": 1}))  # fmt: skip
    with pytest.raises(RegistrationError, match="table: a setting is an int, float"):
        initialization("x")(
            type("Mine", (Initialization,), {"__annotations__": {"table": dict}, "table": None,
                                             "recurrent": 1})
        )  # fmt: skip


def test_a_notebooks_cell_may_be_run_again() -> None:
    first, second = define(), define()
    assert first is not second
    assert registry.get("init", "scaled") is second


def test_a_setting_that_only_another_option_has_may_be_null() -> None:
    assert compose_config(["init=gaussian", "init_scale=none", "optim.momentum=null"])
    assert Composer().compose(["init=gaussian", "init.gain=null"])


def test_what_no_file_says_is_what_the_class_says() -> None:
    composed = compose_config(["optim.recurrent_lr_scale=${optim.lr}", "stop.test_mse=0.5"])
    assert composed.optim.recurrent_lr_scale == composed.optim.lr
    assert compose_config(["task=temporal_order"]).stop.test_accuracy == 0.99
    assert compose_config(["task=copy_memory"]).stop.test_mse is None
    assert compose_config(["stop.test_mse=null"]).stop.test_mse is None


@pytest.mark.parametrize("group", registry.GROUPS)
def test_every_option_travels_and_has_a_line_of_its_own(group: str) -> None:
    for name, cls in registry.classes(group).items():
        made = cls()
        assert pickle.loads(pickle.dumps(made)) == made
        assert cls.name == name
        assert len(cls.summary) > 3


def test_neither_options_nor_what_plug_ins_import_load_torch() -> None:
    modules = "sys, irnn.extend, irnn.spec.config, irnn.spec.registry as registry"
    code = f"import {modules}; registry.classes('init'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_list_of_texts_may_be_a_default_and_no_two_share_it() -> None:
    @initialization("listed")
    class Listed(Initialization):
        parts: list[str] = option(["a", "b"], "parts")

        def recurrent(self, shape: Any, generator: Any) -> Any: ...

    made, given = compose_config(["init=listed"]), compose_config(["init=listed", "init.parts=[c]"])
    assert (plain(made.init)["parts"], plain(given.init)["parts"]) == (["a", "b"], ["c"])
    assert known_settings()["init.parts"].value == ["a", "b"]
    Listed().parts.append("c")
    assert Listed().parts == ["a", "b"]


def test_options_are_listed_in_one_order_whatever_was_imported_first() -> None:
    """In a process of its own, which asks for a plug-in's and for our last before it asks for all."""
    lines = [
        "import irnn.models.antisymmetric, irnn.tasks.pixels, irnn.optimizers.torch",
        "from irnn.spec import registry",
        "print([list(registry.classes(group)) for group in registry.GROUPS])",
    ]
    printed = [
        subprocess.run(
            [sys.executable, "-c", "\n".join(each)], capture_output=True, text=True
        ).stdout
        for each in (lines, lines[1:])
    ]
    assert printed[0] == printed[1] != ""
    define("zeta")
    define("alpha")
    assert [*registry.classes("init")][-2:] == ["alpha", "zeta"]


def test_help_says_what_each_option_means_by_a_name_that_several_use() -> None:
    """A plug-in's init.gain is not ours, with our words and our default."""

    @initialization("noisy")
    class Noisy(Initialization):
        """Noise around a matrix."""

        gain: int = option(3, "how loud the noise is", at_least=1)

        def recurrent(self, shape: Any, generator: Any) -> Any: ...

    meant = {
        each.only: help.remarks(each) for each in help.all_settings() if each.key == "init.gain"
    }
    assert meant[("noisy",)] == "only noisy; at least 1"
    [(ours, told)] = [(only, told) for only, told in meant.items() if "identity" in only]
    assert "noisy" not in told
    assert "noisy" not in ours
    lines = [line for line in help.text().splitlines() if "init.gain" in line]
    assert any("how loud the noise is (only noisy" in line and "[" not in line for line in lines)
    assert any("noise" not in line for line in lines)
