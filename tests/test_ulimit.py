"""Limits of a shell: what they leave no room for is refused before it begins, with its remedy."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from irnn import report, train
from irnn.prediction import drawn
from irnn.prediction.errors import InputError
from irnn.spec.composition import compose_config
from irnn.spec.config import ConfigError
from irnn.system import machine
from irnn.training import memory
from tests.conftest import SMALL


@pytest.mark.parametrize(
    ("name", "flag"), [("RLIMIT_AS", "ulimit -v"), ("RLIMIT_DATA", "ulimit -d")]
)
def test_a_run_that_a_limit_of_the_shell_leaves_no_room_for_is_refused_before_it_begins(
    ulimit: Callable[..., None], name: str, flag: str
) -> None:
    ulimit(name, 3000, taken=1000)
    said = (
        rf"^model\.hidden_size=6000: .* 3 GB of memory .*`{flag}` leaves 1\.98 GB; .*raise {flag}"
    )
    with pytest.raises(ConfigError, match=said):
        memory.check_memory(compose_config(["model.hidden_size=6000"]))
    memory.check_memory(compose_config(["model.hidden_size=3000"]))


def test_no_limit_of_the_shell_is_none(ulimit: Callable[..., None]) -> None:
    room = machine.memory_room()
    assert room is not None
    assert room == machine.Room(machine.available_memory() or 0)
    assert machine.refusal_of() is None


@pytest.mark.parametrize("words", [[], ["-m", "seed=0,1"]], ids=["run", "sweep"])
def test_where_pytorch_alone_does_not_fit_nothing_is_made(
    ulimit: Callable[..., None], here: Callable[..., Any], tmp_path: Path, words: list[str]
) -> None:
    ulimit("RLIMIT_AS", 600)
    ended = here("train", *words, *SMALL)
    assert ended.returncode == train.REFUSED
    assert "`ulimit -v` allows less than PyTorch takes, about 850 MB; raise it" in ended.stderr
    assert not (tmp_path / "runs").exists()


def test_a_sequence_that_a_limit_of_the_shell_leaves_no_room_for_is_refused(
    ulimit: Callable[..., None],
) -> None:
    ulimit("RLIMIT_AS", 1000)
    model: Any = SimpleNamespace(recurrent=SimpleNamespace(hidden_size=8, num_layers=1))
    drawn.check_memory(model, 1000)
    with pytest.raises(InputError, match=r"at most [\d,]+ steps, since `ulimit -v` leaves 150 MB"):
        drawn.check_memory(model, 100_000_000)


def test_a_report_that_numpy_does_not_fit_into_is_refused(
    ulimit: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    ulimit("RLIMIT_AS", 50)
    assert report.main([]) == 2
    said = "irnn-report: `ulimit -v` allows less than NumPy takes, about 128 MB; raise it\n"
    assert capsys.readouterr().err == said
    ulimit("RLIMIT_AS", 200)
    assert machine.refusal_of(machine.NUMPY) is None
    assert machine.refusal_of(machine.PYTORCH) is not None


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [40, 60, 90, 120, 140])
def test_a_report_under_a_real_limit_reports_or_says_so_in_one_line(
    tmp_path: Path, megabytes: int
) -> None:
    limited = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({megabytes}000000,) * 2); "
        "from irnn.report import main; sys.exit(main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", limited], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode in (1, 2)
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith("irnn-report: ")


@pytest.mark.slow
def test_a_real_limit_is_seen_by_the_real_command(tmp_path: Path) -> None:
    words = [*SMALL, "model.hidden_size=6000", f"runs_dir={tmp_path}/runs"]
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, 3 * 10**9)); "
        "from irnn.train import main; sys.exit(main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", limited, *words], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == train.REFUSED, ended.stderr
    assert "`ulimit -v` leaves" in ended.stderr
    assert not (tmp_path / "runs").exists()
