"""The CUDA kernels on the CPU: compiled with the C++ compiler, run as fibers; see shim.hpp."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import threading
from pathlib import Path

from irnn.kernels.cuda.layout import Sizes
from irnn.kernels.cuda.plan import SOURCE, Plan

_ONE_AT_A_TIME = threading.Lock()
HERE = Path(__file__).parent
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")


def compile_command(plan: Plan, target: Path) -> list[str]:
    options = ["-std=c++17", "-O1", "-fPIC", "-shared", "-w", "-I", str(SOURCE)]
    assert COMPILER
    main = f'-DIRNN_MAIN="{plan.source}"'
    return [COMPILER, *options, *plan.defines(), main, str(HERE / "module.cpp"), "-o", str(target)]


class OnCpu:
    """A machine (`irnn.kernels.cuda.pack.Machine`) that needs no GPU."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        own = [path.read_bytes() for path in (*sorted(SOURCE.iterdir()), *sorted(HERE.glob("*pp")))]
        digest = hashlib.sha256(b"".join(own)).hexdigest()[:12]
        name = "_".join([*(option.split("=")[-1] for option in plan.defines()), digest])
        library = folder / f"plan_{name}.so"
        if not library.exists():
            beside = library.with_suffix(f".{os.getpid()}")
            subprocess.run(compile_command(plan, beside), check=True, timeout=120)
            beside.replace(library)
        self._library = ctypes.CDLL(str(library))
        self.sizes = Sizes.in_dll(self._library, "sizes")

    def launch(
        self, name: str, grid: tuple[int, int, int], threads: int, room: int, call: ctypes.Structure
    ) -> None:
        assert room <= 1 << 16
        with _ONE_AT_A_TIME:  # the shim's threads and shared memory are of the process
            self._launch(name, grid, threads, call)

    def _launch(
        self, name: str, grid: tuple[int, int, int], threads: int, call: ctypes.Structure
    ) -> None:
        getattr(self._library, f"launch_{name}")(ctypes.byref(call), *grid, threads)
