"""The kernels of a plan on a GPU, launched through CUDA's driver in PyTorch's context and stream."""

import ctypes
from functools import cache
from typing import Any

import torch

from irnn.kernels.cuda import compiler
from irnn.kernels.cuda.layout import Sizes
from irnn.kernels.cuda.plan import Plan


class Gpu:
    """A machine (`irnn.kernels.cuda.pack.Machine`): compiled kernels of a plan on one GPU."""

    def __init__(self, plan: Plan, device: torch.device | None = None) -> None:
        from cuda.bindings import driver

        self._driver: Any = driver
        self._device = device
        with torch.cuda.device(device):
            torch.cuda.current_stream().synchronize()  # makes PyTorch's context, which we share
            major, minor = torch.cuda.get_device_capability()
            code = compiler.compiled(plan, 10 * major + minor)
            self._context = self._checked(driver.cuCtxGetCurrent())
            self._module = self._checked(driver.cuModuleLoadData(code))
            self._functions = {
                name: self._checked(driver.cuModuleGetFunction(self._module, name.encode()))
                for name in plan.kernels
            }
            self.sizes = self._read_sizes()
        self._room: dict[str, int] = {}

    def _read_sizes(self) -> Sizes:
        place, size = self._checked(self._driver.cuModuleGetGlobal(self._module, b"sizes"))
        sizes = Sizes()
        assert size == ctypes.sizeof(sizes)
        self._checked(self._driver.cuMemcpyDtoH(ctypes.addressof(sizes), place, size))
        return sizes

    def launch(
        self, name: str, grid: tuple[int, int, int], threads: int, room: int, call: ctypes.Structure
    ) -> None:
        """Start a kernel on PyTorch's current stream, with `room` floats of shared memory a block."""
        # A thread that autograd has just started has no context yet, or it may be another GPU's turn.
        self._checked(self._driver.cuCtxPushCurrent(self._context))
        try:
            self._launch(name, grid, threads, room, call)
        finally:
            self._checked(self._driver.cuCtxPopCurrent())

    def _launch(
        self, name: str, grid: tuple[int, int, int], threads: int, room: int, call: ctypes.Structure
    ) -> None:
        function, driver = self._functions[name], self._driver
        if self._room.get(name, 0) < room:
            attribute = driver.CUfunction_attribute
            most = attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            self._checked(driver.cuFuncSetAttribute(function, most, 4 * room))
            self._room[name] = room
        arguments = (ctypes.c_void_p * 1)(ctypes.addressof(call))
        stream = torch.cuda.current_stream(self._device).cuda_stream
        self._checked(
            driver.cuLaunchKernel(
                function, *grid, threads, 1, 1, 4 * room, stream, ctypes.addressof(arguments), 0
            )
        )

    def resources(self, name: str) -> dict[str, int]:
        """Give a kernel's registers and bytes of local memory (spilled registers) a thread."""
        driver, attribute = self._driver, self._driver.CUfunction_attribute
        wanted = {
            "registers": attribute.CU_FUNC_ATTRIBUTE_NUM_REGS,
            "local": attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES,
        }
        return {
            key: int(self._checked(driver.cuFuncGetAttribute(each, self._functions[name])))
            for key, each in wanted.items()
        }

    def _checked(self, answer: tuple[Any, ...]) -> Any:
        if int(answer[0]):
            raise RuntimeError(f"CUDA's driver failed: {answer[0].name}")
        return answer[1] if len(answer) == 2 else answer[1:]


@cache
def machine(plan: Plan, device: torch.device) -> Gpu:
    """Give the machine of a plan on a GPU; one each in a process."""
    return Gpu(plan, device)
