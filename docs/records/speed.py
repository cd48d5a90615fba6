"""The tables of docs/kernel.md and of the README about speed, from what `make bench` wrote."""

import json
import math
import statistics
from pathlib import Path
from typing import Any

from tables import table

SPEED = Path(__file__).parent / "2026-11-26-speed"
CELLS = Path(__file__).parent / "2026-11-28-cells" / "cells.json"
LAYERS = {"rnn_tanh": "tanh RNN", "lstm": "LSTM", "gru": "GRU", "irnn": "ReLU RNN"}


def speed_tables() -> dict[str, list[str]]:
    """What `make bench` wrote: the whole table, the README's part of it, and the command's times."""
    measured = json.loads((SPEED / "update.json").read_text())["rows"]
    rows, short = [], []
    for case in measured:
        times = {name: [1e3 * s for s in seconds] for name, seconds in case["seconds"].items()}
        middle = {name: statistics.median(values) for name, values in times.items()}
        ours = times["irnn"]
        silent = f"{100 * case['silent']:.0f} %"
        sizes = [f"{case['T']:,}", str(case["threads"]), case["start"], silent]
        ratios = [f"{middle[name] / middle['irnn']:.1f}" for name in ("nn.RNN", "jax scan")]
        shares = [f"{100 * case[part]:.1f} %" for part in ("outside_kernel", "batch")]
        rows.append(
            [
                *(str(case[size]) for size in ("H", "B")),
                *sizes,
                f"{digits(middle['irnn'])} ({digits(min(ours))}-{digits(max(ours))})",
                *(
                    digits(middle[name])
                    for name in ("nn.RNN", "torch.compile", "jax scan", "floor")
                ),
                *ratios,
                f"{middle['irnn'] / middle['floor']:.2f}",
                *shares,
            ]
        )
        if (case["H"], case["B"], case["threads"]) == (100, 16, 2) and case["silent"] > 0:
            of = sizes[0], case["start"]
            chosen = ("irnn", "nn.RNN", "jax scan")
            short.append([*of, *(digits(middle[name]) for name in chosen), *ratios])
    sizes = ["T", "threads", "weights", "silent"]
    ratios = ["`nn.RNN` / irnn", "JAX / irnn"]
    whole = ["H", "B", *sizes, "irnn", "`nn.RNN` loop", "`torch.compile`", "JAX scan", "floor"]
    whole += [*ratios, "irnn / floor", "outside the kernel", "batches"]
    part = ["T", "weights", "irnn", "`torch.nn.RNN` loop", "JAX scan", *ratios]
    return {
        "speed": table(whole, rows),
        "speed-short": [*table(part, short), "", in_words(measured) + cells_in_words()],
        "speed-command": command_table(),
        **cells_tables(),
    }


def cells_tables() -> dict[str, list[str]]:
    """What `make bench-cells` wrote: all rows, and those of large batches."""
    if not CELLS.exists():
        names = ("cells", "cells-large")
        return {name: ["*Not run yet: there is no record.*"] for name in names}
    measured = json.loads(CELLS.read_text())
    return {
        "cells": cells_table(measured["rows"], ("start",), ("nn.RNN", "jax scan")),
        "cells-large": cells_table(
            measured["large"],
            ("B",),
            ("irnn avx2", "nn.RNN", "nn.RNN avx2"),
            {"nn.RNN avx2": "irnn avx2"},
        ),
    }


def cells_in_words() -> str:
    """Say in a sentence how many times as fast as PyTorch's the other layers are on two threads."""
    if not CELLS.exists():
        return ""
    spans: dict[str, list[float]] = {}
    for case in json.loads(CELLS.read_text())["rows"]:
        times = case["seconds"]
        if case["threads"] == 2 and "nn.RNN" in times:
            ratio = statistics.median(times["nn.RNN"]) / statistics.median(times["irnn"])
            spans.setdefault(LAYERS[case["model"]], []).append(ratio)
    said = (
        f"{layer} {min(ratios):.1f} to {max(ratios):.1f}"
        for layer, ratios in sorted(spans.items(), key=lambda item: item[0].lower())
    )
    return f" Against PyTorch's other layers (two cores of a Zen 4): {', '.join(said)} times."


def cells_table(
    measured: list[dict[str, Any]],
    also: tuple[str, ...],
    others: tuple[str, ...],
    beside: dict[str, str] | None = None,
) -> list[str]:
    """Write medians in ms (ours with both ends), and others as multiples of ours or of those beside them."""
    names = {"start": "weights", "jax scan": "JAX scan", "nn.RNN": "PyTorch's layer"}
    names["nn.RNN avx2"] = f"{names['nn.RNN']} avx2"
    others = tuple(name for name in others if any(name in case["seconds"] for case in measured))
    under = {name: (beside or {}).get(name, "irnn") for name in others}
    rows = []
    for case in measured:
        times = {
            name: [1e3 * second for second in seconds] for name, seconds in case["seconds"].items()
        }
        middle = {name: statistics.median(values) for name, values in times.items()}
        ours = times["irnn"]
        rows.append(
            [
                LAYERS[case["model"]],
                *(str(case[key]) for key in also),
                f"{case['T']:,}",
                str(case["threads"]),
                f"{digits(middle['irnn'])} ({digits(min(ours))}-{digits(max(ours))})",
                *(digits(middle[name]) if name in middle else "-" for name in (*others, "floor")),
                *(
                    f"{middle[name] / middle[under[name]]:.1f}" if name in middle else "-"
                    for name in others
                ),
                f"{middle['irnn'] / middle['floor']:.2f}",
                f"{100 * case['outside_kernel']:.1f} %",
            ]
        )
    shown = [names.get(name, name) for name in others]
    heads = ["layer", *(names.get(key, key) for key in also), "T", "threads", "irnn", *shown]
    ratios = (f"{name} / {under[other]}" for name, other in zip(shown, others, strict=True))
    heads += ["floor", *ratios, "irnn / floor", "outside the kernel"]
    return table(heads, rows)


def in_words(measured: list[dict[str, Any]]) -> str:
    """Say in a sentence how many times as fast as `nn.RNN` it is on two threads, at H = 100."""
    spans = []
    for batch in (16, 128):
        ratios = [
            statistics.median(case["seconds"]["nn.RNN"])
            / statistics.median(case["seconds"]["irnn"])
            for case in measured
            if (case["H"], case["B"], case["threads"], case["start"]) == (100, batch, 2, "identity")
        ]
        spans.append(f"{min(ratios):.1f} to {max(ratios):.1f} times")
    return f"On two threads that is {spans[0]} as fast as the `nn.RNN` loop, and at batch 128 {spans[1]}."


def command_table() -> list[str]:
    """The times and the memory of whole commands, and of the data."""
    command = json.loads((SPEED / "command.json").read_text())["readings"]
    data = json.loads((SPEED / "data.json").read_text())["seconds"]
    says = {
        "help": ("`irnn-train --help`", "s"),
        "first update": ("process start to first update", "s"),
        "solved": ("process start to solved, T = 150, default", "s"),
        "solved, fast": ("process start to solved, T = 150, `experiment=fast`", "s"),
        "peak memory": ("peak memory, T = 10 000, batch 16, fresh data", "MiB"),
    }
    rows = [
        [label, f"{digits(statistics.median(command[name]))} {unit}", str(len(command[name]))]
        for name, (label, unit) in says.items()
    ]
    for name, values in data.items():
        rows.append(
            [
                f"data, T = 150: {name}",
                f"{digits(1e3 * statistics.median(values))} ms",
                str(len(values)),
            ]
        )
    return table(["what", "median", "measurements"], rows)


def digits(value: float) -> str:
    """Write a number to three digits."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"
