"""The native kernel is optional: the package builds without a compiler, and says what it lacks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("compiler", ["/bin/false", "/nonexistent/c++"])
def test_the_package_builds_without_a_working_compiler(tmp_path: Path, compiler: str) -> None:
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    left_out = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=left_out)
    built = subprocess.run(
        [sys.executable, "setup.py", "build", "--build-lib", "built"],
        cwd=tmp_path,
        env={**os.environ, "CC": compiler, "CXX": compiler},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert built.returncode == 0, built.stderr
    assert "irnn.kernels._native" in built.stdout + built.stderr
    assert list((tmp_path / "built").rglob("_native*")) == []
    script = "from irnn.kernels import native; print(native.why_unavailable())"
    said = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "built")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "install a C++17 compiler" in said.stdout, said.stderr
