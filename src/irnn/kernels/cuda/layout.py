"""The layout of what the kernels are told: `source/call.cuh`, field by field."""

import ctypes


class Numbers(ctypes.Structure):
    """`struct Numbers`: one run's clipping threshold and the numbers of its optimizer."""

    _fields_ = [
        *((name, ctypes.c_double) for name in ("max_norm", "l2_penalty", "decoupled_decay")),
        *((name, ctypes.c_double) for name in ("momentum", "epsilon", "beta1", "beta2")),
        *((name, ctypes.c_int64) for name in ("rule", "nesterov", "centered", "amsgrad")),
    ]


class Standing(ctypes.Structure):
    """`struct Standing`: where a run stands between two updates."""

    _fields_ = [(name, ctypes.c_int64) for name in ("count", "halted", "slot", "end")]


class Record(ctypes.Structure):
    """`struct Record`: what one update of one run did."""

    _fields_ = [("norm", ctypes.c_double), ("loss", ctypes.c_float), ("outcome", ctypes.c_int32)]


class Call(ctypes.Structure):
    """`struct Call`."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("steps", "batch", "groups", "chunk", "chunks")),
        *((name, ctypes.c_int64) for name in ("kept", "blocks", "runs", "parameters_run")),
        *((name, ctypes.c_int64) for name in ("input_slot", "input_run", "input_time")),
        *((name, ctypes.c_int64) for name in ("input_batch", "input_feature")),
        *((name, ctypes.c_int64) for name in ("target_slot", "target_run")),
        *((name, ctypes.c_void_p) for name in ("inputs", "targets", "parameters", "history")),
        *((name, ctypes.c_void_p) for name in ("deltas", "partials", "last", "errors")),
        *((name, ctypes.c_void_p) for name in ("gradient", "measures", "scales", "rates")),
        ("state", ctypes.c_void_p * 3),
        *((name, ctypes.c_void_p) for name in ("numbers", "standing", "records", "position")),
    ]


class LayerCall(ctypes.Structure):
    """`struct LayerCall`."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("steps", "batch", "output_time")),
        *((name, ctypes.c_void_p) for name in ("w_hh", "start", "drive", "output", "history")),
        *((name, ctypes.c_void_p) for name in ("slopes", "deltas", "start_slope")),
    ]


class Sizes(ctypes.Structure):
    """`sizes` of `source/kernels.cu`, and of `source/layer.cu`."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("threads", "adders", "room_walk", "room_forward")),
        *((name, ctypes.c_int32) for name in ("room_gradient", "room_descend", "parts")),
        *((name, ctypes.c_int32) for name in ("history_row", "delta_row", "parameters")),
        ("workers", ctypes.c_int32),
    ]
