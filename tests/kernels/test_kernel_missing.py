"""Nothing is silently slow: a fast path that is not taken is told at every start, and kept."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import SMALL

from irnn import predict, report, train
from irnn.kernels import compiled, loading, missing, native, slow
from irnn.spec.composition import compose_config
from irnn.sweeps import launch
from irnn.sweeps.job import Job
from irnn.sweeps.packs import Place
from irnn.sweeps.view import View

ERROR = "c++: pool.cpp:71:29: error: no type named 'system_error' in namespace 'std'"
needs_kernel = pytest.mark.skipif(not native.is_available(), reason="the kernel was not built")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder that stands for the installed kernels; empty."""
    folder = tmp_path / "installed" / "irnn" / "kernels"
    folder.mkdir(parents=True)
    monkeypatch.setattr(loading, "PACKAGE", folder)
    loading.load.cache_clear()
    compiled.default.cache_clear()
    yield folder
    loading.load.cache_clear()
    compiled.default.cache_clear()


@pytest.fixture
def not_built(package):
    (package / missing.FAILURE).write_text(f"{ERROR}\n\nc++ -c pool.cpp\nIn file included from …\n")
    return package


def test_a_run_says_at_every_start_what_the_compiler_said_and_the_remedy(
    not_built, tmp_path, capsys
):
    words = [*SMALL, f"runs_dir={tmp_path}/runs"]
    for _ in range(2):
        assert train.main([*words, "force=true"]) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "slow:" in line]
        assert ERROR in line
        assert "install a C++17 compiler" in line
        assert "-m pip install" in line
    (folder,) = (tmp_path / "runs").glob("irnn-*")
    session = json.loads((folder / "provenance.json").read_text())
    assert session["kernel"] == "torch"
    assert session["kernel_compiler"] is None
    (kept,) = session["slow_because"]
    assert kept in line
    assert ERROR in (folder / "train.log").read_text()


@needs_kernel
def test_a_run_with_everything_it_can_have_says_nothing_and_keeps_its_compiler(
    tmp_path, capsys, forced
):
    assert train.main([*SMALL, f"runs_dir={tmp_path}/runs"]) == 0
    assert "slow:" not in capsys.readouterr().out
    (folder,) = (tmp_path / "runs").glob("irnn-*")
    session = json.loads((folder / "provenance.json").read_text())
    assert session["slow_because"] == []
    assert session["kernel_compiler"].split()[0] in ("GCC", "Clang", "Debian", "Apple")


def test_a_sweep_says_it_once(not_built, tmp_path, monkeypatch, capsys):
    cpu = Place("cpu", "torch")
    monkeypatch.setattr(launch, "find_places", lambda configs: ([cpu for _ in configs], 0))
    config = compose_config([*SMALL, f"runs_dir={tmp_path}/runs"])
    jobs = [
        Job((f"seed={seed}",), f"seed={seed}", replace(config, seed=seed), f"run{seed}", Path())
        for seed in range(3)
    ]
    view = View(live=False)
    for batch in (jobs[:2], jobs[2:]):  # as a search asks for more and more
        launch.places_of(batch, view)
    assert capsys.readouterr().out.count(ERROR) == 1


def test_a_library_of_another_architecture_is_told(package):
    (package / loading.LIBRARY).write_bytes(b"\x7fELF of somewhere else")
    (reason,) = slow.reasons(compose_config([]), "cpu")
    assert "does not load" in reason
    assert "-m pip install" in reason


def test_what_was_asked_for_by_name_or_runs_elsewhere_is_not_called_slow(package):
    for words in (["runtime.kernel=torch"], ["runtime.kernel=reference"]):
        assert slow.reasons(compose_config(words), "cpu") == []
        assert slow.reasons(compose_config(words), "cuda") == []


@needs_kernel
@pytest.mark.parametrize(
    ("words", "worst", "expected"),
    [
        ([], False, None),
        (["model.num_layers=2"], False, "model.num_layers=2"),
        ([], True, "IRNN_NATIVE_ISA=baseline"),
        (["runtime.kernel=torch"], True, None),
    ],
)
def test_a_slower_shape_or_instruction_set_is_told(words, worst, expected, forced):
    names = list(loading.load().variants)
    if worst:
        forced(names[-1])
        expected = expected if len(names) > 1 else None  # as on 64-bit ARM, where it is the best
    found = slow.reasons(compose_config(words), "cpu")
    assert [expected in reason for reason in found] == ([True] if expected else [])


@needs_kernel
def test_an_instruction_set_that_only_another_machine_has_is_not_called_slow_where_a_run_is_planned(
    forced,
):
    forced("avx1024")
    assert slow.reasons(compose_config([]), "cpu") == []


@needs_kernel
@pytest.mark.skipif(
    not Path("/proc/cpuinfo").exists(), reason="this system does not say what the processor has"
)
def test_every_instruction_set_that_the_processor_has_is_used_whatever_the_compiler():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
    expected = ["baseline"]
    if {"avx2", "fma"} <= flags:
        expected = ["avx2", *expected]
        if {"avx512f", "avx512vl", "avx512dq", "avx512bw"} <= flags:
            expected = ["avx512", *expected]
    assert list(loading.load().variants) == expected


COMMANDS = (train, report, predict)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_version_names_what_is_missing(command, not_built, capsys):
    assert ended(command) == 0
    said = capsys.readouterr().out
    assert said.startswith("irnn ")
    assert (
        f"kernel torch: the native kernel was not built when irnn was installed ({ERROR})" in said
    )


@needs_kernel
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_version_names_kernel_and_instruction_set(command, capsys, forced):
    library = loading.load()
    best, *others = library.variants
    for name in (None, *others):
        forced(name)
        assert ended(command) == 0
        said = capsys.readouterr().out
        by = f"{name}, by IRNN_NATIVE_ISA" if name else best
        assert f"kernel native, instruction set {by} (of {best}" in said
        assert library.compiler in said
        assert "PyTorch" in said


@needs_kernel
def test_version_names_no_instruction_set_that_the_processor_lacks(capsys, forced):
    forced("avx1024")
    assert ended(train) == 0
    said = capsys.readouterr().out
    assert "kernel native, but IRNN_NATIVE_ISA is 'avx1024'; this processor runs" in said
    assert "instruction set" not in said


def ended(command):
    """The exit status of a command that is asked for its version."""
    try:
        return command.main(["--version"])
    except SystemExit as ending:
        return ending.code
