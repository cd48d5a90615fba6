"""The compiled kernel as Python sees it: finding the file, and the layout of one call."""

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any

from irnn.kernels.missing import why_not_built, why_not_loaded

INTERFACE_VERSION = 7  # as irnn_interface_version() in cpp/module.cpp
PACKAGE = Path(__file__).parent
LIBRARY = "_native.so"
"""The file that the install builds, on macOS too."""
FORCED = "IRNN_NATIVE_ISA"
"""The environment variable that names an instruction set."""


class Call(ctypes.Structure):
    """`struct Call` of cpp/call.hpp, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("time", "batch", "features", "hidden")),
        *((name, ctypes.c_int64) for name in ("input_time", "input_batch", "input_feature")),
        *((name, ctypes.c_int64) for name in ("tanh", "last_only", "threads", "poison")),
        *((name, ctypes.c_void_p) for name in ("inputs", "w_ih", "w_hh", "bias", "h0")),
        *((name, ctypes.c_void_p) for name in ("output", "history", "grad_output")),
        *((name, ctypes.c_void_p) for name in ("grad_inputs", "grad_w_ih", "grad_w_hh")),
        *((name, ctypes.c_void_p) for name in ("grad_bias", "grad_h0")),
        *((name, ctypes.c_void_p) for name in ("targets", "w_out", "b_out")),
        *((name, ctypes.c_void_p) for name in ("loss", "grad_w_out", "grad_b_out")),
        *((name, ctypes.c_void_p) for name in ("second_bias", "grad_second_bias")),
        ("cell", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("c0", "grad_last_carry", "last_carry", "grad_c0")),
        *((name, ctypes.c_int64) for name in ("classes", "answered")),
    ]


class Step(ctypes.Structure):
    """`struct Step` of cpp/call.hpp, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("count", "rule", "nesterov", "centered")),
        ("parameters", ctypes.c_void_p),
        ("state", ctypes.c_void_p * 3),
        *((name, ctypes.c_void_p) for name in ("gradient", "rates", "loss")),
        *((name, ctypes.c_double) for name in ("rate_factor", "max_norm", "l2_penalty")),
        *((name, ctypes.c_double) for name in ("decoupled_decay", "momentum", "epsilon")),
        *((name, ctypes.c_double) for name in ("beta1", "beta2")),
        *((name, ctypes.c_double) for name in ("mean_correction", "square_correction")),
        *((name, ctypes.c_double) for name in ("loss_value", "norm")),
        *((name, ctypes.c_int64) for name in ("clipped", "applied")),
    ]


class Draw(ctypes.Structure):
    """`struct Draw` of cpp/call.hpp, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("steps", "count", "key")),
        *((name, ctypes.c_int64) for name in ("first_bound", "second_start", "second_bound")),
        ("distinct", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("positions", "values", "marks")),
    ]


class Layout(ctypes.Structure):
    """`struct Layout` of cpp/call.hpp, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("steps", "batches", "batch")),
        *((name, ctypes.c_void_p) for name in ("values", "marks", "rows", "inputs", "targets")),
    ]


class Library:
    """The functions of the shared library, with their types."""

    def __init__(self, path: Path) -> None:
        """Load the file.

        Raises:
            OSError: it cannot be loaded, or belongs to another version of this package.
        """
        library = ctypes.CDLL(str(path))
        if library.irnn_interface_version() != INTERFACE_VERSION:
            raise OSError(f"{path} was built from another version of irnn")
        library.irnn_compiler.restype = ctypes.c_char_p
        self.compiler: str = library.irnn_compiler().decode()
        library.irnn_history_row.restype = library.irnn_loss_rows.restype = ctypes.c_int64
        library.irnn_history_row.argtypes = (ctypes.POINTER(Call), ctypes.c_int)
        library.irnn_loss_rows.argtypes = (ctypes.POINTER(Call),)
        self.history_row, self.loss_rows = library.irnn_history_row, library.irnn_loss_rows
        self.cells, self.rules = _numbers(library.irnn_cell_name), _numbers(library.irnn_rule_name)
        for name in ("irnn_forward", "irnn_backward", "irnn_loss"):
            getattr(library, name).argtypes = (ctypes.POINTER(Call), ctypes.c_int, ctypes.c_int)
        library.irnn_step.argtypes = (ctypes.POINTER(Step), ctypes.c_int, ctypes.c_int)
        library.irnn_step.restype = None
        self.step = library.irnn_step
        library.irnn_draw.argtypes = (ctypes.POINTER(Draw),)
        library.irnn_lay_out.argtypes = (ctypes.POINTER(Layout), ctypes.c_int)
        library.irnn_draw.restype = library.irnn_lay_out.restype = None
        self.draw, self.lay_out = library.irnn_draw, library.irnn_lay_out
        self.forward = library.irnn_forward
        self.backward = library.irnn_backward
        self.loss = library.irnn_loss
        known = _numbers(library.irnn_variant_name)
        self.variants = {n: i for n, i in known.items() if library.irnn_variant_supported(i)}

    def variant(self, wanted: str | None = None) -> str:
        """Name the instruction set to compute with: `wanted`, else what `FORCED` says, else the best here.

        Raises:
            ValueError: this processor does not run it.
        """
        name = wanted or os.environ.get(FORCED) or next(iter(self.variants))
        if name not in self.variants:
            raise ValueError(
                f"{FORCED} is {name!r}; this processor runs {', '.join(self.variants)}"
            )
        return name


def _numbers(name_of: Any) -> dict[str, int]:
    """Give the number of every name that the library knows, in its order."""
    name_of.restype = ctypes.c_char_p
    found: dict[str, int] = {}
    while name := name_of(len(found)):
        found[name.decode()] = len(found)
    return found


@cache
def load() -> Library | str:
    """Load the shared library that the install built, or say in one line why there is none."""
    path = PACKAGE / LIBRARY
    if not path.exists():
        return why_not_built(PACKAGE)
    try:
        return Library(path)
    except (OSError, AttributeError) as error:
        return why_not_loaded(PACKAGE, error)
