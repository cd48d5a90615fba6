"""Memory or threads that run out: seen beforehand where a limit of the shell says so, one line otherwise."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from irnn import predict, report, train
from irnn.runs.directory import RunDirectory
from irnn.sweeps import worker
from irnn.system import exhausted
from irnn.training.trainer import Trainer
from tests.conftest import SMALL

TORCH_SAYS = (
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
    "allocate 400 bytes. Error code 12 (Cannot allocate memory)"
)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "memory ran out"),
        (RuntimeError(TORCH_SAYS), "DefaultCPUAllocator: can't allocate memory"),
        (RuntimeError("std::bad_alloc"), "bad_alloc"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."), "CUDA out of memory"),
        (caused(RuntimeError("unexpected pos 432363264"), MemoryError()), "memory ran out"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory ran out"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "libtorch_cpu"),
        (RuntimeError("can't start new thread"), "no more threads"),
        (
            RuntimeError(
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
            ),
            "CUBLAS",
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "CUDNN"),
        (
            RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
            "CUDNN",
        ),
        (RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"), "CUFFT"),
        (RuntimeError("CURAND_STATUS_ALLOCATION_FAILED"), "CURAND"),
        (RuntimeError("HIPBLAS_STATUS_ALLOC_FAILED"), "HIPBLAS"),
        (RuntimeError("CUDA's driver failed: CUDA_ERROR_OUT_OF_MEMORY"), "CUDA_ERROR"),
        (RuntimeError("NVRTC failed: nvrtcResult.NVRTC_ERROR_OUT_OF_MEMORY"), "NVRTC_ERROR"),
        (RuntimeError("cudaErrorMemoryAllocation: out of memory"), "cudaErrorMemory"),
        (RuntimeError("hipErrorOutOfMemory"), "hipError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_libraries_raise_without_memory_or_threads_is_told_in_one_line(
    error: Exception, said: str
) -> None:
    told = exhausted.explain(error)
    assert told is not None
    assert said in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "error",
    [
        ValueError("shape"),
        RuntimeError("mat1 and mat2"),
        OSError(errno.ENOSPC, "No space left"),
        KeyError("cannot map symbol 'q' to a class of copy_memory"),
        ValueError("cannot allocate a class to symbol 7"),
        ImportError("libgomp.so.1: cannot allocate memory in static TLS block"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUDA's driver failed: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"),
    ],
    ids=repr,
)
def test_other_errors_are_not_about_memory(error: Exception) -> None:
    assert exhausted.explain(error) is None


def test_what_an_error_hides_is_not_told() -> None:
    hiding = caused(ValueError("no such file"), MemoryError())
    hiding.__suppress_context__ = True  # as `raise ... from None`
    assert exhausted.explain(hiding) is None


@pytest.mark.parametrize(
    "said",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB.",
        "HIP out of memory. Tried to allocate 2.00 GiB.",
        "MPS backend out of memory (MPS allocated: 9.00 GB, max allowed: 9.07 GB).",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUBLAS_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA's driver failed: CUDA_ERROR_OUT_OF_MEMORY",
        "hipErrorOutOfMemory",
    ],
)
def test_a_full_gpu_is_not_explained_with_the_memory_of_its_host(
    ulimit: Callable[..., None], said: str
) -> None:
    ulimit("RLIMIT_AS", 3000)
    assert exhausted.explain(RuntimeError(said), "smaller") == f"memory ran out ({said}): smaller"
    assert str(exhausted.explain(MemoryError())).endswith(", or raise ulimit -v")


def test_what_a_gpu_s_libraries_say_of_the_host_s_memory_is_about_the_host(
    ulimit: Callable[..., None],
) -> None:
    ulimit("RLIMIT_AS", 3000)
    for said in ("NVRTC_ERROR_OUT_OF_MEMORY", "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"):
        assert str(exhausted.explain(RuntimeError(said))).endswith(", or raise ulimit -v")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exhausted.ExhaustedError("memory ran out: fewer"), "memory ran out: fewer"),
        (ValueError("the file is no database"), "the file is no database"),
        (RuntimeError("first line\nsecond"), "first line"),
        (KeyError("seed"), "it lacks 'seed'"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (TypeError("x"), "TypeError: x"),
    ],
    ids=repr,
)
def test_the_class_of_an_exception_is_named_only_where_it_says_nothing_else(
    error: Exception, said: str
) -> None:
    assert exhausted.in_words(error) == said


@pytest.fixture
def memory_ends_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PyTorch find no memory for the 15th update of a run, the first time."""
    update, failed = Trainer.update, []

    def scarce(trainer: Trainer) -> Any:
        if trainer.progress.step >= 15 and not failed:
            failed.append(trainer)
            raise RuntimeError(TORCH_SAYS)
        return update(trainer)

    monkeypatch.setattr(Trainer, "update", scarce)


def test_a_run_out_of_memory_ends_in_one_line_and_the_same_command_continues(
    here: Callable[..., Any], tmp_path: Path, memory_ends_once: None
) -> None:
    words = [*SMALL, "budget.updates=30", "evaluate.every=10", "checkpoint.every=10"]
    ended = here("train", *words)
    assert ended.returncode == train.FAILED
    assert "irnn-train: memory ran out (" in ended.stderr
    assert "smaller; the same command then continues from its last checkpoint" in ended.stderr
    assert "Traceback" not in ended.stderr
    again = here("train", *words)
    assert again.returncode == 0
    assert "from update 10" in again.stdout


def test_a_job_out_of_memory_is_told_as_failed_with_its_remedy(
    small: Callable[..., Any], memory_ends_once: None
) -> None:
    import pickle

    config = small("budget.updates=30", "evaluate.every=10", "checkpoint.every=10")
    said, why = worker.outcome(pickle.dumps(config), [], worker.Display)
    assert said == "failed"
    assert why.startswith("memory ran out (")
    assert "Traceback" not in RunDirectory.of(config).log.read_text()


@pytest.mark.parametrize("command", [train, report, predict], ids=lambda module: module.__name__)
def test_a_command_out_of_memory_says_so_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: Any
) -> None:
    def starve(*_: Any) -> int:
        raise MemoryError

    monkeypatch.setattr(command, "_report" if command is report else "_main", starve)
    assert command.main([]) == 1
    assert "memory ran out" in capsys.readouterr().err


@pytest.mark.parametrize("command", [train, report, predict], ids=lambda module: module.__name__)
def test_ctrl_c_at_any_moment_and_twice_ends_a_command_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: Any
) -> None:
    def interrupt(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_report" if command is report else "_main", interrupt)
    assert command.main([]) == 130
    if command is train:
        monkeypatch.setattr(train, "_interrupted", interrupt)
        assert train.main([]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_saying_that_memory_ran_out_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(exhausted, "memory_room", starve)
    assert exhausted.explain(MemoryError()) == "memory ran out: make the run smaller"
