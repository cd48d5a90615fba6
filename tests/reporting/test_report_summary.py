"""Groups: seeds pooled, censoring counted, rates over finished runs only."""

import math

import pytest
from synthetic_runs import config, write_run

from irnn.reporting import wording
from irnn.reporting.charts import median_curve
from irnn.reporting.folders import find_folders
from irnn.reporting.load import load_runs
from irnn.reporting.statistics import Interval, Quantile
from irnn.reporting.summary import summarise


def summary_of(root):
    return summarise(load_runs(find_folders([str(root)])).runs)


def test_seeds_are_pooled_and_settings_that_vary_make_the_columns(sweep):
    summary = summary_of(sweep)
    assert summary.labels == ("seq_len", "optim")
    assert [group.values for group in summary.groups] == [
        (T, optim) for T in (150, 200, 300, 400) for optim in ("adam", "sgd")
    ]
    assert {len(group.runs) for group in summary.groups} == {3}
    assert summary.constant["task.marks"] == "anywhere"
    assert summary.follows == ("optim=adam has lr=0.001", "optim=sgd has lr=0.01")


def test_numbers_sort_by_size_and_none_comes_last(tmp_path):
    for clip in (None, 100.0, 5.0, 10.0):
        write_run(tmp_path, clip=clip)
    assert [group.values for group in summary_of(tmp_path).groups] == [(5,), (10,), (100,), (None,)]


def test_an_unfinished_run_is_counted_apart_and_is_no_failure(tmp_path):
    write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=1, finish=False, status="exhausted")
    [group] = summary_of(tmp_path).groups
    assert group.counts == {"solved": 1, "exhausted": 0, "diverged": 0, "unfinished": 1}
    assert group.rate.estimate == 1
    assert group.crossings["0.001"].crossed == 1


def test_runs_that_never_crossed_push_the_median_beyond_the_budget(tmp_path):
    write_run(tmp_path, seed=0, solve_at=4000)
    write_run(tmp_path, seed=1, status="exhausted")
    write_run(tmp_path, seed=2, status="exhausted")
    [group] = summary_of(tmp_path).groups
    assert wording.quantile(group.crossings["0.05"].median) == ">20,000"
    assert group.crossings["0.05"].crossed == 1


def test_a_majority_that_diverged_makes_the_median_never(tmp_path):
    write_run(tmp_path, seed=0, solve_at=4000)
    write_run(tmp_path, seed=1, status="diverged")
    write_run(tmp_path, seed=2, status="diverged")
    [group] = summary_of(tmp_path).groups
    assert wording.quantile(group.crossings["0.05"].median) == "never"


def test_a_run_that_crossed_before_it_diverged_did_cross(tmp_path):
    tree = config(seed=0, stop__test_mse=None)
    folder = write_run(tmp_path, tree, status="solved", solve_at=3000)
    result = folder / "result.json"
    result.write_text(result.read_text().replace('"status": "solved"', '"status": "diverged"'))
    [group] = summary_of(tmp_path).groups
    assert group.counts["diverged"] == 1
    assert group.crossings["0.001"].crossed == 1


def test_the_median_curve_carries_solved_runs_on_and_stops_where_one_was_given_up(tmp_path):
    write_run(tmp_path, seed=0, solve_at=2000)
    write_run(tmp_path, seed=1, solve_at=3000)
    write_run(tmp_path, seed=2, status="exhausted", updates=20_000)
    [group] = summary_of(tmp_path).groups
    steps, held_out, _ = median_curve(group.runs)
    assert steps[-1] == 20_000
    assert held_out[-1] < 0.0012  # two of three solved: the plateau of the third is not the median
    assert held_out[0] == pytest.approx(1 / 6, rel=0.25)


def test_the_median_curve_breaks_off_when_most_runs_have_blown_up(tmp_path):
    write_run(tmp_path, seed=0, status="exhausted")
    for seed, last in ((1, "null"), (2, "0.1")):  # stopped by its gradient, the loss still finite
        metrics = write_run(tmp_path, seed=seed, status="diverged") / "metrics.jsonl"
        metrics.write_text(metrics.read_text().replace('"test_mse": null', f'"test_mse": {last}'))
    [group] = summary_of(tmp_path).groups
    steps, held_out, _ = median_curve(group.runs)
    assert math.isfinite(held_out[steps == 7_750][0])
    assert all(math.isnan(value) for value in held_out[steps > 8_000])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.count(1234567.4), "1,234,567"),
        (wording.quantile(Quantile(math.inf, 20_000)), ">20,000"),
        (wording.quantile(Quantile(math.inf, math.inf)), "never"),
        (wording.quantile(Quantile(math.nan, math.nan)), "-"),
        (wording.rate(Interval(2 / 3, 0.21, 0.94)), "67 % (21 to 94)"),
        (wording.duration(9.96), "10 s"),
        (wording.duration(99.6), "2 min"),
        (wording.duration(12_000), "3 h 20 min"),
        (wording.loss(math.nan), "not finite"),
        (wording.p_value(0.0004), "p < 0.001"),
    ],
)
def test_numbers_are_written_for_people(text, expected):
    assert text == expected
