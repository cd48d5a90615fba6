"""Comparisons: within what is alike, and silent where the data are."""

import pytest
from synthetic_runs import write_run

from irnn.reporting.compare import compare
from irnn.reporting.comparison_text import sentences
from irnn.reporting.folders import find_folders
from irnn.reporting.load import load_runs


def runs_in(root):
    return load_runs(find_folders([str(root)])).runs


def test_a_clear_difference_is_named_with_its_interval(sweep):
    comparison = compare(runs_in(sweep), "optim=adam", "optim=sgd")
    assert len(comparison.strata) == 4
    assert comparison.left_out == 0
    assert comparison.difference.low > 0
    assert comparison.rate_p < 0.05
    assert comparison.sooner.p < 0.05
    first, second, *_ = sentences(comparison)
    assert first.startswith("optim=adam solves more often")
    assert second.startswith("optim=adam solves sooner")


def test_the_order_of_the_sides_turns_the_sign_and_keeps_the_winner(sweep):
    forth = compare(runs_in(sweep), "optim=adam", "optim=sgd")
    back = compare(runs_in(sweep), "optim=sgd", "optim=adam")
    assert back.difference.estimate == pytest.approx(-forth.difference.estimate)
    assert back.sooner.p == pytest.approx(forth.sooner.p, abs=0.005)
    assert sentences(back)[1].startswith("optim=adam solves sooner")


def test_two_runs_against_two_cannot_tell(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path, seed=seed, optim="adam", solve_at=4000)
        write_run(tmp_path, seed=seed, optim="sgd", status="exhausted")
    comparison = compare(runs_in(tmp_path), "optim=adam", "optim=sgd")
    assert comparison.rate_p == pytest.approx(1 / 3)
    assert [line.startswith("The data cannot tell") for line in sentences(comparison)[:2]] == [
        True
    ] * 2


def test_lengths_that_only_one_side_ran_are_left_out(tmp_path):
    for seed in range(3):
        write_run(tmp_path, seed=seed, optim="adam", seq_len=150)
        write_run(tmp_path, seed=seed, optim="sgd", seq_len=150)
        write_run(tmp_path, seed=seed, optim="sgd", seq_len=400, status="exhausted")
    comparison = compare(runs_in(tmp_path), "optim=adam", "optim=sgd")
    assert comparison.left_out == 3
    assert comparison.strata == (("seq_len=150", 3, 3),)
    assert comparison.difference.estimate == 0


def test_a_run_that_diverged_counts_as_later_than_one_given_up(tmp_path):
    for seed in range(5):
        write_run(tmp_path, seed=seed, optim="adam", solve_at=4000 + 500 * seed)
        write_run(tmp_path, seed=seed, optim="sgd", status="diverged")
    comparison = compare(runs_in(tmp_path), "optim=adam", "optim=sgd")
    assert comparison.sooner.pairs == (25, 0, 0)
    assert comparison.sooner.p == pytest.approx(2 / 252)


def test_unfinished_runs_take_no_side(tmp_path):
    write_run(tmp_path, seed=0, optim="adam")
    write_run(tmp_path, seed=0, optim="sgd")
    write_run(tmp_path, seed=1, optim="sgd", finish=False)
    comparison = compare(runs_in(tmp_path), "optim=adam", "optim=sgd")
    assert len(comparison.b.runs) == 1


def test_different_budgets_are_cautioned_against(tmp_path):
    write_run(tmp_path, seed=0, optim="adam", updates=20_000)
    write_run(tmp_path, seed=0, optim="sgd", updates=10_000, status="exhausted")
    comparison = compare(runs_in(tmp_path), "optim=adam", "optim=sgd")
    assert any("different budgets" in line for line in sentences(comparison))


def test_unequal_shares_of_runs_are_cautioned_against(tmp_path):
    for optim, seq_len, seeds in (
        ("adam", 150, 3),
        ("adam", 400, 1),
        ("sgd", 150, 1),
        ("sgd", 400, 3),
    ):
        for seed in range(seeds):
            write_run(tmp_path, seed=seed, optim=optim, seq_len=seq_len)
    comparison = compare(runs_in(tmp_path), "optim=adam", "optim=sgd")
    assert any("unequal shares" in line for line in sentences(comparison))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("optim=adam", "optim=lion", r"no finished run has it; optim.name is adam, sgd"),
        ("optim=adam", "seq_len=150", "a run is on both sides"),
        ("optim=adam,seq_len=150", "optim=sgd,seq_len=nothing", "no finished run has it"),
        ("optim=adam", "oprtim=sgd", "did you mean optim"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(sweep, a, b, message):
    with pytest.raises(ValueError, match=message):
        compare(runs_in(sweep), a, b)
