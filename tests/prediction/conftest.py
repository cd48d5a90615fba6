"""A trained run, and the command that asks it."""

from pathlib import Path
from typing import Any

import pytest

from irnn.predict import main
from irnn.runs.directory import RunDirectory
from irnn.spec.composition import compose_config
from irnn.training.session import run
from tests.conftest import SMALL


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, read only."""
    root = tmp_path_factory.mktemp("trained") / "runs"
    config = compose_config([*SMALL, f"runs_dir={root}", "optim.lr=0.01"])
    run(config)
    return RunDirectory.of(config).path


@pytest.fixture
def ask(capsys: Any, trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run the command; give back exit status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: object, of: object = trained) -> tuple[int, str, str]:
        status = main([str(of), *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run_it
