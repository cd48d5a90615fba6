"""Compile the kernels of a plan by NVRTC, which needs neither a GPU nor a CUDA toolkit; keep them on disk."""

import hashlib
import os
from pathlib import Path
from typing import Any

from irnn.kernels.cuda.plan import SOURCE, Plan
from irnn.system.atomic import replacing


class CompilationError(RuntimeError):
    """NVRTC refused the kernels; the message has its log."""


def cache_folder() -> Path:
    """Say where compiled kernels are kept: IRNN_CACHE, or the user's cache folder."""
    if own := os.environ.get("IRNN_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "irnn"


def options(plan: Plan, capability: int) -> list[str]:
    """List NVRTC's options for GPUs of a compute capability, such as 90.

    What NVRTC does not know yet is compiled to PTX for the newest that it knows, which the driver finishes.
    """
    known = [arch for arch in supported() if arch <= capability]
    if not known:
        raise CompilationError(
            f"NVRTC {'.'.join(map(str, version()))} compiles for GPUs from compute capability "
            f"{min(supported())} on, not {capability}"
        )
    kind = "sm" if known[-1] == capability else "compute"
    return ["--std=c++17", f"--gpu-architecture={kind}_{known[-1]}", *plan.defines()]


def compiled(plan: Plan, capability: int) -> bytes:
    """Give the machine code (or PTX) of a plan, from disk if it has been compiled before."""
    sources = {path.name: path.read_bytes() for path in sorted(SOURCE.iterdir())}
    chosen = options(plan, capability)
    key = hashlib.sha256(repr((sources, chosen, version())).encode()).hexdigest()[:32]
    place = cache_folder() / "cuda" / f"{key}.cubin"
    try:
        return place.read_bytes()
    except OSError:
        code = compile_sources(sources, plan.source, chosen)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as beside:
            beside.write_bytes(code)
    except OSError:
        pass  # a cache that cannot be written costs a second each time, no more
    return code


def compile_sources(sources: dict[str, bytes], main: str, chosen: list[str]) -> bytes:
    """Compile the file `main` with the others as headers.

    Raises:
        CompilationError: with the compiler's log.
    """
    nvrtc = _nvrtc()
    headers = {name: content for name, content in sources.items() if name != main}
    program = _checked(
        nvrtc.nvrtcCreateProgram(
            sources[main],
            main.encode(),
            len(headers),
            list(headers.values()),
            [name.encode() for name in headers],
        )
    )
    words = [word.encode() for word in chosen]
    if int(nvrtc.nvrtcCompileProgram(program, len(words), words)[0]):
        log = b" " * _checked(nvrtc.nvrtcGetProgramLogSize(program))
        nvrtc.nvrtcGetProgramLog(program, log)
        raise CompilationError(log.decode(errors="replace").strip("\0 \n"))
    if any("=sm_" in word for word in chosen):
        code: bytes = b" " * _checked(nvrtc.nvrtcGetCUBINSize(program))
        _checked(nvrtc.nvrtcGetCUBIN(program, code))
    else:
        code = b" " * _checked(nvrtc.nvrtcGetPTXSize(program))
        _checked(nvrtc.nvrtcGetPTX(program, code))
    return code


def version() -> tuple[int, int]:
    """Give the version of NVRTC."""
    result: tuple[Any, int, int] = _nvrtc().nvrtcVersion()
    return result[1:]


def supported() -> list[int]:
    """List the compute capabilities that this NVRTC compiles for, in order."""
    nvrtc = _nvrtc()
    error, archs = nvrtc.nvrtcGetSupportedArchs()
    _checked((error,))
    return sorted(int(arch) for arch in archs)


def _nvrtc() -> Any:
    from cuda.bindings import nvrtc

    return nvrtc


def _checked(answer: tuple[Any, ...]) -> Any:
    if int(answer[0]):
        raise CompilationError(f"NVRTC failed: {answer[0]}")
    return answer[1] if len(answer) > 1 else None
