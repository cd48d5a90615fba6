"""The numbers in the verdicts of docs/suite.md are those of the records."""

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
    (steps,) = [run["steps"] for run in runs["LSTM", 100] if run["status"] == "solved"]
    assert (steps, len(runs["LSTM", 100])) == (3000, 3)  # "1 of 3 seeds"
    for who in ("GRU", "orthogonal"):
        assert [run["status"] for run in runs[who, 100]] == ["exhausted"] * 3
    assert all(run["best_value"] < 0.3 for run in runs["orthogonal", 100])
    slow = "split identity, Adam 0.001"
    assert f"is done with {solved(runs[slow, 400])} of 3 seeds at T = 400 and explodes" in PAGE
    assert [run["status"] for run in runs[slow, 1000]] == ["diverged"] * 3
    said = f"explodes, at T = 400 and 1 000 in {len(exploded)} of {len(long)} runs, by update"
    assert f"{said} {max(exploded)}" in PAGE


def test_the_verdict_on_copy_memory_is_that_of_its_records() -> None:
    runs = by("copy", "contender")
    assert not any(solved(each) for each in runs.values())
    trivial = RUNS["copy"][0]["metric"]["baseline"]
    identity, split, lstm = (
        [run["best_value"] for run in runs[(who,)]]
        for who in ("identity", "split identity", "LSTM")
    )
    assert max(*identity, *split) < 0.9 * trivial
    assert max(split) < min(identity)
    assert max(identity) < min(lstm)
    gru, relu, tanh = (
        [run["best_value"] for run in runs[(who,)]]
        for who in ("GRU", "orthogonal", "tanh RNN, orthogonal")
    )
    assert f"({min(gru):.3f} to {max(gru):.3f})" in PAGE
    assert max(gru) < min(split)
    assert max(lstm) < trivial
    assert min(relu) < max(lstm)
    assert sum(best > 0.99 * trivial for best in relu) == 1  # "with some seeds"
    assert min(tanh) > 0.999 * trivial
    assert all(len(each) == 3 for each in runs.values())


def test_the_verdict_on_copy_memory_at_300_steps_is_that_of_its_records() -> None:
    runs = by("copy-longer", "contender")
    trivial = RUNS["copy-longer"][0]["metric"]["baseline"]
    gru = sorted(run["best_value"] for run in runs[("GRU",)] if run["status"] == "exhausted")
    assert f"({gru[0]:.3f} to {gru[1]:.3f} where guessing scores {trivial:.3f})" in PAGE
    assert len(gru) == 2  # "two seeds"
    identity = sorted(run["best_value"] / trivial for run in runs[("identity",)])
    assert identity[1] < 0.9 < 0.97 < identity[2] < 1  # "hardly leaves guessing with one seed"
    assert gru[1] < min(run["best_value"] for run in runs[("identity",)])
    exploded = [run["status"] for run in runs[("split identity",)]].count("diverged")
    assert exploded == 2  # "explodes with two"


def test_the_verdict_on_the_paper_s_sgd_on_pixels_is_that_of_its_record() -> None:
    (run,) = RUNS["pixels-sgd"]
    last = run["loss_curve"][-1]
    assert f"cross-entropy is {last[1]:.5f} where guessing scores 2.30259" in PAGE
    assert f"with {100 * run['best_value']:.1f} % right" in PAGE
    assert (last[0], run["steps"], run["config"]["optim"]["lr"]) == (200000, 200000, 1e-8)


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
    lstm = sorted(100 * run["best_value"] for run in runs[None, "LSTM"])
    early = sorted(100 * dict(run["curve"])[1500] for run in runs[None, "identity"])
    assert f"recognizes {lstm[0]:.1f} to {lstm[-1]:.1f} % by then, where the identity" in PAGE
    assert f"is at {early[0]:.1f} to {early[-1]:.1f} %" in PAGE


def test_the_search_says_what_the_page_says_of_it() -> None:
    runs = script("tables").read(RECORDS / "2026-11-28-suite-search" / "results.jsonl")
    assert {run["seed"] for run in runs} == {100}
    assert max(run["steps"] for run in runs) <= 2500
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
    default = by("keller-default", "task.seq_len")
    short = [run for n in (100, 200, 400) for run in default[(n,)]]
    assert solved(short) == 9
    assert f"400 after at most {max(run['steps'] for run in short):,} updates" in PAGE
    assert f"never is, in {solved(default[(700,)])} of 3 seeds; the third explodes" in PAGE
    assert [run["status"] for run in default[(700,)]].count("diverged") == 1
    fast = RUNS["keller-fast"]
    done = [run["solved_at"]["0.05"] for run in fast]
    assert f"every seed after {min(done)} to {max(done)} updates, and at" in PAGE
    assert solved(fast) == len(fast) == 15
    assert f"0.001 after at most {max(run['steps'] for run in fast)}" in PAGE
