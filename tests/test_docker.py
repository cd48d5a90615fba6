"""The image is built from what is there, in an order that keeps torch, and runs as nobody special."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
COPIES = [
    source
    for line in DOCKERFILE
    if line.startswith("COPY") and "--from" not in line
    for source in [word for word in line.split()[1:-1] if not word.startswith("--")]
]
LEFT_OUT = re.compile(r"__pycache__|\.egg-info|\.so$|\.ipynb_checkpoints")


def let_through(path: str) -> bool:
    """Whether .dockerignore leaves a path in the context: the last rule that matches decides."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#"):
            pattern = (
                re.escape(rule.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
            )
            if re.fullmatch(f"{pattern}(/.*)?", path):
                kept = rule.startswith("!")
    return kept


def position(start: str) -> int:
    return next(n for n, line in enumerate(DOCKERFILE) if re.match(start, line))


def pins(name: str) -> dict[str, str]:
    """Package and the rest of its line, of a file of constraints."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line[:1] not in ("", "#")]
    found = [re.fullmatch(r"([A-Za-z0-9._-]+)(==\S+)(; .*)?", line) for line in lines]
    assert all(found), name
    return {re.sub(r"[-_.]+", "-", each[1]).lower(): each[2] for each in found if each}


@pytest.mark.parametrize("source", COPIES)
def test_what_the_image_copies_is_in_its_context(source: str) -> None:
    assert (ROOT / source).exists()
    assert let_through(source)
    files = [x.relative_to(ROOT).as_posix() for x in (ROOT / source).rglob("*") if x.is_file()]
    assert [x for x in files if not let_through(x) and not LEFT_OUT.search(x)] == []


@pytest.mark.parametrize(
    "path",
    [
        "runs/x/result.json",
        ".venv/bin/python",
        "tests/test_docker.py",
        "src/irnn/_native.so",
        "src/irnn/__pycache__/train.pyc",
        "docs/docker.md",
        ".git",
    ],
)
def test_what_the_image_does_not_need_stays_outside(path: str) -> None:
    assert not let_through(path)


def test_a_change_of_the_code_does_not_install_torch_again() -> None:
    torch, needs = position("RUN pip install .* torch$"), position("RUN python requirements.py")
    code = min(position("COPY src"), position("COPY conf"), position("COPY setup.py"))
    assert torch < needs < code < position(r"RUN pip install --no-deps \.")
    assert not any(re.match(r"COPY .*(\bsrc\b|\. )", line) for line in DOCKERFILE[:needs])


def test_torch_comes_alone_from_its_index() -> None:
    """PyTorch's index has some releases only of what torch needs, not those of constraints.txt."""
    line = DOCKERFILE[position("RUN pip install .* torch$")]
    assert "--no-deps" in line
    assert '--index-url "$TORCH_INDEX"' in line
    assert "/cpu" in DOCKERFILE[position("ARG TORCH_INDEX=")]


def test_the_image_runs_as_a_user_of_its_own() -> None:
    users = [line.split()[1] for line in DOCKERFILE if line.startswith("USER")]
    assert users == ["1000"]
    assert position("USER") < position("ENTRYPOINT")


def test_the_last_stage_has_no_compiler() -> None:
    last = max(n for n, line in enumerate(DOCKERFILE) if line.startswith("FROM"))
    assert position("RUN apt-get") < last
    assert not any(re.search(r"apt-get|g\+\+|pip install", line) for line in DOCKERFILE[last:])


def test_every_image_and_package_it_starts_from_is_pinned() -> None:
    images = [line.split()[1] for line in DOCKERFILE if line.startswith("FROM")]
    assert re.match(r"python:\d+\.\d+\.\d+-slim-", images[0])
    assert set(images) == {images[0]}  # the copied environment asks for the same Python
    assert any(re.search(r"apt-get install .* g\+\+=\S+", line) for line in DOCKERFILE)
    torch = position("RUN pip install .* torch$")
    assert "--constraint constraints.txt" in DOCKERFILE[torch]
    constrained = position('ENV PIP_CONSTRAINT="/src/constraints.txt /src/locked.txt"')
    installs = [n for n, line in enumerate(DOCKERFILE) if "pip install" in line]
    assert len(installs) == 3
    assert all(n == torch or n > constrained for n in installs)


def test_what_constraints_do_not_name_is_locked_once() -> None:
    named, locked = pins("constraints.txt"), pins("docker/locked.txt")
    assert not named.keys() & locked.keys()
    project = (ROOT / "pyproject.toml").read_text()
    for extra in ("dependencies", "report", "notebook"):
        block = re.search(rf"^{extra} = \[(.*?)\]", project, re.M | re.S)
        assert block is not None
        for name in re.findall(r'"([A-Za-z0-9-]+)', block[1]):
            assert name in named or name in locked


@pytest.mark.parametrize("extras", [(), ("report", "notebook"), ("optuna",)])
def test_the_requirements_are_those_of_the_project(extras: tuple[str, ...]) -> None:
    tomllib = pytest.importorskip("tomllib", reason="the image's Python has it")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    printed = subprocess.run(
        [sys.executable, ROOT / "docker" / "requirements.py", *extras],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert printed == wanted


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("", "irnn-train"),
        ("irnn-train", "irnn-train"),
        ("experiment=fast seed=1", "irnn-train experiment=fast seed=1"),
        ("-m seed=1,2", "irnn-train -m seed=1,2"),
        ("--help", "irnn-train --help"),
        ("irnn-report runs --out x=1", "irnn-report runs --out x=1"),
        (
            "notebook --no-x",
            "jupyter lab --ip=0.0.0.0 --port=8888 --no-browser --notebook-dir=/home/irnn"
            " --no-x notebooks/adding_problem.ipynb",
        ),
    ],
)
def test_the_entry_point_sends_words_where_they_belong(
    tmp_path: Path, words: str, runs: str
) -> None:
    for name in ("irnn-train", "irnn-report", "jupyter"):
        fake = tmp_path / name
        fake.write_text(f'#!/bin/sh\necho {name} "$@"\necho $$\n')
        fake.chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    assert os.access(ROOT / "docker" / "entrypoint.sh", os.X_OK)
    with subprocess.Popen(
        [shell, ROOT / "docker" / "entrypoint.sh", *words.split()],
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        said, _ = process.communicate()
    assert process.returncode == 0
    # The same process: docker's signals go to it, and a shell in between would keep them.
    assert said.splitlines() == [runs, str(process.pid)]
