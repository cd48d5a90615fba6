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


@pytest.mark.parametrize("source", COPIES)
def test_what_the_image_copies_is_in_its_context(source: str) -> None:
    assert (ROOT / source).exists()
    assert let_through(source)


@pytest.mark.parametrize(
    "path",
    [
        "runs/x/result.json",
        ".venv/bin/python",
        "tests/test_docker.py",
        "src/irnn/_native.so",
        ".git",
    ],
)
def test_what_the_image_does_not_need_stays_outside(path: str) -> None:
    assert not let_through(path)


def position(start: str) -> int:
    return next(n for n, line in enumerate(DOCKERFILE) if re.match(start, line))


def test_a_change_of_the_code_does_not_install_torch_again() -> None:
    torch, needs = position("RUN pip install .* torch$"), position("RUN python requirements.py")
    assert torch < needs < position("COPY src") < position("RUN pip install --no-deps")
    assert position("COPY setup.py") > needs


def test_the_image_runs_as_a_user_of_its_own() -> None:
    users = [line.split()[1] for line in DOCKERFILE if line.startswith("USER")]
    assert users == ["1000"]
    assert position("USER") < position("ENTRYPOINT")


def test_every_image_and_package_it_starts_from_is_pinned() -> None:
    assert all(re.match(r"FROM python:\d+\.\d+\.\d+-", x) for x in DOCKERFILE if x[:4] == "FROM")
    assert any(re.search(r"apt-get install .* g\+\+=\S+", line) for line in DOCKERFILE)
    installs = [line for line in DOCKERFILE if "pip install" in line and "--no-deps" not in line]
    assert installs
    assert all("--constraint constraints.txt" in line for line in installs)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the image's Python has tomllib")
def test_the_requirements_are_those_of_the_project() -> None:
    script = ROOT / "docker" / "requirements.py"
    printed = subprocess.run(
        [sys.executable, script, "notebook"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    text = (ROOT / "pyproject.toml").read_text()
    assert all(f'"{line}"' in text for line in printed)
    assert [line.split(">")[0] for line in printed if "torch" in line or "jupyter" in line] == [
        "torch",
        "jupyterlab",
    ]


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("", "irnn-train"),
        ("irnn-train", "irnn-train"),
        ("experiment=fast seed=1", "irnn-train experiment=fast seed=1"),
        ("-m seed=1,2", "irnn-train -m seed=1,2"),
        ("irnn-report runs", "irnn-report runs"),
        ("notebook --no-x", "jupyter lab --ip=0.0.0.0 --port=8888 --no-browser"),
    ],
)
def test_the_entry_point_sends_words_where_they_belong(
    tmp_path: Path, words: str, runs: str
) -> None:
    for name in ("irnn-train", "irnn-report", "jupyter"):
        fake = tmp_path / name
        fake.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        fake.chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    said = subprocess.run(
        [shell, ROOT / "docker" / "entrypoint.sh", *words.split()],
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.startswith(runs)
    assert said.stdout.endswith("notebooks/adding_problem.ipynb\n") == (words[:8] == "notebook")
