"""The same as test_verdicts.py, of the verdict on SGD at the paper's settings."""

import json
import math
from typing import Any

import pytest

from tests.verdicts import RUNS, claims, listed, sgd, text_of

POLICIES = ("stop", "rollback", "restart")


def left_of(runs: list[dict[str, Any]]) -> list[int]:
    """The updates at which those runs left the plateau that did."""
    return [run["solved_at"]["0.1"] for run in runs if run["solved_at"]["0.1"] is not None]


def exploded(length: int) -> list[dict[str, Any]]:
    """The runs of a length that exploded under `stop`."""
    assert [run["seed"] for run in sgd(length, "stop")] == [0, 1, 2, 3, 4]
    return [run for run in sgd(length, "stop") if run["status"] == "diverged"]


def test_the_verdict_on_sgd_at_200_is_that_of_its_records() -> None:
    page, readme = text_of("docs/reproduction.md"), text_of("docs/divergence.md")
    runs = sgd(200, "stop")
    assert exploded(200) == []
    left = left_of(runs)
    assert len(left) == 5
    assert f"leaves the plateau, after {min(left):,} to {max(left):,} updates; two are" in page
    solved = [run["steps"] for run in runs if run["status"] == "solved"]
    assert f"two are solved, at {listed(solved)}, with the constant rate" in page
    assert f"two are solved by SGD alone, at {listed(solved)} updates" in readme
    others = sorted(f"{run['best_test_mse']:.4f}" for run in runs if run["status"] == "exhausted")
    assert f"come to {', '.join(others[:-1])} and {others[-1]} in the million" in page
    longest = [run["grad_norm_max"] for run in runs]
    assert [f"{min(longest):.0e}", f"{max(longest):.0e}"] == ["3e+14", "5e+28"]
    assert "gradients as long as 3e14 to 5e28; clipping" in page


def test_the_verdict_on_sgd_at_150_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    steps = [run["steps"] for run in exploded(150)]
    assert len(steps) == 3
    said = f"three of five seeds explode, after {min(steps):,} to {max(steps):,} updates on the"
    assert said in page
    assert left_of([run for policy in POLICIES for run in sgd(150, policy)]) == []
    assert {run["status"] for run in sgd(150, "stop")} == {"diverged", "exhausted"}
    readme = text_of("docs/divergence.md")
    assert "three did at T = 150, none at 200, five at 300 and five at 400" in readme
    assert f"after {min(steps):,} updates at the earliest" in readme
    assert all(run["steps"] >= min(steps) for n in (300, 400) for run in exploded(n))


def test_the_verdict_on_sgd_at_300_is_that_of_its_records() -> None:
    steps = [run["steps"] for run in exploded(300)]
    assert len(steps) == 5
    (best,) = [run["best_test_mse"] for run in exploded(300) if left_of([run])]
    said = f"after {min(steps):,} to {max(steps):,} updates; one had come to {best:.4f}, the others"
    assert said in text_of("docs/reproduction.md")


def test_the_verdict_on_sgd_at_400_is_that_of_its_records() -> None:
    steps = [run["steps"] for run in exploded(400)]
    assert len(steps) == 5
    best = sorted(f"{run['best_test_mse']:.4f}" for run in exploded(400) if left_of([run]))
    page = text_of("docs/reproduction.md")
    assert f"after {min(steps):,} to {max(steps):,}; two had left the plateau and come to" in page
    assert f"the plateau and come to {' and '.join(best)}. In these 13 the loss" in page


def test_what_ended_sgd_was_beyond_float32() -> None:
    found = [run for length in (150, 200, 300, 400) for run in exploded(length)]
    assert len(found) == 13  # "In these 13 the loss ..."
    for run in found:
        (event,) = run["divergences"]
        norm = event["reason"].startswith("gradient norm is inf")
        assert norm or event["reason"].startswith("training loss of one batch is ")


def left_after_exploding(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs that left the plateau after their first explosion."""
    return [run for run in runs if (run["solved_at"]["0.1"] or 0) > run["divergences"][0]["step"]]


def after_exploding(run: dict[str, Any]) -> list[float]:
    """The held-out losses after a run's first explosion."""
    first = run["divergences"][0]["step"]
    return [mse for step, mse in run["curve"] if step > first and mse is not None]


def still_on_it(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs that were on the plateau when they first exploded."""
    return [
        run for run in runs if (run["solved_at"]["0.1"] or math.inf) > run["divergences"][0]["step"]
    ]


@pytest.mark.parametrize("policy", ["rollback", "restart"])
def test_every_seed_that_exploded_was_run_with_the_other_policies(policy: str) -> None:
    for length in (150, 200, 300, 400):
        again = [run["seed"] for run in sgd(length, policy)]
        assert again == [run["seed"] for run in exploded(length)]
        assert "solved" not in {run["status"] for run in sgd(length, policy)}


def test_the_verdict_on_rolling_back_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    assert {len(run["divergences"]) for run in sgd(150, "rollback")} == {1, 2}  # "one or two"
    assert left_after_exploding(sgd(150, "rollback")) == []
    counts = []
    for length in (300, 400):
        runs = sgd(length, "rollback")
        counts += [len(left_after_exploding(runs)), len(still_on_it(runs))]
        best = sorted(f"{run['best_test_mse']:.4f}" for run in runs if left_of([run]))
        assert f"come to {', '.join(best[:-1])} and {best[-1]} at T = {length}" in page
    assert counts == [3, 4, 3, 3]  # "three of the four", "all three"
    assert [len(left_of(sgd(length, "rollback"))) for length in (300, 400)] == [4, 5]
    assert "nine of the ten seeds of T = 300 and 400 leave the plateau" in text_of(
        "docs/divergence.md"
    )
    soon = [
        run["solved_at"]["0.1"] - run["divergences"][0]["step"]
        for length in (300, 400)
        for run in left_after_exploding(sgd(length, "rollback"))
    ]
    assert f"within {min(soon):,} to {max(soon):,} updates of it" in page
    (lost,) = [run for run in sgd(300, "rollback") if run["status"] == "diverged"]
    assert lost["best_test_mse"] > 0.1
    steps = [event["step"] for event in lost["divergences"]]
    assert len(steps) == 11
    assert f"explodes ten times more within {steps[-1] - steps[0]:,} updates" in page


def test_the_verdict_on_restarting_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    later = []
    for length in (150, 300, 400):
        runs = sgd(length, "restart")
        assert {run["status"] for run in runs} == {"exhausted"}
        later += [run for run in runs if min(after_exploding(run)) < 0.1]
    said = [f"T = {r['seq_len']}, seed {r['seed']}: {r['best_test_mse']:.4f}" for r in later]
    assert f"four new starts left the plateau ({'; '.join(said)})" in page
    assert [len(run["divergences"]) for run in later] == [2, 2, 2, 1]  # "the last of them alone"
    counts = {len(run["divergences"]) for n in (150, 300, 400) for run in sgd(n, "restart")}
    assert [min(counts), max(counts)] == [1, 3]  # "one to three explosions"


def test_the_verdict_on_the_papers_comparison_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    groups = claims.groups(RUNS["models-paper"], ("task.seq_len", "model.name"))
    assert {len(runs) for runs in groups.values()} == {3}
    assert all(run["solved_at"]["0.1"] is None for run in RUNS["models-paper"])
    assert {run["status"] for run in RUNS["models-paper"]} == {"exhausted"}
    assert set(groups) == {
        (n, model) for n in (150, 300) for model in ("irnn", "lstm", "rnn_relu", "rnn_tanh")
    }
    left = [run["solved_at"]["0.1"] for run in RUNS["paper-sgd"]]
    first = min(step for step in left if step is not None)
    assert f"after {first:,} updates at the earliest" in page


def test_a_seeds_first_explosion_is_the_same_under_every_policy() -> None:
    first = {
        (run["seq_len"], run["seed"], *(run["divergences"][0][key] for key in ("step", "reason")))
        for run in RUNS["paper-sgd"]
        if run["divergences"]
    }
    assert len(first) == len({explosion[:2] for explosion in first}) == 13


def test_no_run_was_ended_by_one_held_out_loss_and_those_that_were_are_made_again() -> None:
    reasons = {
        event["reason"].split(" is ")[0]
        for name in RUNS
        if claims.CLAIMS[name].page == "reproduction"
        for run in RUNS[name]
        for event in run["divergences"]
    }
    assert reasons == {"gradient norm", "training loss of one batch", "typical training MSE"}
    again = [run for run in RUNS["default"] if run.get("instruction_set")]
    assert [len(again), {run["status"] for run in again}] == [30, {"solved"}]
    assert {run["instruction_set"] for run in again} == {"avx2"}
    clipped = [run for run in again if "grad_norm_max" in run]
    norms, steps = [sorted(run[key] for run in clipped) for key in ("grad_norm_max", "steps")]
    assert len(clipped) == 10
    page = text_of("docs/reproduction.md")
    assert f"the last ten after {steps[0]:,} to {steps[-1]:,} updates, with" in page
    assert [f"{norms[0]:.0e}", f"{norms[-1]:.0e}"] == ["8e+19", "1e+36"]
    assert "gradients of norm up to 8e19 to 1e36 on the way" in page


def test_what_is_said_of_a_plain_loop_is_what_it_printed() -> None:
    path = claims.RECORDS / "2026-11-26-plain-loop" / "losses.jsonl"
    seeds = [json.loads(line) for line in path.read_text().splitlines()]
    held = [seed for seed in seeds if seed["first_overflow"] is not None]
    assert [len(seeds), len(held)] == [10, 8]  # "eight of ten"
    assert all(seed["overflows"] == 401 - seed["first_overflow"] for seed in held)
    first = sorted(seed["first_overflow"] for seed in held)
    page = text_of("docs/reproduction.md")
    assert f"at update {first[0]} to {first[-1]}, and at every one of the remaining" in page
    for seed in held:
        after = [seed["losses"][update] for update in ("50", "100", "200", "400")]
        assert max(after) < 1.1 * min(after)
    losses = sorted(seed["losses"]["400"] for seed in held)
    assert [f"{losses[0]:.0e}", f"{losses[-1]:.0e}"] == ["3e+17", "2e+30"]
    assert "where it is, at 3e17 to 2e30" in page
    said = "did not get out of there again in its 400 updates with eight of ten seeds"
    assert said in text_of("docs/divergence.md")
