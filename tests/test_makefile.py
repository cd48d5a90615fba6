"""Every target that `make help` lists can be made, and none is defined twice."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_made_of_commands_without_a_warning(target: str) -> None:
    dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert dry.returncode == 0
    assert dry.stderr == ""
    assert dry.stdout


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".venv" / ".ready").exists(), reason="make did not make .venv")
def test_make_train_trains(tmp_path: Path) -> None:
    arguments = (
        f"seq_len=20 budget.updates=20 evaluate.every=10 runtime.threads=1 runs_dir={tmp_path}"
    )
    made = subprocess.run(
        ["make", "train", f"ARGS={arguments}"], cwd=ROOT, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    assert list(tmp_path.glob("irnn-*/result.json"))


def test_every_listed_target_is_phony_and_there_once() -> None:
    text = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert sorted(phony.split()) == sorted(TARGETS)
    assert "bench-report" in TARGETS
