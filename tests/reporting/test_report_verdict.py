"""The sentence at the top: which is better and how sure that is, or what would tell."""

import itertools
import math
import re

import numpy as np
import pytest
from synthetic_runs import config, write_run

from irnn.reporting.compare import compare
from irnn.reporting.folders import find_folders
from irnn.reporting.load import load_runs
from irnn.reporting.statistics import against_the_best, runs_to_tell_order, runs_to_tell_rates
from irnn.reporting.summary import summarise
from irnn.reporting.verdict import verdict


def runs_in(root):
    return load_runs(find_folders([str(root)])).runs


def said(root, threshold=None):
    return verdict(summarise(runs_in(root), threshold))


def write_sides(root, counts, seeds, **settings):
    """Write `seeds` runs of each initialization, of which so many solve, at 8,000 updates or so."""
    for init, solved in counts.items():
        for seed in range(seeds):
            tree = config(seed, init__name=init, **settings)
            write_run(root, tree, "solved" if seed < solved else "exhausted", 6000 + 400 * seed)


def test_a_clear_difference_of_success_is_said_in_one_sentence(tmp_path):
    write_sides(tmp_path, {"orthogonal": 3, "identity": 10}, 10)
    assert said(tmp_path) == (
        "identity solves 10 of 10 seeds, orthogonal 3 of 10; the difference is beyond chance (p = 0.0031)."
    )


def test_what_cannot_be_told_says_how_many_seeds_would_tell(tmp_path):
    write_sides(tmp_path, {"orthogonal": 2, "identity": 3}, 3)
    assert said(tmp_path) == (
        "identity solves 3 of 3 seeds, orthogonal 2 of 3; that may be chance (p = 1). "
        "About 25 seeds each would tell, if it goes on like this."
    )


def test_equal_success_is_decided_by_the_time_it_took(tmp_path):
    for seed in range(5):
        write_run(tmp_path, config(seed, optim="adam"), "solved", 4000 + 250 * seed)
        write_run(tmp_path, config(seed, optim="sgd"), "solved", 9000 + 250 * seed)
    sentence = said(tmp_path)
    assert re.match(r"adam solves sooner than sgd: after 4,\d+ updates against 9,\d+", sentence)
    assert (
        "(medians; 5 of 5 and 5 of 5 solve); the difference is beyond chance (p = 0.0079)"
        in sentence
    )


@pytest.mark.parametrize("goal", [0.0001, None])
def test_where_nobody_solves_curves_that_plainly_separate_are_told_apart_by_their_end(
    tmp_path, goal
):
    for seed in range(5):
        low = config(seed, optim="adam", stop__test_mse=goal)
        write_run(tmp_path, low, "exhausted")
        write_run(tmp_path, config(seed, optim="sgd", stop__test_mse=goal), "diverged")
    sentence = said(tmp_path)
    assert sentence.startswith("adam ends better than sgd: held-out MSE 0.1")
    assert "beyond chance (p = 0.0079)" in sentence


def test_a_comparison_asked_for_decides_the_sentence(sweep):
    runs = runs_in(sweep)
    comparison = compare(runs, "optim=sgd", "optim=adam")
    sentence = verdict(summarise(runs), comparison)
    assert sentence.startswith(
        "optim=adam solves 11 of 12 runs, optim=sgd 1 of 12; the difference is beyond"
    )


def test_a_threshold_asked_for_is_what_the_sentence_counts(tmp_path):
    write_sides(tmp_path, {"orthogonal": 0, "identity": 5}, 5)
    assert said(tmp_path, 0.05).startswith(
        "identity gets below 0.05 in 5 of 5 seeds, orthogonal in 0 of 5;"
    )


def test_the_best_of_several_is_held_against_each_other_one(tmp_path):
    write_sides(tmp_path, {"identity": 10, "orthogonal": 1, "gaussian": 0}, 10)
    assert re.fullmatch(
        r"identity solves most often, 10 of 10 seeds, the median after [\d,]+ updates; better than each of "
        r"the 2 others beyond chance \(p < 0.001\)\.",
        said(tmp_path),
    )


def test_several_that_cannot_be_told_apart_are_said_to_be_so(tmp_path):
    write_sides(tmp_path, {"identity": 2, "orthogonal": 1, "gaussian": 1}, 3)
    sentence = said(tmp_path)
    assert sentence.startswith(
        "Which of 3 settings is best cannot be told (p = 1): identity solves most"
    )
    assert re.search(r"About \d+ seeds each would tell it from (orthogonal|gaussian)", sentence)


def test_an_advantage_over_some_is_not_sold_as_one_over_all(tmp_path):
    write_sides(tmp_path, {"identity": 10, "orthogonal": 9, "gaussian": 0}, 10)
    assert "beyond chance better than 1 of the 2 others, but not than orthogonal." in said(tmp_path)


def test_lengths_are_no_contenders(tmp_path):
    for seq_len, solved in ((150, 3), (400, 1)):
        write_sides(tmp_path, {"identity": solved}, 3, seq_len=seq_len)
    assert said(tmp_path) == "Seeds that solve: 3 of 3 at T = 150, 1 of 3 at T = 400."


def test_what_a_task_is_made_of_contends_where_nothing_else_differs(tmp_path):
    for seed in range(5):
        write_run(tmp_path, config(seed, task__data="fresh"))
        write_run(tmp_path, config(seed, task__data="fixed"), "exhausted")
    assert said(tmp_path).startswith(
        "data=fresh solves 5 of 5 seeds, data=fixed 0 of 5; the difference is"
    )


def test_one_setting_and_one_run_are_told_as_what_they_are(tmp_path):
    write_sides(tmp_path / "one", {"identity": 1}, 1)
    assert re.match(
        r"Solved after [\d,]+ updates: held-out MSE 0\.000\d+, where always", said(tmp_path / "one")
    )
    write_sides(tmp_path / "seeds", {"identity": 2}, 3)
    assert said(tmp_path / "seeds").startswith("2 of 3 seeds solve, the median after 6,")
    write_run(tmp_path / "bad", config(), "diverged")
    assert said(tmp_path / "bad").startswith(
        "Diverged at update 8,000; the best held-out MSE before was 0.1"
    )
    write_run(tmp_path / "none", config(), "exhausted")
    assert said(tmp_path / "none").startswith(
        "Not solved within 20,000 updates: the best held-out MSE is 0.1"
    )


def test_runs_that_are_still_going_are_said_to_be(tmp_path):
    write_run(tmp_path, config(0), finish=False)
    assert said(tmp_path).startswith("No run has finished yet; the furthest is at update ")
    write_run(tmp_path, config(1))
    assert said(tmp_path).startswith("So far solved after ")
    assert said(tmp_path).endswith("1 run is still going.")
    write_run(tmp_path, config(0, optim="sgd"), "exhausted")
    assert said(tmp_path).startswith(
        "So far adam solves 1 of 1 seed, sgd 0 of 1; that may be chance (p = 1)."
    )
    assert "It takes at least 4 seeds each to tell." in said(tmp_path)


def test_no_runs_are_no_error():
    assert verdict(summarise([])) == "No run has finished yet."


def test_goals_that_differ_are_not_held_against_each_other(tmp_path):
    write_run(tmp_path, config(0, optim="adam", stop__test_mse=0.01))
    write_run(tmp_path, config(0, optim="sgd", stop__test_mse=0.001), "exhausted")
    assert "Their goals or settings differ too much for a test" in said(tmp_path)


def test_numbers_of_runs_agree_with_the_published_tables():
    """Casagrande, Pike & Smith 1978, table 1: 80 % power, two-sided 5 %; and the smallest exact design."""
    assert runs_to_tell_rates(1.0, 0.0) == 4
    assert runs_to_tell_rates(0.9, 0.5) == runs_to_tell_rates(0.5, 0.1)
    assert 22 <= runs_to_tell_rates(0.9, 0.5) <= 25
    assert runs_to_tell_rates(0.5, 0.5) is None
    assert runs_to_tell_order(9, 0, 0) == 4
    assert runs_to_tell_order(1, 1, 7) is None
    assert runs_to_tell_order(3, 1, 0) == 21  # Noether 1987: (1.96 + 0.84)^2 / (6 * 0.25^2)


def test_p_values_of_the_best_are_adjusted_upwards_and_keep_their_order():
    assert against_the_best([0.03], 2) == [0.03]
    assert against_the_best([0.01, 0.004, 0.3], 4) == pytest.approx([0.05, 0.024, 0.3])
    assert against_the_best([0.01, 0.004, 0.03], 4) == pytest.approx([0.03, 0.024, 0.03])
    assert against_the_best([], 1) == []
    assert against_the_best([0.9, 0.8], 3) == [0.9, 0.9]


@pytest.mark.parametrize(("settings", "alike"), [(2, 2), (3, 3), (9, 9), (3, 2), (9, 2)])
def test_of_settings_that_are_alike_one_is_told_from_another_in_five_reports_of_a_hundred(
    settings, alike
):
    generator, reports, seeds = np.random.default_rng(0), 2000, 30
    told = 0
    for _ in range(reports):
        runs = generator.random((settings, seeds))
        runs[alike:] += 10  # these are worse
        best, *others = sorted(runs, key=np.median)
        p_values = []
        for other in others:  # by the normal approximation of Mann and Whitney's test
            wins, mean = (best[:, None] < other).sum(), seeds * seeds / 2
            z = (abs(wins - mean) - 0.5) / math.sqrt(seeds * seeds * (2 * seeds + 1) / 12)
            p_values.append(math.erfc(z / math.sqrt(2)))
        told += min(against_the_best(p_values, settings)[: alike - 1]) < 0.05
    sampling_error = math.sqrt(reports * 0.05 * 0.95)
    assert told <= 0.05 * reports + 3 * sampling_error


def write_grid(root, seeds=3):
    """Write a grid of two rates and three thresholds of clipping; the rate decides, clipping does not."""
    for lr, clip in itertools.product((0.001, 0.01), (0.1, 1.0, 10.0)):
        for seed in range(seeds):
            tree = config(seed, clip=clip, optim__lr=lr)
            write_run(root, tree, "solved" if lr == 0.01 else "exhausted", 6000 + 400 * seed)


def test_a_grid_is_told_by_the_setting_that_decides_where_no_cell_has_seeds_enough(tmp_path):
    write_grid(tmp_path)
    assert re.fullmatch(
        r"lr=0\.01 is better than lr=0\.001, other settings equal: beyond chance \(p < 0\.001\); which clip "
        r"is best cannot be told\. Of 6 settings lr=0\.01, clip=[\d.]+ solves soonest, 3 of 3 seeds, the "
        r"median after [\d,]+ updates\.",
        said(tmp_path),
    )


def test_a_setting_that_only_unfinished_runs_differ_in_is_held_against_nothing(tmp_path):
    write_grid(tmp_path)
    write_run(tmp_path, config(7, optim__lr=0.1, model__hidden_size=64), finish=False)
    assert said(tmp_path).startswith("So far lr=0.01 is better than lr=0.001, other settings equal")


def test_a_grid_whose_cells_are_alike_is_not_told_by_its_settings(tmp_path):
    for lr, clip in itertools.product((0.001, 0.01), (0.1, 1.0)):
        for seed in range(3):
            write_run(tmp_path, config(seed, clip=clip, optim__lr=lr), "solved", 6000 + 400 * seed)
    assert said(tmp_path).startswith("Which of 4 settings is best cannot be told")


def test_a_rate_that_follows_the_length_is_no_contender(tmp_path):
    """As of a rate of 1/T: the best of it would only be the best length."""
    for seq_len, lr in ((100, 0.01), (200, 0.005)):
        write_sides(tmp_path, {"identity": 5, "orthogonal": 0}, 5, seq_len=seq_len, optim__lr=lr)
    summary = summarise(runs_in(tmp_path))
    assert summary.naming == ("task.seq_len", "init.name")
    assert said(tmp_path).startswith("identity solves 10 of 10 runs, orthogonal 0 of 10; the diff")


def test_times_tell_the_best_from_every_other_one_that_solves_as_often(tmp_path):
    for optim, update in (("adam", 2_000), ("sgd", 9_000), ("rmsprop", 14_000)):
        for seed in range(10):
            write_run(tmp_path, config(seed, optim=optim), "solved", update + 100 * seed)
    assert "better than each of the 2 others beyond chance" in said(tmp_path)


def test_runs_without_a_goal_are_said_to_end_not_to_fail(tmp_path):
    for seed in range(3):
        write_run(tmp_path, config(seed, optim="adam", stop__test_mse=None), "exhausted")
        write_run(tmp_path, config(seed, optim="sgd", stop__test_mse=None), "diverged")
    assert said(tmp_path).startswith("adam ends ahead of sgd: held-out MSE 0.1")
