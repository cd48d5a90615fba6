"""Write the tables and figures of the README, docs/reproduction.md and docs/kernel.md from the records.

    python docs/records/pages.py          rewrites them all
    python docs/records/pages.py --text   the tables only

A table stands between `<!-- NAME -->` and `<!-- end -->`; what is there is replaced. A test holds the pages
to it.
"""

import re
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speed import speed_tables
from tables import read, table

from irnn.reporting.drawing import COLOURS
from irnn.reporting.published import published_rows
from irnn.reporting.statistics import wilson

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "docs" / "records"
IMAGES = ROOT / "docs" / "images"
PAGES = tuple(ROOT / page for page in ("README.md", "docs/reproduction.md", "docs/kernel.md"))

Run = dict[str, Any]
NEVER = float("inf")
TOP = 1.0
"""Losses above run along the upper edge of a figure."""
HEADINGS = {
    "task.seq_len": "T",
    "optim.lr": "lr",
    "optim.name": "optimizer",
    "init.gain": "scale",
    "clip.max_norm": "clip",
    "divergence.policy": "policy",
    "task.data": "data",
    "model.name": "model",
}


@dataclass(frozen=True)
class Claim:
    """A record, what tells its groups of seeds apart, and how it is drawn: panels, then colours."""

    record: str
    keys: tuple[str, ...]
    panel: str
    colour: str
    explosions: bool = False

    def runs(self) -> list[Run]:
        """Read the record; none when there is no such record."""
        path = RECORDS / self.record / "results.jsonl"
        return read(path) if path.is_file() else []


CLAIMS = {
    "default": Claim(
        "2026-11-24-default-lengths", ("task.seq_len", "optim.lr"), "optim.lr", "task.seq_len"
    ),
    "fast": Claim("2026-11-24-fast-lengths", ("task.seq_len",), "optim.name", "task.seq_len"),
    "irelu-demo": Claim("2026-11-24-irelu-demo", ("task.seq_len",), "optim.name", "task.seq_len"),
    "paper-sgd": Claim(
        "2026-11-24-paper-sgd", ("task.seq_len", "clip.max_norm", "divergence.policy"),
        "divergence.policy", "task.seq_len", explosions=True,
    ),
    "models-adam": Claim(
        "2026-11-24-models-adam", ("task.seq_len", "model.name"), "task.seq_len", "model.name"
    ),
    "models-paper": Claim(
        "2026-11-24-models-paper", ("task.seq_len", "model.name"), "task.seq_len", "model.name"
    ),
    "init-scale": Claim("2026-11-24-init-scale", ("init.gain",), "optim.name", "init.gain"),
    "clip-adam": Claim("2026-11-24-clip-adam", ("clip.max_norm",), "optim.name", "clip.max_norm"),
    "clip-sgd": Claim(
        "2026-11-24-clip-sgd", ("clip.max_norm",), "optim.name", "clip.max_norm", explosions=True
    ),
    "fixed-or-fresh": Claim("2026-11-24-fixed-or-fresh", ("task.data",), "task.data", "seed"),
}  # fmt: skip


def setting(run: Run, key: str) -> Any:
    """Look a dotted key up in a run's configuration."""
    node: Any = run["config"]
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def shown(value: Any) -> str:
    """Write a setting for a table."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def groups(runs: Sequence[Run], keys: Sequence[str]) -> dict[tuple[Any, ...], list[Run]]:
    """Pool the seeds: the runs that agree in all of `keys`, in the order of their values."""
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        found.setdefault(tuple(setting(run, key) for key in keys), []).append(run)
    return dict(sorted(found.items(), key=lambda item: [order(value) for value in item[0]]))


def order(value: Any) -> tuple[int, float, str]:
    """Sort numbers, then nothing, then names."""
    if value is None:
        return 1, 0.0, ""
    return (0, value, "") if isinstance(value, int | float) else (2, 0.0, str(value))


def number(value: float) -> str:
    """Write a number of updates or seconds; infinity is never."""
    return "never" if value == NEVER else f"{value:,.0f}"


def median_of(runs: Sequence[Run], field: str, threshold: str) -> str:
    """Give the median of when the runs were below; one that never was is later than any other."""
    times = [run[field][threshold] for run in runs]
    return number(statistics.median(NEVER if time is None else time for time in times))


def counts(runs: Sequence[Run]) -> list[str]:
    """Count the runs: all, solved with Wilson's interval, diverged."""
    ended = [run for run in runs if run["status"] != "unfinished"]
    solved = sum(run["status"] == "solved" for run in ended)
    interval = wilson(solved, len(ended)) if ended else None
    going = f" and {len(runs) - len(ended)} unfinished" * (len(ended) < len(runs))
    return [
        f"{solved} of {len(ended)}{going}",
        f"{100 * interval.low:.0f}-{100 * interval.high:.0f} %" if interval else "",
        str(sum(run["status"] == "diverged" for run in ended)),
    ]


def summary_table(claim: Claim, runs: Sequence[Run]) -> list[str]:
    """One row for each group: how many were solved, when, and how good they became."""
    heads = [HEADINGS[key] for key in claim.keys]
    heads += ["solved", "Wilson 95 %", "diverged"]
    heads += ["first explosion, median (range)"] * claim.explosions
    heads += ["< 0.1", "< 0.05", "< 0.01", "<= 0.001", "slowest", "seconds to <= 0.001"]
    heads += ["best MSE, median", "updates, median"]
    rows = []
    for values, group in groups(runs, claim.keys).items():
        cells = [*map(shown, values), *counts(group)]
        if claim.explosions:
            cells.append(first_explosions(group))
        cells += [median_of(group, "solved_at", t) for t in ("0.1", "0.05", "0.01", "0.001")]
        cells.append(number(max(run["solved_at"]["0.001"] or NEVER for run in group)))
        cells.append(median_of(group, "seconds_at", "0.001"))
        cells.append(f"{statistics.median(run['best_test_mse'] for run in group):.5f}")
        cells.append(number(statistics.median(run["steps"] for run in group)))
        rows.append(cells)
    return table(heads, rows)


def first_explosions(runs: Sequence[Run]) -> str:
    """Say how many runs exploded, and when first."""
    first = [run["divergences"][0]["step"] for run in runs if run["divergences"]]
    if not first:
        return f"0 of {len(runs)}"
    text = f"{len(first)} of {len(runs)}: {number(statistics.median(first))}"
    return text + f" ({min(first):,}-{max(first):,})" * (len(first) > 1)


def overfitting_table(claim: Claim, runs: Sequence[Run]) -> list[str]:
    """One row for each kind of data: what training and held-out loss were at the end."""
    rows = []
    for values, group in groups(runs, claim.keys).items():
        ended = [run for run in group if run["status"] not in ("diverged", "unfinished")]
        if not ended:
            continue
        held_out = [last(run["curve"]) for run in ended]
        training = [last(run["train_curve"]) for run in ended]
        ratios = [a / b for a, b in zip(held_out, training, strict=True)]
        rows.append(
            [
                *map(shown, values),
                str(len(group)),
                counts(group)[2],
                number(statistics.median(run["steps"] for run in ended)),
                f"{statistics.median(held_out):.6f}",
                f"{statistics.median(training):.6f}",
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
            ]
        )
    heads = ["data", "runs", "diverged", "updates", "held-out MSE at the end, median"]
    return table([*heads, "training MSE, median", "held-out / training, median (range)"], rows)


def last(curve: Sequence[Sequence[float]], of: int = 5) -> float:
    """Average the last evaluations of a curve."""
    return statistics.mean(mse for _, mse in curve[-of:])


def theirs_table() -> list[str]:
    """The later reproduction's updates to leave the plateau, one run each, beside ours."""
    rows = []
    for row in published_rows():
        if row.source != "IReLU-Demo plot":
            continue
        length = row.seq_len
        cells = [str(length), f"{row.updates:,}"]
        for name, rate in (("irelu-demo", 1e-4), ("default", 1e-3), ("fast", 3e-3)):
            runs = [
                run
                for run in CLAIMS[name].runs()
                if run["seq_len"] == length and setting(run, "optim.lr") == rate
            ]
            below = sum(run["solved_at"]["0.1"] is not None for run in runs)
            text = f"{median_of(runs, 'solved_at', '0.1')}" if below else "never"
            longest = f" in {max(run['steps'] for run in runs):,}" if runs and not below else ""
            cells.append(f"{text}{longest} ({below} of {len(runs)})" if runs else "not run")
        rows.append(cells)
    heads = ["T", "IReLU-Demo, one run", "its recipe here", "default recipe", "`experiment=fast`"]
    return table(heads, rows)


def rates_table() -> list[str]:
    """How often and how soon the two recipes of the README solve each length."""
    rows = []
    for name, label, rate in (("default", "default", 1e-3), ("fast", "`experiment=fast`", 3e-3)):
        runs = [run for run in CLAIMS[name].runs() if setting(run, "optim.lr") == rate]
        for (length,), group in groups(runs, ("task.seq_len",)).items():
            cells = [label, str(length), *counts(group)]
            cells += [median_of(group, "solved_at", t) for t in ("0.05", "0.01", "0.001")]
            cells.append(number(max(run["solved_at"]["0.001"] or NEVER for run in group)))
            cells.append(median_of(group, "seconds_at", "0.001"))
            rows.append(cells)
    heads = ["recipe", "T", "solved", "Wilson 95 %", "diverged"]
    heads += ["updates to < 0.05, median", "< 0.01", "<= 0.001", "slowest", "seconds, median"]
    return table(heads, rows)


def seeds_table() -> list[str]:
    """The default recipe seed by seed: the update at which each was solved, or how it ended."""
    runs = [run for run in CLAIMS["default"].runs() if setting(run, "optim.lr") == 1e-3]
    rows = []
    for (length,), group in groups(runs, ("task.seq_len",)).items():
        by_seed = {run["seed"]: run for run in group}
        ends = [ending(by_seed[seed]) for seed in sorted(by_seed)]
        rows.append([str(length), *ends])
    return table(["T", *(f"seed {n}" for n in range(10))], rows)


def ending(run: Run) -> str:
    """Say in a word how a run ended."""
    if run["status"] == "solved":
        return f"{run['solved_at']['0.001']:,}"
    return f"diverged at {run['steps']:,}" if run["status"] == "diverged" else run["status"]


def blocks() -> dict[str, list[str]]:
    """Every table by its name."""
    found = {"theirs": theirs_table(), "rates": rates_table(), "seeds": seeds_table()}
    found.update(speed_tables())
    for name, claim in CLAIMS.items():
        found[name] = ["*Not run yet: there is no record.*"]
        if claim.runs():
            title = f"Held-out MSE against updates: {name}"
            found[name] = [*own_table(name), "", f"![{title}](images/{picture(name).name})"]
    return found


def own_table(name: str) -> list[str]:
    """The table of a claim."""
    write: Callable[[Claim, Sequence[Run]], list[str]] = (
        overfitting_table if name == "fixed-or-fresh" else summary_table
    )
    return write(CLAIMS[name], CLAIMS[name].runs())


def picture(name: str) -> Path:
    """The figure of a claim."""
    return IMAGES / f"reproduction_{name.replace('-', '_')}.png"


def filled(page: str, tables: dict[str, list[str]]) -> str:
    """Put the tables in their places; a place without a table is an error."""

    def content(match: re.Match[str]) -> str:
        lines = tables[match[1]]
        return "\n".join([f"<!-- {match[1]} -->", *lines, "<!-- end -->"])

    return re.sub(r"<!-- ([a-z-]+) -->\n.*?<!-- end -->", content, page, flags=re.DOTALL)


def record_page(name: str, claim: Claim) -> str:
    """Write a record's README: commands, machine, table, and every run."""
    runs = claim.runs()
    commands = sorted({run["process"] for run in runs})
    machines = sorted({f"{run['machine']}, torch {run['versions']['torch']}" for run in runs})
    threads = sorted({str(run["threads"]) for run in runs})
    rows = [
        [f"`{run['run_id']}`", run["status"], f"{run['steps']:,}", f"{run['best_test_mse']:.5f}"]
        for run in runs
    ]
    return "\n".join(
        [
            f"# {name}",
            "",
            *(f"    {command}" for command in commands),
            "",
            f"{'; '.join(machines)}; threads a run: {', '.join(threads)}; commits "
            f"{', '.join(sorted({run['commit'][:10] for run in runs}))}. `results.jsonl` has each run's"
            " `result.json` with its configuration, its command, and its curves, thinned.",
            "[docs/reproduction.md](../../reproduction.md) says what it is evidence for.",
            "",
            *own_table(name),
            "",
            *table(["run", "status", "updates", "best held-out MSE"], rows),
            "",
        ]
    )


def median_curve(runs: Sequence[Run]) -> tuple[list[float], list[float]]:
    """The median over seeds: who solved keeps the last loss, who diverged counts as worse than any."""
    end = max(run["steps"] for run in runs)
    steps, losses = [], []
    for step in range(0, end + 1, max(1, end // 150)):
        found = []
        for run in runs:
            before = [mse for at, mse in run["curve"] if at <= step and mse is not None]
            over = run["status"] == "diverged" and step >= run["steps"]
            found.append(NEVER if over or not before else before[-1])
        middle = statistics.median(found)
        if middle == NEVER:
            break
        steps.append(step)
        losses.append(min(middle, TOP))
    return steps, losses


def draw(claim: Claim, target: Path) -> None:
    """Draw held-out MSE against updates: every seed thin, the median thick, divergences crossed."""
    import matplotlib.pyplot as plt

    runs = claim.runs()
    panels = groups(runs, (claim.panel,))
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.5 + 4.6 * len(panels), 3.6), sharey=True, squeeze=False
    )
    for axis, ((panel,), members) in zip(axes[0], panels.items(), strict=True):
        for colour, ((value,), group) in zip(
            COLOURS, groups(members, (claim.colour,)).items(), strict=False
        ):
            label = f"{HEADINGS.get(claim.colour, claim.colour)} {shown(value)}"
            axis.plot(*median_curve(group), color=colour, linewidth=2.2, label=label)
            for run in group:
                points = [(s, min(m, TOP)) for s, m in run["curve"] if m is not None]
                axis.plot(*zip(*points, strict=True), color=colour, linewidth=0.6, alpha=0.4)
                if run["status"] == "diverged":
                    axis.plot(*points[-1], "x", color=colour, markersize=6, markeredgewidth=1.5)
        axis.axhline(1 / 6, color="0.4", linestyle="--", linewidth=0.8)
        axis.set(yscale="log", ylim=(2e-4, 1.1 * TOP), xlabel="updates")
        if len(panels) > 1:
            axis.set_title(f"{HEADINGS.get(claim.panel, claim.panel)} {shown(panel)}", fontsize=9)
        axis.legend(fontsize=7)
    axes[0][0].set_ylabel("held-out MSE")
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    plt.close(figure)


def main() -> None:
    """Rewrite the pages, the records' READMEs and the figures."""
    tables = blocks()
    for page in PAGES:
        page.write_text(filled(page.read_text(), tables))
    for name, claim in CLAIMS.items():
        if claim.runs():
            folder = RECORDS / claim.record
            (folder / "README.md").write_text(record_page(name, claim))
            if "--text" not in sys.argv[1:]:
                draw(claim, picture(name))


if __name__ == "__main__":
    main()
