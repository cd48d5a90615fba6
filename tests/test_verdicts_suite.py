"""The numbers in the verdicts of docs/suite.md are those of the records."""

import statistics
from typing import Any

from irnn.tasks.published_rows import rows_of
from tests.record_scripts import RECORDS, script
from tests.verdicts import RUNS, claims, text_of

Runs = list[dict[str, Any]]
PAGE = text_of("docs/suite.md")


def by(name: str, *keys: str) -> dict[tuple[Any, ...], Runs]:
    found: dict[tuple[Any, ...], Runs] = claims.groups(RUNS[name], keys)
    return found


def solved(runs: Runs) -> int:
    return sum(run["status"] == "solved" for run in runs)


def test_the_verdict_on_temporal_order_is_that_of_its_records() -> None:
    runs = by("order", "contender", "task.seq_len")
    short = {
        who: [run for n in (50, 100, 200) for run in runs[who, n]]
        for who in ("identity", "split identity")
    }
    assert [solved(each) for each in short.values()] == [9, 9]
    default, split = (max(run["steps"] for run in each) for each in short.values())
    assert f"default after at most {default} updates and the split identity after" in PAGE
    assert f"the split identity after at most {split}" in PAGE
    assert solved(runs["identity", 400]) == 3
    assert f"as well, after at most {max(r['steps'] for r in runs['identity', 400])}." in PAGE
    tanh = [solved(runs["tanh RNN, orthogonal", n]) for n in (50, 100, 200)]
    assert "{} of 3 seeds at T = 50, {} at T = 100, none at".format(*tanh[:2]) in PAGE
    assert tanh[2] == 0
    turning = {n: runs["tanh RNN, rotation", n] for n in (50, 100, 200, 400)}
    assert [solved(each) for each in turning.values()] == [3, 3, 3, 0]
    last = max(run["steps"] for n in (50, 100, 200) for run in turning[n])
    assert f"T = 50, 100 and 200, after at most {last:,} updates, and none at T = 400" in PAGE
    guessing = runs["identity", 1000]
    assert [run["status"] for run in guessing] == ["exhausted"] * 3
    assert all(run["best_value"] < 0.3 for run in guessing)
    long = [run for n in (400, 1000) for run in runs["split identity", n]]
    exploded = [run["steps"] for run in long if run["status"] == "diverged"]
    gated = [solved(runs[who, n]) for who in ("GRU", "LSTM") for n in (50, 100)]
    said = "a GRU tells it with {} of 3 seeds at T = 50 and with none at T = 100"
    assert said.format(gated[0]) in PAGE
    assert f"an LSTM with {gated[2]} and with {gated[3]}" in PAGE
    assert gated[1] == 0
    assert not any(solved(runs[who, 200]) for who in ("GRU", "LSTM"))  # "neither at T = 200"
    (steps,) = [run["steps"] for run in runs["LSTM", 100] if run["status"] == "solved"]
    assert (steps, len(runs["LSTM", 100])) == (3000, 3)  # "1 of 3 seeds"
    for who in ("GRU", "orthogonal"):
        assert [run["status"] for run in runs[who, 100]] == ["exhausted"] * 3
    orthogonal = [run for n in (50, 100, 200) for run in runs["orthogonal", n]]
    assert [run["best_value"] < 0.3 for run in orthogonal] == [True] * 9
    slow = "split identity, Adam 0.001"
    assert f"is done with {solved(runs[slow, 400])} of 3 seeds at T = 400 and explodes" in PAGE
    assert [run["status"] for run in runs[slow, 1000]] == ["diverged"] * 3
    said = f"explodes, at T = 400 and 1 000 in {len(exploded)} of {len(long)} runs, by update"
    assert f"{said} {max(exploded)}" in PAGE


def best(runs: Runs) -> list[float]:
    return sorted(run["best_value"] for run in runs)


def test_the_verdict_on_copy_memory_is_that_of_its_records() -> None:
    runs = {who: best(each) for (who,), each in by("copy", "contender").items()}
    trivial = RUNS["copy"][0]["metric"]["baseline"]
    turning, gru, split = runs["tanh RNN, rotation"], runs["GRU"], runs["split identity"]
    identity, lstm = runs["identity"], runs["LSTM"]
    assert all(len(each) == 3 for each in runs.values())
    assert not solved(RUNS["copy"])
    assert f"comes to {turning[0]:.3f} to {turning[-1]:.3f}, less than a tenth of guess" in PAGE
    assert turning[-1] < 0.1 * trivial
    assert f"({gru[0]:.3f} to {gru[-1]:.3f})" in PAGE
    assert turning[-1] < gru[0] < gru[-1] < split[0]
    assert split[-1] < identity[0]
    assert max(*identity, *split) < 0.9 * trivial
    assert identity[-1] < lstm[0]
    assert lstm[-1] < trivial
    relu, tanh = runs["orthogonal"], runs["tanh RNN, orthogonal"]
    assert relu[0] < lstm[-1]
    assert sum(each > 0.99 * trivial for each in relu) == 1  # "with some seeds"
    assert tanh[0] > 0.999 * trivial
    quick = runs["LSTM, Adam 0.01"]
    assert f"which comes to {quick[0]:.3f} with one seed and stays at guessing with two" in PAGE
    assert quick[1] > 0.999 * trivial


def test_the_verdict_on_30_000_updates_of_copy_memory_is_that_of_its_record() -> None:
    scores = best(RUNS["copy-rotation"])
    assert f"in 30 000 to {scores[0]:.3f} to {scores[-1]:.3f}" in PAGE
    assert (solved(RUNS["copy-rotation"]), len(scores)) == (1, 3)  # "one seed of three"


def test_the_verdict_on_batches_of_64_of_copy_memory_is_that_of_its_record() -> None:
    runs = by("copy-batches", "init.evenly_spaced")
    random, even = runs[(None,)], runs[(True,)]
    assert f"with {solved(random)} of {len(random)} seeds too" in PAGE
    others = best(random)[1:]
    assert "(the others at {:.4f} and {:.4f})".format(*others) in PAGE
    last = max(run["steps"] for run in even)
    said = (
        f"**evenly spaced ones with {solved(even)} of {len(even)}, after at most {last:,} updates**"
    )
    assert said in PAGE


def test_the_search_shows_that_rates_alone_do_not_help_copy_memory() -> None:
    runs = script("tables").read(RECORDS / "2026-11-28-suite-search" / "results.jsonl")
    rates = [r for r in runs if r["config"]["optim"]["recurrent_lr_scale"] == 0.0003]
    at = {run["config"]["init"]["name"]: run["best_value"] for run in rates}
    assert at["rotation"] < 0.002
    assert [f"{at[start]:.3f}" for start in ("orthogonal", "identity")] == ["0.173"] * 2
    assert "is still guessing after 6 000 updates on the seed of the search (0.173 each)" in PAGE


def test_the_verdict_on_what_of_a_rotation_helps_is_that_of_its_record() -> None:
    runs = {key: best(each) for key, each in by("turns", "init.angles", "init.mixed").items()}
    apart = [score for (_, mixed), each in runs.items() for score in each if not mixed]
    mixed = [score for (_, mixed), each in runs.items() for score in each if mixed]
    assert (len(apart), len(mixed)) == (9, 9)
    assert f"({min(apart):.3f} to {max(apart):.3f} after 2 000 updates)" in PAGE
    assert f"mixed none ({min(mixed):.3f} in all nine runs)" in PAGE
    assert f"{min(mixed):.3f}" == f"{max(mixed):.3f}"
    random, even = runs["random", False], runs["even", False]
    said = f"({random[0]:.3f} to {random[-1]:.3f} and {even[0]:.3f} to {even[-1]:.3f})"
    assert said in PAGE
    assert random[0] < even[-1]  # "do not tell"


def test_the_verdict_on_copy_memory_at_300_steps_is_that_of_its_records() -> None:
    runs = by("copy-longer", "contender")
    trivial = RUNS["copy-longer"][0]["metric"]["baseline"]
    turning, gru, identity = (
        best(runs[(who,)]) for who in ("tanh RNN, rotation", "GRU", "identity")
    )
    said = f"({turning[0]:.3f} to {turning[-1]:.3f} where guessing scores {trivial:.3f})"
    assert f"{said}, the GRU ({gru[0]:.3f} to {gru[-1]:.3f})" in PAGE
    assert len(turning) == len(gru) == 3
    assert turning[-1] < gru[0] < gru[-1] < identity[0]
    assert identity[1] < 0.9 * trivial < 0.97 * trivial < identity[2] < trivial  # "with one seed"
    lstm = best(runs[("LSTM",)])
    assert identity[-2] < lstm[0]
    assert 0.97 * trivial < lstm[0]  # "hardly does with any"
    exploded = {
        who: [run["steps"] for run in runs[(who,)] if run["status"] == "diverged"]
        for who in ("split identity", "orthogonal")
    }
    assert [len(each) for each in exploded.values()] == [2, 3]
    assert f"by update {max(exploded['orthogonal'])}." in PAGE


def test_the_verdict_on_the_paper_s_sgd_on_pixels_is_that_of_its_record() -> None:
    runs = RUNS["pixels-sgd"]
    assert {run["seed"] for run in runs} == {0, 1, 2}
    losses = sorted(run["loss_curve"][-1][1] for run in runs)
    said = f"cross-entropy of three seeds is {losses[0]:.5f} to {losses[-1]:.5f} where guessing"
    assert f"{said} scores 2.30259" in PAGE
    shares = [100 * score for score in best(runs)]
    assert f"with {shares[0]:.1f} to {shares[-1]:.1f} % right at best" in PAGE
    for run in runs:
        assert (run["steps"], run["loss_curve"][-1][0]) == (200000, 200000)
        assert run["config"]["optim"]["lr"] == 1e-8


def test_the_verdict_on_pixels_is_that_of_its_records() -> None:
    runs = by("pixels", "task.permutation", "contender")
    for order, words in ((None, "{:.1f} to {:.1f} % of them in order"), (0, "{:.1f} to {:.1f} %")):
        shares = sorted(100 * run["best_value"] for run in runs[order, "identity"])
        assert words.format(shares[0], shares[-1]) in PAGE
    longer = by("pixels-longer", "task.permutation", "contender")
    for order, words in (
        (None, "it is {:.1f} to {:.1f} % in order"),
        (0, "{:.1f} to {:.1f} % perm"),
    ):
        shares = sorted(100 * run["best_value"] for run in longer[order, "identity"])
        assert words.format(shares[0], shares[-1]) in PAGE
    assert {run["steps"] for run in RUNS["pixels-longer"]} == {22500}  # 40 epochs of 9 000 by 16
    split = runs[None, "split identity"] + runs[0, "split identity"]
    stuck = [run for run in split if run["best_value"] == 0.126]
    assert f"{len(stuck)} of its {len(split)} runs say one digit" in PAGE
    assert [run["status"] for run in split].count("diverged") == 1
    tanh = runs[None, "tanh RNN"]
    assert [(run["best_value"], run["steps"]) for run in tanh] == [(0.126, 1500)] * 3
    assert f"one comes to {100 * max(run['best_value'] for run in split):.1f} %" in PAGE
    assert {run["steps"] for run in runs[0, "tanh RNN"]} == {1500}
    shares = [100 * score for score in best(runs[0, "tanh RNN"])]
    assert f"and knows {shares[0]:.1f} to {shares[-1]:.1f} % permuted" in PAGE
    lstm = {order: [100 * score for score in best(runs[order, "LSTM"])] for order in (None, 0)}
    assert {run["steps"] for order in (None, 0) for run in runs[order, "LSTM"]} == {4500}
    assert f"{lstm[None][0]:.1f} to {lstm[None][-1]:.1f} % after 4 500" in PAGE
    identity = [100 * score for score in best(runs[0, "identity"])]
    said = f"{lstm[0][0]:.1f} to {lstm[0][-1]:.1f} %, where the identity comes to"
    assert f"{said} {min(identity):.1f} to {max(identity):.1f} %**" in PAGE


def test_the_search_says_what_the_page_says_of_it() -> None:
    runs = script("tables").read(RECORDS / "2026-11-28-suite-search" / "results.jsonl")
    assert {run["seed"] for run in runs} == {100, 101}  # "one choice on 101 as well"
    assert {run["config"]["init"]["name"] for run in runs if run["seed"] == 101} == {"turns"}
    assert {run["steps"] for run in runs if run["steps"] > 2500} == {
        6000,
        10000,
        20000,
    }  # rotations
    images = [run for run in runs if run["task"] == "pixels"]
    best = {
        start: max(r["best_value"] for r in images if r["config"]["init"]["name"] == start)
        for start in ("identity", "split_identity")
    }
    assert best["split_identity"] < 0.34  # "a third right at most"
    assert best["identity"] > 1.8 * best["split_identity"]  # "half of what an identity does"


def test_the_verdict_on_the_protocol_of_keller_et_al_is_that_of_its_records() -> None:
    published = next(row.updates for row in rows_of("adding") if row.source.startswith("wRNN"))
    cells = by("keller-grid", "optim.lr", "clip.max_norm")
    at = {
        cell: [run["solved_at"]["0.05"] or float("inf") for run in runs]
        for cell, runs in cells.items()
    }
    best = min(max(steps) for steps in at.values())
    assert f"best cell needs {best:,} updates here where {published:,} are published" in PAGE
    sooner = sum(max(steps) < (published or 0) for steps in at.values())
    assert f"{sooner} of its {len(at)} cells are done with both seeds before" in PAGE
    assert [clip for (rate, clip), runs in cells.items() if rate == 0.01 and solved(runs)] == [1]
    longer = by("keller-grid-longer", "optim.lr", "clip.max_norm")
    both = {
        cell: statistics.median(run["solved_at"]["0.05"] for run in runs)
        for cell, runs in longer.items()
        if solved(runs) == len(runs) == 2
    }
    assert f"it is {min(both.values()):,.0f} where 22,000 are published, and {len(both)} of" in PAGE
    assert max(max(run["steps"] for run in longer[cell]) for cell in both) < 22_000
    assert len(longer) == 15
    assert min(both, key=lambda cell: both[cell])[0] == 1e-4
    long = by("keller-grid-long", "optim.lr", "clip.max_norm")
    done = {
        cell: statistics.median(run["solved_at"]["0.05"] for run in runs)
        for cell, runs in long.items()
        if solved(runs) == len(runs) == 2
    }
    said = f"at T = 400 {min(done.values()):,.0f} where 30,000 are published, and {len(done)} of"
    assert said in PAGE
    assert max(max(run["steps"] for run in long[cell]) for cell in done) < 30_000
    assert {rate for rate, _ in done} == {1e-4}
    (once,) = [
        run for (rate, _), runs in long.items() if rate == 1e-3 for run in runs if solved([run])
    ]
    assert (once["steps"], once["config"]["clip"]["max_norm"]) == (23_000, 100)
    cells = (*longer.items(), *long.items())
    quick = [run for (rate, _), runs in cells if rate == 0.01 for run in runs]
    assert {(run["status"], run["steps"]) for run in quick} == {("diverged", 2)}
    default = by("keller-default", "task.seq_len")
    short = [run for n in (100, 200, 400) for run in default[(n,)]]
    assert solved(short) == 9
    assert f"400 after at most {max(run['steps'] for run in short):,} updates" in PAGE
    assert f"never is, in {solved(default[(700,)])} of 3 seeds; the third explodes" in PAGE
    assert [run["status"] for run in default[(700,)]].count("diverged") == 1
    fast = RUNS["keller-fast"]
    soon = [run["solved_at"]["0.05"] for run in fast]
    assert f"every seed after {min(soon)} to {max(soon)} updates, and at" in PAGE
    assert solved(fast) == len(fast) == 15
    assert f"0.001 after at most {max(run['steps'] for run in fast)}" in PAGE


def test_the_page_begins_with_what_its_records_say() -> None:
    fast = RUNS["keller-fast"]
    assert {run["seq_len"] for run in fast} == {100, 200, 400, 700, 1000}
    assert all(statistics.median(crossings(fast, n)) == 25 for n in (100, 200, 400, 700, 1000))
    default = RUNS["keller-default"]
    assert [statistics.median(crossings(default, n)) for n in (100, 200, 400)] == [1000] * 3
    order = by("order", "contender", "task.seq_len")
    for start in ("identity", "split identity"):
        assert all(solved(order[start, n]) == 3 for n in (50, 100, 200))
    for who in ("LSTM", "GRU", "tanh RNN, orthogonal"):
        assert solved(order[who, 100]) < 3
        assert solved(order[who, 200]) == 0
    trivial = RUNS["copy"][0]["metric"]["baseline"]
    for (who,), runs in by("copy", "contender").items():
        near = min(best(runs)) > 0.6 * trivial
        assert near is (who != "tanh RNN, rotation"), who
    digits = by("pixels-longer", "task.permutation", "contender")
    for permutation, said in (
        (None, "{:.0f} to {:.0f} % of digits"),
        (0, "{:.0f} to {:.0f} % per"),
    ):
        shares = [100 * score for score in best(digits[permutation, "identity"])]
        assert said.format(shares[0], shares[-1]) in PAGE


def crossings(runs: Runs, length: int) -> list[float]:
    return [run["solved_at"]["0.05"] or float("inf") for run in runs if run["seq_len"] == length]
