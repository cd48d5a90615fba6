"""The numbers in the verdicts of docs/reproduction.md and of docs/divergence.md are those of the records."""

import math
import statistics

from tests.record_scripts import script
from tests.verdicts import RUNS, claims, sgd, text_of


def test_the_verdict_on_the_later_reproduction_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    groups = claims.groups(RUNS["irelu-demo"], ("task.seq_len",))
    left = {length: [run["solved_at"]["0.1"] for run in runs] for (length,), runs in groups.items()}
    assert all(run["status"] == "solved" for n in (150, 200) for run in groups[(n,)])
    assert [len(left[n]) for n in (150, 200, 300)] == [5, 5, 3]
    medians = [f"{statistics.median(left[n]):,.0f}" for n in (150, 200)]
    assert f"(medians of {' and '.join(medians)})" in page
    sooner = sum(a < b for a in left[200] for b in left[150])
    assert f"in {sooner} of the 25 pairs of one seed each, T = 200 does" in page
    assert sum(step is not None for step in left[300]) == 2
    assert sorted(run["status"] for run in groups[(300,)]) == ["exhausted", "exhausted", "solved"]
    best = sorted(run["best_test_mse"] for run in groups[(300,)])
    assert f"the other comes to {best[1]:.4f}" in page
    assert left[400] == [None] * 3
    assert all(run["status"] == "exhausted" for run in groups[(400,)])
    assert not any(run["divergences"] for run in RUNS["irelu-demo"])
    assert f"None of the {len(RUNS['irelu-demo'])} exploded" in page
    with_sgd = [
        statistics.median(run["solved_at"]["0.1"] or math.inf for run in sgd(n, "stop"))
        for n in (150, 200)
    ]
    assert math.isinf(with_sgd[0])
    assert f"(median of {medians[0]} updates) where SGD is on it still" in page
    assert f"T = 200 (medians of {medians[1]} against {with_sgd[1]:,.0f}), and at T = 400" in page
    for policy, left_at_400 in (("stop", 2), ("rollback", 5)):  # "two of", "all five"
        runs = sgd(400, policy)
        assert sum(run["solved_at"]["0.1"] is not None for run in runs) == left_at_400
    assert "before they explode, with rollback all five do in a million, and none of these" in page
    solved = [sum(r["status"] == "solved" for r in sgd(n, "stop")) for n in (150, 200)]
    assert solved == [0, 2]  # "none and two"


def test_the_verdict_on_lstm_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    groups = claims.groups(RUNS["models-adam"], ("task.seq_len", "model.name"))
    steps = {
        model: sorted(run["steps"] for run in groups[150, model]) for model in ("irnn", "lstm")
    }
    for model in steps:
        assert [run["status"] for run in groups[150, model]] == ["solved"] * 5
    at_300 = sorted(run["steps"] for run in groups[300, "irnn"])
    assert [run["status"] for run in groups[300, "irnn"]] == ["solved"] * 5
    assert f"every seed again, after {at_300[2]:,} updates in the median" in page
    lstm = groups[300, "lstm"]
    assert sorted(run["status"] for run in lstm) == [*["exhausted"] * 4, "solved"]
    (solved,) = [run for run in lstm if run["status"] == "solved"]
    said = f"LSTM by one of five, after {solved['steps']:,}; of the other four two have left the plateau"
    assert f"{said} when their 30,000 are over and two are on it" in page
    assert sum(run["solved_at"]["0.1"] is None for run in lstm) == 2
    tanh, relu = (
        [run for n in (150, 300) for run in groups[n, model]] for model in ("rnn_tanh", "rnn_relu")
    )
    assert [len(tanh), len(relu)] == [10, 10]
    assert all(run["solved_at"]["0.1"] is None for run in tanh)
    assert all(run["solved_at"]["0.1"] is not None for run in relu)
    assert not any(run["status"] == "solved" for run in relu)
    low, _, median, _, high = steps["lstm"]
    assert f"after {steps['irnn'][2]:,} updates in the median" in page
    assert f"after {median:,} ({low:,} to {high:,})" in page


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
    solved = {
        scale: statistics.median(run["steps"] for run in runs)
        for (scale,), runs in claims.groups(RUNS["init-scale"], ("init.gain",)).items()
    }
    assert f"1.02 is solved in {solved[1.02]:,} updates, 0.98 in {solved[0.98]:,} (medians)" in page
    nearer = [solved[scale] for scale in (0.01, 0.5, 0.9, 0.98, 1)]
    assert nearer == sorted(nearer, reverse=True)
    assert solved[0] < solved[0.01]
    assert not any(run["divergences"] for run in RUNS["init-scale"])
    long = [run for run in RUNS["default"] if run["seq_len"] in (300, 400)]
    assert not any(run["divergences"] for run in long)
    assert f"the identity explodes in none of {len(long)} runs" in page
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
    assert (
        "440 epochs (2 750 000 updates; the record keeps every second of 220 evaluations)" in page
    )
    for run in whole:
        steps = [step for step, _ in run["curve"]]
        assert steps[-5:] == list(range(steps[-1] - 4 * 25_000, steps[-1] + 1, 25_000))
        assert run["config"]["evaluate"]["every"] * 220 == run["steps"]


def test_the_verdict_on_clipping_adam_is_that_of_its_records() -> None:
    free = claims.groups(RUNS["clip-adam"], ("clip.max_norm",))[(None,)]
    stayed = [run["best_test_mse"] for run in free if run["status"] == "exhausted"]
    assert [len(free), len(stayed)] == [5, 4]
    assert sum(run["status"] == "solved" for run in RUNS["clip-adam"]) == 20
    said = f"one run explodes, four stay at {min(stayed):.4f} and more"
    assert said in text_of("docs/reproduction.md")


def test_the_verdict_on_clipping_sgd_is_that_of_its_records() -> None:
    free = claims.groups(RUNS["clip-sgd"], ("clip.max_norm",))
    page = text_of("docs/reproduction.md")
    left = {clip: [run["solved_at"]["0.1"] for run in free[(clip,)]] for clip in (1, 10)}
    best = {
        clip: f"{statistics.median(run['best_test_mse'] for run in free[(clip,)]):.4f}"
        for clip in (1, 10)
    }
    first, then = [f"{min(steps):,} to {max(steps):,}" for steps in left.values()]
    updates = f"{free[(1,)][0]['steps']:,}"
    said = (
        f"after {first} updates and comes to a best held-out MSE of {best[1]} (median) in {updates}"
    )
    assert said in page
    assert f"leaves it after {then} and comes to {best[10]}; clipped to 100 none does" in page
    assert all(run["solved_at"]["0.1"] is None for run in free[(100,)])
    (exploded,) = [run for run in free[(100,)] if run["status"] == "diverged"]
    assert f"one explodes at {exploded['steps']:,}; with 1000" in page
    assert {run["steps"] for clip in (1000, None) for run in free[(clip,)]} == {2}
    norms = sorted(run["grad_norm_max"] for clip in (10, 100) for run in free[(clip,)])
    assert [f"{norms[0]:.0e}", f"{norms[-1]:.0e}"] == ["2e+20", "1e+39"]


def test_the_verdict_on_the_default_is_that_of_its_records() -> None:
    page = text_of("docs/reproduction.md")
    groups = claims.groups(RUNS["default"], ("task.seq_len", "optim.lr"))
    solved = {key: sum(run["status"] == "solved" for run in runs) for key, runs in groups.items()}
    rates = (1e-4, 3e-4, 1e-3)
    assert set(groups) == {(length, rate) for length in (150, 200, 300, 400) for rate in rates}
    assert all(len(runs) == 10 for runs in groups.values())
    assert set(solved.values()) == {10}
    assert f"{sum(solved.values())} of {len(RUNS['default'])} runs are solved" in page
    medians = [statistics.median(r["steps"] for r in groups[n, 1e-3]) for n in (150, 400)]
    assert "from {:,.0f} updates at T = 150 to {:,.0f} at T = 400".format(*medians) in page
    for length in (150, 200):
        slow, fast = (
            statistics.median(r["steps"] for r in groups[length, lr]) for lr in (1e-4, 1e-3)
        )
        assert 2 < slow / fast < 3  # "two to three times"


def test_the_verdict_on_the_papers_start_with_adam_is_that_of_its_records() -> None:
    page, decision = (
        text_of("docs/reproduction.md"),
        text_of("docs/decisions/0006-default-start.md"),
    )
    groups = claims.groups(RUNS["paper-adam"], ("task.seq_len",))
    assert {length: len(runs) for (length,), runs in groups.items()} == {150: 10, 200: 10}
    solved = [sum(run["status"] == "solved" for run in groups[(n,)]) for n in (150, 200)]
    steps = statistics.median(run["steps"] for run in groups[(150,)])
    default = claims.groups(RUNS["default"], ("task.seq_len", "optim.lr"))[150, 1e-3]
    known = statistics.median(run["steps"] for run in default)
    said = f"{solved[0]} of 10 seeds in a median of {steps:,.0f} updates ({known:,.0f} with the"
    assert said in page
    assert f"at T = 200 for {solved[1]} of 10 in 100,000" in page
    assert f"with {solved[0]} of 10 seeds and T = 200 with {solved[1]} of 10 in 100,000" in decision
    assert not any(run["divergences"] for run in RUNS["paper-adam"])
