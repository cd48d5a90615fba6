"""The native kernel is optional: the package builds without a compiler, and everything says what it lacks."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import setuptools

from irnn.kernels.missing import why_not_built

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "irnn" / "kernels" / "cpp"

FAILING = """\
#!/bin/sh
echo "In file included from elsewhere:"
echo "pool.cpp:71:29: error: no type named 'system_error' in namespace 'std'"
echo "pool.cpp:72:1: error: another"
exit 1
"""
WORKING = """\
#!/bin/sh
for word; do result=$last; last=$word; done
: > "$last"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a build reads, with one module in place of the package's."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "conf").mkdir()
    kernels = tmp_path / "src" / "irnn" / "kernels"
    shutil.copytree(SOURCES, kernels / "cpp")
    for package in (kernels.parent, kernels):
        (package / "__init__.py").touch()
    return tmp_path


def put(checkout: Path, compiler: str) -> str:
    """Make a compiler of this shell script."""
    path = checkout / "c++"
    path.write_text(compiler)
    path.chmod(0o755)
    return str(path)


def wheel_of(checkout: Path, compiler: str, *words: str) -> tuple[Path, str]:
    """Build a wheel with this compiler; give it and what was said."""
    built = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "bdist_wheel", *words],
        cwd=checkout,
        env={**os.environ, "CXX": put(checkout, compiler)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = (checkout / "dist").iterdir()
    return wheel, built.stderr


def test_the_package_builds_without_a_working_compiler_and_keeps_its_first_error(
    checkout: Path,
) -> None:
    wheel, said = wheel_of(checkout, FAILING)
    assert "WARNING: irnn: the native kernel was not built" in said
    # All that pip shows of an install that succeeds is this name.
    assert wheel.name.endswith("-0_native_kernel_not_built-py3-none-any.whl")
    zipfile.ZipFile(wheel).extractall(checkout / "there")
    package = checkout / "there" / "irnn" / "kernels"
    assert not (package / "_native.so").exists()
    why = why_not_built(package)
    assert "error: no type named 'system_error' in namespace 'std'" in why
    assert "error: another" not in why
    assert "install a C++17 compiler" in why
    assert "-m pip install --force-reinstall --no-deps --no-cache-dir" in why
    assert "\n" not in why


def test_a_wheel_with_the_kernel_is_for_every_python_of_its_platform(checkout: Path) -> None:
    wheel, _ = wheel_of(checkout, WORKING, "--plat-name=manylinux2014_x86_64")
    assert re.fullmatch(r"irnn-[\d.]+-py3-none-manylinux2014_x86_64\.whl", wheel.name)
    names = zipfile.ZipFile(wheel).namelist()
    assert "irnn/kernels/_native.so" in names
    assert "irnn/kernels/_native.failed.txt" not in names


@pytest.fixture
def build_in_place(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Build the kernel inside a checkout, in this process, with a compiler that is a shell script."""
    monkeypatch.chdir(checkout)
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    made = runpy.run_path(str(checkout / "setup.py"))

    def build(compiler: str) -> None:
        monkeypatch.setenv("CXX", put(checkout, compiler) if compiler else "/nonexistent/c++")
        attributes = {"package_dir": {"": "src"}, "ext_modules": [made["native_kernel"]()]}
        command = made["BuildKernel"](setuptools.Distribution(attributes))
        command.inplace = True
        command.ensure_finalized()
        command.run()

    return build


def test_a_build_in_place_replaces_what_the_last_one_left(
    checkout: Path, build_in_place: Callable[[str], None]
) -> None:
    kernels = checkout / "src" / "irnn" / "kernels"
    library, note = kernels / "_native.so", kernels / "_native.failed.txt"
    build_in_place(FAILING)
    assert "system_error" in note.read_text()
    build_in_place(WORKING)
    assert library.exists()
    assert not note.exists()
    build_in_place("")
    assert not library.exists()
    assert note.read_text() == "/nonexistent/c++: No such file or directory\n"
    why = why_not_built(kernels)
    assert "/nonexistent/c++: No such file" in why
    assert f"-m pip install --editable {checkout}" in why


def test_a_kernel_that_is_required_is_an_error_when_it_cannot_be_built(
    build_in_place: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRNN_REQUIRE_KERNEL", "1")
    with pytest.raises(SystemExit, match="system_error"):
        build_in_place(FAILING)


HEADERS = {
    "algorithm": "clamp copy fill max min",
    "atomic": "atomic memory_order_acquire memory_order_relaxed memory_order_release",
    "chrono": "chrono",
    "array": "array",
    "cmath": "exp fma isfinite log sqrt",
    "condition_variable": "condition_variable",
    "cstddef": "ptrdiff_t size_t",
    "cstdint": "int32_t int64_t uint16_t uint32_t uint64_t",
    "cstdlib": "aligned_alloc free",
    "cstring": "memcpy memset",
    "limits": "numeric_limits",
    "mutex": "call_once lock_guard mutex once_flag try_to_lock unique_lock",
    "new": "bad_alloc",
    "stdexcept": "out_of_range",
    "system_error": "system_error",
    "thread": "this_thread thread",
    "type_traits": "conditional decay enable_if integral_constant is_same make_unsigned",
    "utility": "forward move pair swap",
}
OF_NAME = {name: header for header, names in HEADERS.items() for name in names.split()}


@pytest.mark.parametrize("source", sorted(SOURCES.glob("*.cpp")), ids=lambda path: path.name)
def test_a_source_includes_the_standard_header_of_every_name_that_it_uses(source: Path) -> None:
    text = source.read_text()
    included = set(re.findall(r"#include <(\w+)>", text))
    for own in re.findall(r'#include "(\w+\.hpp)"', text):
        # Headers of an instruction set are text within their source, which includes for them.
        inner = (SOURCES / own).read_text()
        included |= set(re.findall(r"#include <(\w+)>", inner))
        if own == "variant.hpp":
            text += "".join(path.read_text() for path in SOURCES.glob("*.hpp"))
    code = re.sub(r"//.*", "", text)
    used = set(re.findall(r"\bstd::(\w+)", code))
    assert used <= OF_NAME.keys(), "name the header of these in HEADERS"
    missing = {name for name in used if OF_NAME[name] not in included}
    assert not missing


@pytest.mark.slow
def test_every_version_of_a_compiler_is_tried_and_one_without_its_library_is_absent(
    tmp_path: Path,
) -> None:
    tools = ("bash", "cat", "dirname", "env", "grep", "mktemp", "readlink", "rm", "sed", "sort")
    for tool in tools:
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    for name, script in (("g++", WORKING), ("g++-13", FAILING)):
        # With -fsyntax-only it is asked whether it has its C++ library, with -dump... for its version.
        questions = '\ncase "$*" in *-fsyntax-only*|*-dump*) exit 0;; esac\n'
        script = script.replace("\n", questions, 1)
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    python = tmp_path / "python"  # one without ziglang, whose compiler would take minutes
    python.write_text(f'#!/bin/sh\n[ "$2" = ziglang ] && exit 1\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "kernel-compilers"],
        env={"PATH": str(tmp_path), "PYTHON": str(python), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    said = {tuple(line.split()[:2]) for line in done.stdout.splitlines()}
    assert not list(ROOT.glob("-*")), "a question is no build"
    assert done.returncode == 1
    assert {("builds", "g++"), ("FAILS", "g++-13"), ("absent", "clang++")} <= said
