"""A plug-in with an initialization, in a folder that a test stands in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from irnn.spec.composition import compose_config
from irnn.spec.config import Config
from tests.forgetting import registrations_forgotten

GAIN = '''
from irnn.extend import Initialization, initialization, option
from .shapes import square


@initialization("my_gain")
class MyGain(Initialization):
    """A constant matrix times a gain."""

    gain: float = option(0.5, "factor on my matrix", at_least=0)
    power: int = option(1, "how often", at_least=1)

    def recurrent(self, shape, generator):
        return self.gain * square(shape)
'''
SHAPES = "def square(shape):\n    import torch\n    return torch.eye(shape.hidden).double()\n"


@pytest.fixture(autouse=True)
def forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IRNN_RUNS", raising=False)
    with registrations_forgotten():
        yield


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return folder(tmp_path / "my_lab", {"gain.py": GAIN, "shapes.py": SHAPES})


def folder(path: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    return path


def mine(*words: str) -> Config:
    return compose_config(["plugins=my_lab", "init=my_gain", *words])
