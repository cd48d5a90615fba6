"""The numbers in the verdicts of docs/reproduction.md and in the README's words are those of the records."""

import math
import statistics
from pathlib import Path
from typing import Any

from tests.record_scripts import script

ROOT = Path(__file__).parents[1]

claims = script("claims")
RUNS: dict[str, list[dict[str, Any]]] = {
    name: claim.runs() for name, claim in claims.CLAIMS.items()
}


def listed(numbers: list[int]) -> str:
    """Write numbers as the page does: in order, the last one after an "and"."""
    *first, last = [f"{number:,}" for number in sorted(numbers)]
    return f"{', '.join(first)} and {last}"


def text_of(page: str) -> str:
    return " ".join((ROOT / page).read_text().split())


def test_the_verdict_on_the_later_reproduction_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    groups = claims.groups(RUNS["irelu-demo"], ("task.seq_len",))
    left = {length: [run["solved_at"]["0.1"] for run in runs] for (length,), runs in groups.items()}
    assert all(run["status"] == "solved" for n in (150, 200) for run in groups[(n,)])
    assert [len(left[n]) for n in (150, 200, 300)] == [5, 5, 3]
    medians = [f"{statistics.median(left[n]):,.0f}" for n in (150, 200)]
    assert f"(medians of {' and '.join(medians)})" in page
    assert sum(step is not None for step in left[300]) == 2
    assert sorted(run["status"] for run in groups[(300,)]) == ["exhausted", "exhausted", "solved"]
    best = sorted(run["best_test_mse"] for run in groups[(300,)])
    assert f"the other comes to {best[1]:.4f}" in page
    assert left[400] == [None] * 3
    assert all(run["status"] == "exhausted" for run in groups[(400,)])
    assert not any(run["divergences"] for run in RUNS["irelu-demo"])
    assert f"None of the {len(RUNS['irelu-demo'])} exploded" in page
    rolled = [
        f"{statistics.median(run['solved_at']['0.1'] or math.inf for run in sgd(n, 'rollback')):,.0f}"
        for n in (150, 200, 400)
    ]
    assert f"(medians of {medians[0]} against {rolled[0]} updates)" in page
    assert f"T = 200 ({medians[1]} against {rolled[1]}), and at T = 400 not in a million" in page
    assert f"not in a million against {rolled[2]};" in page
    solved = [sum(r["status"] == "solved" for r in sgd(n, "rollback")) for n in (150, 200)]
    assert solved == [0, 4]  # "none and four"


def sgd(length: int, policy: str) -> list[dict[str, Any]]:
    """Find the runs of SGD of one length, in the order of their seeds."""
    groups = claims.groups(RUNS["paper-sgd"], ("task.seq_len", "divergence.policy"))
    return sorted(groups[length, policy], key=lambda run: run["seed"])


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


def test_the_verdict_on_lstm_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    groups = claims.groups(RUNS["models-adam"], ("task.seq_len", "model.name"))
    steps = {
        model: sorted(run["steps"] for run in groups[150, model]) for model in ("irnn", "lstm")
    }
    for model in steps:
        assert [run["status"] for run in groups[150, model]] == ["solved"] * 3
    at_300 = sorted(run["steps"] for run in groups[300, "irnn"])
    assert [run["status"] for run in groups[300, "irnn"]] == ["solved"] * 3
    assert f"every seed again, after {at_300[1]:,} updates in the median" in page
    lstm = groups[300, "lstm"]
    assert sorted(run["status"] for run in lstm) == ["exhausted", "exhausted", "solved"]
    (solved,) = [run for run in lstm if run["status"] == "solved"]
    assert f"LSTM by one of three, after {solved['steps']:,}, the other two being on" in page
    assert sum(run["solved_at"]["0.1"] is None for run in lstm) == 2
    tanh, relu = (
        [run for n in (150, 300) for run in groups[n, model]] for model in ("rnn_tanh", "rnn_relu")
    )
    assert [len(tanh), len(relu)] == [6, 6]
    assert all(run["solved_at"]["0.1"] is None for run in tanh)
    assert all(run["solved_at"]["0.1"] is not None for run in relu)
    assert sum(run["status"] == "solved" for run in relu) == 1
    low, median, high = steps["lstm"]
    assert f"after {steps['irnn'][1]:,} updates in the median" in page
    assert f"after {median:,} ({low:,} to {high:,})" in page


def test_the_verdict_on_the_papers_comparison_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    groups = claims.groups(RUNS["models-paper"], ("task.seq_len", "model.name"))
    assert {len(runs) for runs in groups.values()} == {3}
    assert all(run["solved_at"]["0.1"] is None for run in RUNS["models-paper"])
    for length in (150, 300):
        exploded = sum(run["status"] == "diverged" for run in groups[length, "irnn"])
        assert exploded == 1, length
    others = [run for run in RUNS["models-paper"] if run["model"] != "irnn"]
    assert {run["status"] for run in others} == {"exhausted"}
    assert set(groups) == {
        (n, model) for n in (150, 300) for model in ("irnn", "lstm", "rnn_relu", "rnn_tanh")
    }
    left = [run["solved_at"]["0.1"] for run in RUNS["paper-sgd"]]
    first = min(step for step in left if step is not None)
    assert f"after {first:,} updates at the earliest" in page


def test_an_older_build_exploded_elsewhere() -> None:
    """What the page says of the record from before."""
    runs = script("tables").read(claims.RECORDS / "2026-11-24-default-and-fast" / "results.jsonl")
    (run,) = [
        run
        for run in runs
        if run["config"]["optim"]["name"] == "sgd" and run["config"]["budget"]["updates"] is None
    ]
    assert [run["seed"], run["seq_len"]] == [0, 150]
    assert f"had the explosion of T = 150, seed 0 at {run['divergences'][0]['step']:,}." in text_of(
        "docs/reproduction.md"
    )


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


def test_what_is_quoted_of_the_later_reproduction_is_what_is_published() -> None:
    page = text_of("docs/reproduction.md")
    first, second, third, fourth = script("claim_tables").theirs().values()
    said = (
        f"at {first:,}, {second:,}, {third:,} and {fourth:,} updates for T = 150, 200, 300 and 400"
    )
    assert said in page
    assert f"a single run each, left it at {third:,} and {fourth:,} of 2.75 million" in page


def test_the_verdict_on_the_split_identity_is_that_of_its_records() -> None:
    steps = [run["steps"] for run in RUNS["fast"] if run["status"] == "solved"]
    assert len(steps) == len(RUNS["fast"]) == 40
    said = f"every seed at every length, after {min(steps)} to {max(steps)} updates"
    assert said in text_of("docs/reproduction.md")


def test_the_verdict_on_the_scale_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    small = claims.groups(RUNS["init-scale"], ("init.gain",))[(0.01,)]
    left = [run["solved_at"]["0.1"] for run in small]
    assert f"plateau of T = 150 after {min(left):,} to {max(left):,} updates" in page
    assert {run["status"] for run in RUNS["init-scale"]} == {"solved"}
    slow = [
        run
        for run in RUNS["default"]
        if run["config"]["optim"]["lr"] == 1e-4 and run["seq_len"] in (300, 400)
    ]
    died = [run["steps"] for run in slow if run["status"] == "diverged"]
    assert f"identity explodes in {len(died)} of {len(slow)} runs" in page
    demo = [run for run in RUNS["irelu-demo"] if run["seq_len"] in (300, 400)]
    assert len(demo) == 6
    assert not any(run["divergences"] for run in demo)


def test_the_verdict_on_overfitting_is_that_of_its_records() -> None:
    last = script("claim_tables").last
    fixed = claims.groups(RUNS["fixed-or-fresh"], ("task.data",))[("fixed",)]
    whole = RUNS["fixed-all-epochs"]
    assert all(last(run["curve"]) < last(run["train_curve"]) for run in fixed)
    spiked = [run for run in whole if last(run["curve"]) >= last(run["train_curve"])]
    assert len(spiked) == 1
    ends = zip(spiked[0]["curve"][-5:], spiked[0]["train_curve"][-5:], strict=True)
    assert sum(held_out[1] < training[1] for held_out, training in ends) == 4
    assert {run["status"] for run in whole} == {"exhausted"}
    assert [run["steps"] for run in whole] == [440 * 6_250] * 5
    held_out, training = (
        statistics.median(last(run[curve]) for run in whole) for curve in ("curve", "train_curve")
    )
    ratio = statistics.median(last(run["curve"]) / last(run["train_curve"]) for run in whole)
    page = text_of("docs/reproduction.md")
    assert f"at {ratio:.2f} of it in the median" in page
    best = min(run["best_test_mse"] for run in whole)
    assert f"falling, to {training:.6f} in the median" in page
    assert f"held-out MSE at the end is {held_out:.6f} (median), {best:.1e} at its best." in page
    assert "440 epochs (2 750 000 updates)" in page


def test_the_verdict_on_clipping_adam_is_that_of_its_records() -> None:
    free = claims.groups(RUNS["clip-adam"], ("clip.max_norm",))[(None,)]
    stayed = [run["best_test_mse"] for run in free if run["status"] == "exhausted"]
    assert [len(free), len(stayed)] == [5, 4]
    assert sum(run["status"] == "solved" for run in RUNS["clip-adam"]) == 20
    said = f"one run explodes, four stay at {min(stayed):.4f} and more"
    assert said in text_of("docs/reproduction.md")


def test_the_verdict_on_clipping_sgd_is_that_of_its_records() -> None:
    free = claims.groups(RUNS["clip-sgd"], ("clip.max_norm",))
    best = statistics.median(run["best_test_mse"] for run in free[(1,)])
    page = text_of("docs/reproduction.md")
    assert (
        f"to a best held-out MSE of {best:.4f} (median) in {free[(1,)][0]['steps']:,} updates"
        in page
    )
    assert all(run["steps"] == 2 for clip in (100, 1000, None) for run in free[(clip,)])
    clipped = [run["steps"] for run in RUNS["clip-sgd"] if run["config"]["clip"]["max_norm"] == 10]
    said = f"after {min(clipped):,} to {max(clipped):,} updates, and from 100 on"
    assert said in text_of("docs/reproduction.md")


def test_the_verdict_on_the_default_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    groups = claims.groups(RUNS["default"], ("task.seq_len", "optim.lr"))
    solved = {key: sum(run["status"] == "solved" for run in runs) for key, runs in groups.items()}
    rates = (1e-4, 3e-4, 1e-3)
    assert set(groups) == {(length, rate) for length in (150, 200, 300, 400) for rate in rates}
    assert all(len(runs) == 10 for runs in groups.values())
    assert all(solved[length, rate] == 10 for length in (150, 200) for rate in rates)
    assert [solved[300, 1e-4], solved[300, 3e-4]] == [10, 10]
    assert f"With 1e-3 {solved[300, 1e-3]} of 10 seeds are solved at T = 300 and" in page
    assert (
        f"T = 300 and {solved[400, 1e-3]} of 10 at T = 400, with 3e-4 {solved[400, 3e-4]}" in page
    )
    assert f"of 10 at T = 400, with 1e-4 {solved[400, 1e-4]} of 10. The other" in page
    others = [run for run in RUNS["default"] if run["status"] != "solved"]
    last = max(run["steps"] for run in others)
    assert f"The other {len(others)} runs explode in their first {last:,} updates" in page
    assert all("gradient norm is inf" in run["divergences"][-1]["reason"] for run in others)
    for length in (150, 200):
        slow, fast = (
            statistics.median(r["steps"] for r in groups[length, lr]) for lr in (1e-4, 1e-3)
        )
        assert 2 < slow / fast < 3  # "two to three times"


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
    assert [len(again), {run["status"] for run in again}] == [20, {"solved"}]
    assert {run["instruction_set"] for run in again} == {"avx2"}
    by_length = [run["seq_len"] for run in ended_so("paper-sgd")]
    assert [len(by_length), by_length.count(200)] == [15, 7]
    stopped = [run for run in ended_so("paper-sgd") if run["status"] == "diverged"]
    assert sum(run["config"]["divergence"]["policy"] == "stop" for run in stopped) == 2
