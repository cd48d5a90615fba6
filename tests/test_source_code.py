"""What a run of one's own code is made of: files of the plug-in, and of nothing that is installed."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from irnn.extend import Initialization
from irnn.spec import source_code


def test_a_class_made_by_a_call_is_of_the_file_that_its_functions_are_in() -> None:
    made = type("Made", (Initialization,), {"recurrent": lambda self, shape, generator: None})
    assert {*source_code.of_class(made).files} == {"test_source_code.py", "__init__.py"}


def test_a_class_made_by_a_call_without_functions_is_of_its_bases_file() -> None:
    base = type("Base", (Initialization,), {"recurrent": lambda self, shape, generator: None})
    made = type("Made", (base,), {"needs_square": True})
    assert {*source_code.of_class(made).files} == {"test_source_code.py", "__init__.py"}


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_what_a_file_imports_of_other_installed_packages_is_not_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    place = tmp_path / folder
    place.mkdir()
    (place / "neighbour.py").write_text("big = 1\n")
    (place / "lab.py").write_text("import neighbour\n")
    module = ModuleType("lab")
    module.__file__ = str(place / "lab.py")
    monkeypatch.setitem(sys.modules, "lab", module)
    cls = type("Gain", (), {"__module__": "lab"})
    assert [*source_code.of_class(cls).files] == ["lab.py"]


def test_what_a_script_imports_beside_itself_is_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "helper.py").write_text("x = 1\n")
    (tmp_path / "lab.py").write_text("import json, helper\n")
    module = ModuleType("lab")
    module.__file__ = str(tmp_path / "lab.py")
    monkeypatch.setitem(sys.modules, "lab", module)
    cls = type("Gain", (), {"__module__": "lab"})
    assert {*source_code.of_class(cls).files} == {"lab.py", "helper.py"}
