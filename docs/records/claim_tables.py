"""The tables of docs/reproduction.md, docs/suite.md and the README, as lines of Markdown."""

import statistics
from collections.abc import Callable, Sequence

from claims import CLAIMS, HEADINGS, Claim, Run, best, goal, groups, scoring, setting, shown
from tables import table

from irnn.reporting.statistics import wilson
from irnn.tasks.published_rows import rows_of

NEVER = float("inf")


def number(value: float) -> str:
    """Write a number of updates or seconds; infinity is never."""
    return "never" if value == NEVER else f"{value:,.0f}"


def middle(runs: Sequence[Run], field: str, threshold: str) -> float:
    """Give the median of when the runs were below; one that never was is later than any other."""
    times = [run[field][threshold] for run in runs]
    return statistics.median(NEVER if time is None else time for time in times)


def median_of(runs: Sequence[Run], field: str, threshold: str) -> str:
    """Write that median."""
    return number(middle(runs, field, threshold))


def moment(runs: Sequence[Run], threshold: str) -> str:
    """Write the median update at which the runs were below, and the median of their seconds by then."""
    updates = median_of(runs, "solved_at", threshold)
    seconds = middle(runs, "seconds_at", threshold)
    spent = f"{seconds:.1f}" if seconds < 10 else number(seconds)
    return updates if updates == "never" else f"{updates} ({spent} s)"


def threads(runs: Sequence[Run]) -> str:
    """Say how many threads each of the runs had."""
    return " or ".join(sorted({str(run["threads"]) for run in runs}))


def counts(runs: Sequence[Run]) -> list[str]:
    """Count the runs: all, solved with Wilson's interval, diverged."""
    ended = [run for run in runs if run["status"] != "unfinished"]
    exploded = str(sum(run["status"] == "diverged" for run in ended))
    if goal(runs[0]) is None:
        return ["no goal", "", exploded]
    solved = sum(run["status"] == "solved" for run in ended)
    interval = wilson(solved, len(ended)) if ended else None
    going = f" and {len(runs) - len(ended)} unfinished" * (len(ended) < len(runs))
    return [
        f"{solved} of {len(ended)}{going}",
        f"{100 * interval.low:.0f}-{100 * interval.high:.0f} %" if interval else "",
        exploded,
    ]


def summary_table(claim: Claim, runs: Sequence[Run]) -> list[str]:
    """One row for each group: how many were solved, when, and how good they became."""
    heads = [HEADINGS[key] for key in claim.keys]
    heads += ["solved", "Wilson 95 %", "diverged"]
    heads += ["first explosion, median (range)"] * claim.explosions
    thresholds, names = crossings(runs[0])
    scored = scoring(runs[0])
    heads += [*names, "slowest", f"best {scored.label}, median", "updates, median", "threads"]
    rows = []
    for values, group in groups(runs, claim.keys).items():
        cells = [*map(shown, values), *counts(group)]
        if claim.explosions:
            cells.append(first_explosions(group))
        cells += [moment(group, t) for t in thresholds]
        cells.append(number(max(run["solved_at"][thresholds[-1]] or NEVER for run in group)))
        cells.append(score(statistics.median(map(best, group)), scored.name))
        cells.append(number(statistics.median(run["steps"] for run in group)))
        cells.append(threads(group))
        rows.append(cells)
    return table(heads, rows)


def crossings(run: Run) -> tuple[list[str], list[str]]:
    """Give the thresholds that a run records up to its goal, and what the columns of a table call them.

    A goal counts when it is reached, any other threshold when it is passed.
    """
    scored, wanted = scoring(run), goal(run)
    worth = [t for t in scored.thresholds if wanted is None or not scored.is_past(float(t), wanted)]
    thresholds = worth or list(scored.thresholds)
    same = wanted is not None and float(thresholds[-1]) == wanted
    signs = [scored.sign] * (len(thresholds) - same) + [f"{scored.sign}="] * same
    return thresholds, [f"{sign} {t}" for sign, t in zip(signs, thresholds, strict=True)]


def score(value: float, metric: str) -> str:
    """Write a score: an accuracy in per cent, a loss to five decimals."""
    return f"{100 * value:.1f} %" if metric == "accuracy" else f"{value:.5f}"


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


def theirs() -> dict[int, int]:
    """The updates at which the later reproduction left the plateau, by T, as read from its plot."""
    return {r.seq_len: r.updates for r in rows_of("adding") if r.source == "IReLU-Demo plot"}


def theirs_table() -> list[str]:
    """The later reproduction's updates to leave the plateau, one run each, beside ours."""
    rows = []
    for length, updates in theirs().items():
        cells = [str(length), f"{updates:,}"]
        for name, rate in (("irelu-demo", 1e-4), ("default", 1e-3), ("fast", 3e-3)):
            runs = [
                run
                for run in CLAIMS[name].runs()
                if run["seq_len"] == length
                and setting(run, "optim.lr") == rate
                and run["status"] != "unfinished"
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
            cells += [moment(group, t) for t in ("0.05", "0.01", "0.001")]
            cells.append(number(max(run["solved_at"]["0.001"] or NEVER for run in group)))
            cells.append(threads(group))
            rows.append(cells)
    heads = ["recipe", "T", "solved", "Wilson 95 %", "diverged"]
    heads += ["updates (seconds) to < 0.05, median", "< 0.01", "<= 0.001", "slowest", "threads"]
    return table(heads, rows)


def seeds_table() -> list[str]:
    """The default recipe seed by seed: the update at which each was solved, or how it ended."""
    runs = [run for run in CLAIMS["default"].runs() if setting(run, "optim.lr") == 1e-3]
    rows = []
    for (length,), group in groups(runs, ("task.seq_len",)).items():
        rows.append([str(length), *by_seed(group, ending, seeds=10)])
    return table(["T", *(f"seed {n}" for n in range(10))], rows)


def ending(run: Run) -> str:
    """Say in a word how a run ended."""
    if run["status"] == "solved":
        return f"{run['solved_at']['0.001']:,}"
    return f"diverged at {run['steps']:,}" if run["status"] == "diverged" else run["status"]


def plateau_table() -> list[str]:
    """The later reproduction's recipe seed by seed: when the held-out MSE was first below 0.1."""
    rows = []
    for (length,), group in groups(CLAIMS["irelu-demo"].runs(), ("task.seq_len",)).items():
        cells = by_seed(group, lambda run: left_plateau(run["solved_at"]["0.1"], run["steps"]))
        rows.append([str(length), f"{theirs()[length]:,}", *cells])
    return table(["T", "theirs", *(f"seed {n}" for n in range(5))], rows)


def by_seed(runs: Sequence[Run], write: Callable[[Run], str], seeds: int = 5) -> list[str]:
    """One cell for each seed, empty where it was not run."""
    cells = {run["seed"]: write(run) for run in runs}
    return [cells.get(seed, "") for seed in range(seeds)]


def left_plateau(step: int | None, steps: int) -> str:
    """Say when a run left the plateau."""
    return f"{step:,}" if step is not None else f"not in {steps:,}"


def sgd_seeds_table() -> list[str]:
    """SGD at the paper's settings seed by seed."""
    rows = []
    keys = ("task.seq_len", "divergence.policy")
    for (length, policy), group in groups(CLAIMS["paper-sgd"].pooled(), keys).items():
        rows.append([str(length), policy, *by_seed(group, course)])
    return table(["T", "policy", *(f"seed {n}" for n in range(5))], rows)


def course(run: Run) -> str:
    """Say how a run went: how good it became if it left the plateau, its explosions, its end."""
    if "as_stop" in run:
        return "as with stop"
    left = run["solved_at"]["0.1"] is not None
    parts = [f"best {run['best_test_mse']:.4f}" if left else "plateau"]
    if run["status"] == "solved":
        parts = [f"solved at {run['solved_at']['0.001']:,}"]
    count = len(run["divergences"])
    if run["status"] == "diverged" and count == 1:
        return f"{parts[0]}, exploded at {run['steps']:,}"
    if count:
        parts.append(f"{count} explosion" + "s" * (count > 1))
    if run["status"] == "diverged":
        parts.append(f"given up at {run['steps']:,}")
    if run["status"] == "unfinished":
        parts.append("unfinished")
    return ", ".join(parts)
