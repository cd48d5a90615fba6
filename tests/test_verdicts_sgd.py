"""The same as test_verdicts.py, of the verdict on SGD at the paper's settings."""

import json
from typing import Any

from tests.verdicts import RUNS, claims, listed, sgd, text_of


def test_the_verdict_on_sgd_at_150_is_that_of_its_records() -> None:
    page, readme = text_of("docs/reproduction.md"), text_of("README.md")
    stopped = sorted(run["steps"] for run in sgd(150, "stop"))
    assert all(run["status"] == "diverged" for run in sgd(150, "stop"))
    assert all(run["best_test_mse"] > 0.1 for run in sgd(150, "stop"))
    assert len(stopped) == 5
    assert stopped[1] < 10 < 100_000 < stopped[2]
    assert f"three after {stopped[2]:,} to {stopped[4]:,} on the plateau" in readme
    rolled = sgd(150, "rollback")
    left = [run for run in rolled if run["solved_at"]["0.1"] is not None]
    assert [len(rolled), len(left)] == [5, 4]
    assert f"at {listed([run['solved_at']['0.1'] for run in left])} updates" in page
    assert {len(run["divergences"]) for run in left} == {3, 4}  # so the rate is 0.01 / 8 or / 16
    best = sorted(f"{run['best_test_mse']:.3f}" for run in left)
    assert f"came to {', '.join(best[:-1])} and {best[-1]}, not to 0.001" in page
    assert "with a rate of 0.00125 or 0.000625, and came" in page


def test_the_verdict_on_sgd_at_200_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    runs = sgd(200, "stop")
    left = [run["solved_at"]["0.1"] for run in runs]
    assert len(left) == 5
    assert f"after {min(left):,} to {max(left):,} updates; one is solved at" in page
    (solved,) = [run for run in runs if run["status"] == "solved"]
    assert f"one is solved at {solved['steps']:,} with" in page
    (other,) = [run for run in runs if run["status"] == "exhausted"]
    assert f"one comes to {other['best_test_mse']:.4f} in the million" in page
    ended = [run for run in runs if run["status"] == "diverged"]
    steps, best = [run["steps"] for run in ended], [run["best_test_mse"] for run in ended]
    assert f"at {min(steps):,} to {max(steps):,}, from {max(best):.4f} to {min(best):.4f}" in page


def test_the_verdict_on_sgd_with_the_larger_thresholds_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    late = []
    for length in (150, 300):
        runs = sgd(length, "stop")
        assert [run["status"] for run in runs] == ["diverged"] * 5
        assert all(run["best_test_mse"] > 0.1 for run in runs)
        steps = sorted(run["steps"] for run in runs)
        assert steps[1] <= 11
        late += steps[2:]
    assert f"the others after {min(late):,} to {max(late):,} on the plateau" in page


def test_the_verdict_on_sgd_at_400_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    runs = sgd(400, "stop")
    steps, best = [run["steps"] for run in runs], sorted(run["best_test_mse"] for run in runs)
    assert [run["status"] for run in runs] == ["diverged"] * 5
    assert f"on the plateau, after {min(steps):,} to {max(steps):,} updates; one had been" in page
    assert 0.1 < best[0] < 0.15 < best[1]
    assert f"one had been at {best[0]:.4f}." in page


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
    """With the same instruction set; records from before it was recorded were made with AVX2."""
    first = {
        (
            *(run["seq_len"], run["seed"], run.get("instruction_set") or "avx2"),
            *(run["divergences"][0][key] for key in ("step", "reason")),
        )
        for run in RUNS["paper-sgd"]
        if run["divergences"]
    }
    assert len(first) == len({explosion[:3] for explosion in first}) >= 5


def test_the_verdict_on_rolling_back_at_200_is_that_of_its_records() -> None:
    page, readme = text_of("docs/reproduction.md"), text_of("README.md")
    runs = sgd(200, "rollback")
    assert [run["seed"] for run in runs] == [0, 1, 2, 3, 4]
    solved = [run for run in runs if run["status"] == "solved"]
    (other,) = [run for run in runs if run["status"] != "solved"]
    assert f"are solved, at {listed([run['steps'] for run in solved])} updates" in page
    assert {len(run["divergences"]) for run in solved} == {1, 2, 3}  # "one to three explosions"
    assert other["divergences"] == []
    assert f"never exploded, comes to {other['best_test_mse']:.4f}" in page
    assert other["seed"] == 2
    assert f"seed 2 of T = 200 explodes at {sgd(200, 'stop')[2]['steps']:,} with the one" in page
    steps = [run["steps"] for run in solved]
    said = f"with `rollback`, four of five were, after {min(steps):,} to {max(steps):,} updates"
    assert said in readme


def test_the_verdict_on_rolling_back_at_300_is_that_of_its_records() -> None:
    runs = sgd(300, "rollback")
    assert [run["seed"] for run in runs] == [0, 1, 2, 3, 4]
    left = sorted(r["best_test_mse"] for r in runs if r["solved_at"]["0.1"] is not None)
    page = text_of("docs/reproduction.md")
    assert (
        "three of five leave the plateau, and come to {:.4f}, {:.4f} and {:.4f}".format(*left)
        in page
    )
    given_up = [run for run in runs if run["status"] == "diverged"]
    assert all(run["solved_at"]["0.1"] is None for run in given_up)
    spans = []
    for run in given_up:
        steps = [event["step"] for event in run["divergences"]]
        late = [step for step in steps if step > 100]  # seed 4 exploded at 3 as well
        assert len(steps) == 11
        spans.append((len(late) - 1, late[-1] - late[0]))
    assert spans == [(10, 32_249), (9, 77_797)]
    assert (
        "after a first explosion on the plateau explode ten and nine times more within 32,249 and 77,797"
        in page
    )


def test_the_verdict_on_rolling_back_at_400_is_that_of_its_records() -> None:
    runs = sgd(400, "rollback")
    assert [run["seed"] for run in runs] == [0, 1, 2, 3, 4]
    left = [run["solved_at"]["0.1"] for run in runs]
    best = [run["best_test_mse"] for run in runs]
    page, readme = text_of("docs/reproduction.md"), text_of("README.md")
    assert f"all five leave it, at {min(left):,} to {max(left):,} updates" in page
    assert {len(run["divergences"]) for run in runs} == {2, 3, 5}  # "after two to five explosions"
    assert f"and come to {min(best):.4f} to {max(best):.4f}. Whether" in page
    assert f"to between {min(best):.4f} and {max(best):.4f} in a million" in readme
    assert {run["status"] for run in runs} == {"exhausted"}


def test_the_verdict_on_restarting_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    for length in (150, 300):
        runs = sgd(length, "restart")
        assert [run["seed"] for run in runs] == [0, 1, 2, 3, 4]
        assert all(run["solved_at"]["0.1"] is None for run in runs)
        assert max(len(run["divergences"]) for run in runs) == 11
    assert "ever below 0.1 under `restart`, with up to 11 explosions" in page
    at_400 = [run for run in sgd(400, "restart") if run["solved_at"]["0.1"] is not None]
    assert len(sgd(400, "restart")) == 5
    assert [f"({run['best_test_mse']:.4f})" for run in at_400] == ["(0.0962)"]
    assert "at T = 400 one was, barely (0.0962)" in page
    restarts = soon = 0
    for run in sgd(300, "restart"):
        steps = [event["step"] for event in run["divergences"]]
        ends = [*steps[1:], None]
        acted = [event["action"] == "restart" for event in run["divergences"]]
        restarts += sum(acted)
        soon += sum(
            end is not None and end - step <= 10
            for step, end, again in zip(steps, ends, acted, strict=True)
            if again
        )
    assert f"the new starts explode as well: {soon} of {restarts} within ten updates" in page


def test_the_verdict_on_restarting_at_200_is_that_of_its_records() -> None:
    runs = sgd(200, "restart")
    assert [run["seed"] for run in runs] == [0, 1, 2, 3, 4]
    (solved,) = [run for run in runs if run["status"] == "solved"]
    best = [run["best_test_mse"] for run in runs if run["status"] == "exhausted"]
    assert len(best) == 4
    said = (
        f"solves one of five at T = 200, at {solved['steps']:,} updates: a new start has to leave"
    )
    page = text_of("docs/reproduction.md")
    assert said in page
    assert f"the others come to {min(best):.4f} to {max(best):.4f}. With the larger" in page


def test_only_runs_of_the_papers_sgd_were_ended_by_one_held_out_loss() -> None:
    """The other runs that were are made again; the page counts those of the default, and these."""

    def ended_so(name: str) -> list[dict[str, Any]]:
        return [
            run
            for run in RUNS[name]
            if any(event["reason"].startswith("held-out") for event in run["divergences"])
        ]

    assert {name for name in RUNS if ended_so(name)} == {"paper-sgd"}
    again = [run for run in RUNS["default"] if run.get("instruction_set")]
    assert [len(again), {run["status"] for run in again}] == [30, {"solved"}]
    assert {run["instruction_set"] for run in again} == {"avx2"}
    clipped = [run for run in again if "grad_norm_max" in run]
    norms, steps = [sorted(run[key] for run in clipped) for key in ("grad_norm_max", "steps")]
    assert len(clipped) == 10
    page = text_of("docs/reproduction.md")
    assert f"the last ten after {steps[0]:,} to {steps[-1]:,} updates, on the way" in page
    assert [f"{norms[0]:.0e}", f"{norms[-1]:.0e}"] == ["8e+19", "1e+36"]
    assert "norms of their gradients were 8e19 to 1e36" in page
    by_length = [run["seq_len"] for run in ended_so("paper-sgd")]
    assert [len(by_length), by_length.count(200)] == [15, 7]
    stopped = [run for run in ended_so("paper-sgd") if run["status"] == "diverged"]
    assert sum(run["config"]["divergence"]["policy"] == "stop" for run in stopped) == 2


def test_what_is_said_of_a_plain_loop_is_what_it_printed() -> None:
    path = claims.RECORDS / "2026-11-26-plain-loop" / "losses.jsonl"
    seeds = [json.loads(line) for line in path.read_text().splitlines()]
    held = [seed for seed in seeds if seed["first_overflow"] is not None]
    assert [len(seeds), len(held)] == [10, 8]  # "eight of ten"
    assert all(seed["overflows"] == 401 - seed["first_overflow"] for seed in held)
    first = sorted(seed["first_overflow"] for seed in held)
    page = text_of("docs/reproduction.md")
    assert f"after {first[0]} to {first[-1]} updates, and at every one of the remaining" in page
    losses = sorted(seed["losses"]["400"] for seed in held)
    assert [f"{losses[0]:.0e}", f"{losses[-1]:.0e}"] == ["3e+17", "2e+30"]
    assert "where it is, at 3e17 to 2e30" in page
