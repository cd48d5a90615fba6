"""Draw the pictures of docs/long_sequences.md: python docs/records/2026-11-24-long/figures.py [RUN_DIR]

RUN_DIR, for the picture of a network's inside, is a run of `experiment=long seq_len=1000`; its start is made
again from its configuration.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

from irnn.models.network import build
from irnn.runs import checkpoint
from irnn.runs.directory import RunDirectory
from irnn.seeding import generator
from irnn.spec.saved import load_config
from irnn.system import curves as loss_curves
from irnn.tasks.data import TaskData
from irnn.tasks.published_rows import rows_of

HERE = Path(__file__).parent
IMAGES = HERE.parents[1] / "images"
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"
OTHERS = (ORANGE, "#009E73", "#CC79A7", "#E69F00", GREY, "#000000")
"""Colours of what others published; none is like ours."""


def weights_before_and_after(folder: Path) -> list[dict[str, torch.Tensor]]:
    """Give the state_dict of a run's start and of its end."""
    config = load_config(folder / "config.yaml")
    device = torch.device("cpu")
    model = build(config, generator(config.seed, "init", 0), config.task.input_size)
    data = TaskData(config.task, seed=config.seed, batch_size=1, device=device, dtype=torch.float32)
    init = config.init
    init.calibrate(model.recurrent, data.calibration(init.calibration_sequences, 0))
    return [
        model.state_dict(),
        checkpoint.load(RunDirectory(folder).last, device)["weights"]["model"],
    ]


def anatomy(folder: Path) -> None:
    """Draw the recurrent matrix, its eigenvalues and what detectors answer, before and after training."""
    figure, axes = plt.subplots(2, 3, figsize=(11, 7), layout="constrained")
    said = {}
    for line, (when, weights) in zip(
        axes, zip(("before", "after"), weights_before_and_after(folder), strict=False), strict=False
    ):
        w_hh = weights["recurrent.weight_hh_l0"].double()
        picture = line[0].imshow(
            w_hh, cmap="RdBu_r", vmin=-0.05, vmax=0.05, interpolation="nearest"
        )
        line[0].set(title=f"recurrent matrix {when} training", xlabel="from unit", ylabel="to unit")
        figure.colorbar(picture, ax=line[0], extend="both", shrink=0.8)
        values = torch.linalg.eigvals(w_hh).numpy()
        circle = np.exp(1j * np.linspace(0, 2 * np.pi, 200))
        line[1].plot(circle.real, circle.imag, color=GREY, lw=0.7)
        line[1].plot(values.real, values.imag, "o", ms=4, color=BLUE, alpha=0.6)
        line[1].set(
            title=f"its eigenvalues {when}", aspect="equal", xlabel="real", ylabel="imaginary"
        )
        bias = weights["recurrent.bias_ih_l0"] + weights["recurrent.bias_hh_l0"]
        value = torch.linspace(0, 1, 50)
        for mask, colour in ((0.0, ORANGE), (1.0, BLUE)):
            inputs = torch.stack((value, torch.full_like(value, mask)), dim=1)
            answers = torch.relu(inputs @ weights["recurrent.weight_ih_l0"].T + bias)[:, 20:]
            line[2].plot(value, answers, color=colour, lw=0.8, alpha=0.6)
            line[2].plot([], color=colour, label=f"mask {mask:.0f}")
        line[2].set(title=f"answers of detectors {when}", xlabel="value", ylabel="activity")
        line[2].legend()
        near = np.sort(np.abs(values))[-20:]
        said[when] = {
            "spectral_radius": near[-1],
            "smallest_of_20": near[0],
            "21st": np.sort(np.abs(values))[-21],
        }
    figure.savefig(IMAGES / "long_anatomy.png", dpi=110, bbox_inches="tight")
    (HERE / "eigenvalues.json").write_text(
        json.dumps({"run_id": folder.name, **said}, indent=1) + "\n"
    )


def against_published() -> None:
    """Draw updates to MSE < 0.01 against length, ours and those of the published rows."""
    ours = defaultdict(list)
    for line in (HERE / "results.jsonl").read_text().splitlines():
        run = json.loads(line)
        task, size = run["config"]["task"], run["config"]["model"]["hidden_size"]
        if (task["marks"], task["test_size"], size) == ("anywhere", 10_000, 100):
            ours[task["seq_len"]].append(run["solved_at"]["0.01"] or np.inf)
    figure, axis = plt.subplots(figsize=(8, 5), layout="constrained")
    lengths = sorted(ours)
    axis.plot(
        lengths,
        [np.median(ours[t]) for t in lengths],
        "o-",
        color=BLUE,
        lw=2,
        label="irnn, experiment=fast and long, < 0.01 (batch 16, marks anywhere)",
    )
    published = defaultdict(list)
    for row in rows_of("adding"):
        if row.updates and row.threshold in ("0.05", "0.01"):
            key = f"{row.model}, {row.source}, < {row.threshold} (batch {row.batch}, {row.variant})"
            published[key].append((row.seq_len, row.updates))
    styles = zip("sv^D<>", OTHERS, strict=True)
    for (label, points), (marker, colour) in zip(published.items(), styles, strict=True):
        points.sort()
        style = {"marker": marker, "color": colour, "ls": "--", "lw": 0.9, "ms": 6}
        axis.plot(*zip(*points, strict=True), label=label, **style)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="sequence length T",
        ylabel="updates until held-out MSE is below 0.05 or 0.01 (see legend)",
    )
    axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(IMAGES / "long_against_published.png", dpi=110, bbox_inches="tight")


def curves() -> None:
    """Draw every run's held-out error against updates, one colour a length."""
    figure, axis = plt.subplots(figsize=(8, 5), layout="constrained")
    runs = [json.loads(line) for line in (HERE / "results.jsonl").read_text().splitlines()]
    runs = [
        r
        for r in runs
        if r["config"]["task"]["test_size"] == 10_000 and r["config"]["model"]["hidden_size"] == 100
    ]
    lengths = sorted({run["seq_len"] for run in runs})
    colours = dict(
        zip(lengths, plt.get_cmap("viridis")(np.linspace(0, 0.95, len(lengths))), strict=True)
    )
    score = loss_curves.Score("held-out MSE of 10 000 sequences", [(1 / 6, "1/6, answering 1")])
    loss_curves.prepare(axis, score)
    own = [run["curve"] for run in runs]
    loss_curves.seeds(axis, own, score, [colours[run["seq_len"]] for run in runs], alpha=0.7)
    for length in lengths:
        count = sum(run["seq_len"] == length for run in runs)
        axis.plot([], color=colours[length], lw=2, label=f"T = {length:,} ({count} runs)")
    axis.axhline(0.001, color=GREY, ls=":", lw=0.8, label="0.001, solved")
    axis.set_xlabel("updates of batch 16")
    axis.legend(fontsize=8)
    figure.savefig(IMAGES / "long_curves.png", dpi=110)


if __name__ == "__main__":
    if sys.argv[1:]:
        anatomy(Path(sys.argv[1]))
    against_published()
    curves()
