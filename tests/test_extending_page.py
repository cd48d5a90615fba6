"""docs/extending.md: every file and every command of it works, in an empty folder, from a wheel."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from irnn.spec.command import read_command
from irnn.spec.composition import Composer, compose_config
from irnn.sweeps.request import read_request
from tests.forgetting import registrations_forgotten

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text()
FILES = dict(re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = re.findall(r"^```bash\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files of the page, in an empty folder."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    with registrations_forgotten():
        yield tmp_path


def test_an_initialization_takes_25_lines_and_a_task_50() -> None:
    def lines(*names: str) -> int:
        return sum(bool(line.strip()) for name in names for line in FILES[name].splitlines())

    assert lines("my_lab/gain.py", "my_lab/conf/init/orthogonal_gain.yaml") <= 25
    assert lines("my_lab/first_symbol.py") <= 50
    assert all(content.count("\n") <= 45 for content in FILES.values())  # a screen


def test_every_command_to_train_composes(folder: Path) -> None:
    for line in "".join(COMMANDS).splitlines():
        program, *words = line.split()
        if program != "irnn-train":
            continue
        command = read_command(words)
        if command.multirun:
            assert len(read_request(command.overrides, Composer(command.groups)).jobs) == 10
        else:
            assert compose_config(command.overrides, command.groups)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the project's wheel is installed into."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(place), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = place.glob("*.whl")
    into = ["--target", str(place / "site")]
    subprocess.run([*pip, "install", "--no-deps", *into, str(wheel)], check=True)
    return place / "site"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_block_of_the_page_works_from_a_wheel(folder: Path, site: Path) -> None:
    path = [str(site / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    surroundings = {
        **{key: value for key, value in os.environ.items() if not key.startswith("IRNN_")},
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(site),
        "OMP_NUM_THREADS": "1",
    }
    ask = "import irnn; print(irnn.__file__)"
    for command in [f"python -c '{ask}'", *COMMANDS]:
        ended = subprocess.run(
            ["bash", "-ec", command],
            cwd=folder, env=surroundings, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert ended.returncode == 0, (command, ended.stdout[-2000:], ended.stderr[-2000:])
        if ask in command:
            assert str(site) in ended.stdout
    results = [json.loads(path.read_text()) for path in folder.glob("runs/*/result.json")]
    assert len(results) == 14
    assert (folder / "report" / "report.html").stat().st_size > 10_000
    (task,) = [each for each in results if each["task"] == "first_symbol"]
    assert task["status"] == "solved"
    assert all(each["status"] != "diverged" for each in results)
