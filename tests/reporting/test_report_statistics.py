"""The small formulas against values their authors, or textbooks, published."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irnn.reporting import statistics
from irnn.reporting.statistics import (
    censored_quantile,
    fisher_exact,
    logrank_scores,
    newcombe,
    pairs_won,
    permutation_p,
    stratified_exact,
    wilson,
)

# Remission in weeks of 42 children with leukaemia, matched 6-MP against placebo; 0 is censored
# (Freireich et al. 1963, Blood 21:699).
DRUG = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
DRUG_SEEN = [True] * 9 + [False] * 12
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


@pytest.mark.parametrize(
    ("successes", "runs", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_equals_newcombes_table(successes, runs, low, high):
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3."""
    interval = wilson(successes, runs)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_no_runs_leave_every_rate_possible():
    interval = wilson(0, 0)
    assert math.isnan(interval.estimate)
    assert (interval.low, interval.high) == (0, 1)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_its_estimate_inside_zero_and_one(case):
    interval = wilson(*case)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_difference_of_rates_equals_newcombes_table(table, low, high):
    """Newcombe 1998, Statistics in Medicine 17:873, table II, method 10."""
    interval = newcombe(*table)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize(
    ("table", "p"),
    [
        ((3, 4, 1, 4), 0.4857),  # the lady tasting tea, Fisher 1935
        ((10, 13, 2, 17), 0.0005367),  # Fisher's criminal twins, Agresti 1992
        ((4, 4, 0, 4), 0.02857),
        ((0, 3, 0, 3), 1.0),
    ],
)
def test_fisher_exact_equals_published_values(table, p):
    assert fisher_exact(*table) == pytest.approx(p, rel=2e-3, abs=2e-5)


def test_logrank_scores_give_freireichs_observed_minus_expected():
    """Observed 9, expected 19.25 in the 6-MP arm (Kleinbaum & Klein, Survival Analysis, ch. 2)."""
    times, seen = DRUG + PLACEBO, DRUG_SEEN + [True] * 21
    scores = logrank_scores(times, seen)
    assert scores[:21].sum() == pytest.approx(9 - 19.25, abs=0.005)
    assert scores.sum() == pytest.approx(0, abs=1e-12)


def test_permutation_logrank_finds_freireichs_drug():
    times, seen = DRUG + PLACEBO, DRUG_SEEN + [True] * 21
    in_drug = np.arange(42) < 21
    assert permutation_p(logrank_scores(times, seen), in_drug, np.zeros(42, int)) < 0.001


def test_exact_permutation_counts_every_arrangement():
    """Three against three, all of A first: only this split and its mirror are as extreme."""
    scores = logrank_scores([1, 2, 3, 4, 5, 6], [True] * 6)
    in_a = np.array([True] * 3 + [False] * 3)
    assert permutation_p(scores, in_a, np.zeros(6, int)) == pytest.approx(2 / 20)


def test_permutation_within_strata_equals_enumeration_by_hand():
    scores = np.array([3.0, 1.0, 0.0, 5.0, 2.0, 2.5])
    in_a = np.array([True, False, False, True, True, False])
    strata = np.array([0, 0, 0, 1, 1, 1])
    sums = [
        scores[i] + scores[list(pair)].sum()
        for i in range(3)
        for pair in itertools.combinations((3, 4, 5), 2)
    ]
    far = np.abs(np.array(sums) - np.mean(sums))
    expected = (far >= abs(scores[in_a].sum() - np.mean(sums)) - 1e-9).mean()
    assert permutation_p(scores, in_a, strata) == pytest.approx(expected)


def test_drawn_permutations_agree_with_the_exact_ones(monkeypatch):
    rng = np.random.default_rng(3)
    scores = rng.normal(size=18)
    in_a = np.arange(18) < 9
    scores[in_a] += 0.5
    exact = permutation_p(scores, in_a, np.zeros(18, int))
    monkeypatch.setattr(statistics, "_EXACT_LIMIT", 0)
    drawn = permutation_p(scores, in_a, np.zeros(18, int))
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=0.01)


def test_equal_groups_are_never_called_different():
    scores = logrank_scores([math.inf] * 6, [False] * 6)
    assert permutation_p(scores, np.array([True, False] * 3), np.zeros(6, int)) == 1


def test_a_median_that_was_reached_ignores_how_late_the_rest_are():
    quantile = censored_quantile([10, 30, 20, 500, math.inf], [True, True, True, False, False], 0.5)
    assert (quantile.value, quantile.bound) == (30, 30)


def test_a_median_beyond_the_budget_is_later_than_the_budget():
    quantile = censored_quantile([10, 500, 500], [True, False, False], 0.5)
    assert (quantile.value, quantile.bound) == (math.inf, 500)


def test_a_median_between_a_time_and_an_unknown_is_unknown():
    quantile = censored_quantile([10, 500], [True, False], 0.5)
    assert (quantile.value, quantile.bound) == (math.inf, 500)


def test_a_median_among_the_diverged_is_never():
    quantile = censored_quantile([10, math.inf, math.inf], [True, False, False], 0.5)
    assert (quantile.value, quantile.bound) == (math.inf, math.inf)


def test_observed_quartiles_equal_numpys():
    times = [4.0, 1.0, 7.0, 9.0, 2.0, 8.0]
    for q in (0.25, 0.5, 0.75):
        value = censored_quantile(times, [True] * 6, q).value
        assert value == pytest.approx(np.quantile(times, q))


def test_pairs_cannot_be_decided_after_both_were_given_up():
    a = [(10.0, True), (100.0, False)]
    b = [(50.0, True), (60.0, False)]
    assert pairs_won(a, b) == (2, 1, 1)


def test_stratified_exact_equals_the_permutation_of_labels_within_strata():
    tables = [(3, 4, 1, 4), (2, 3, 0, 3)]
    scores, in_a, strata = [], [], []
    for number, (a, runs_a, b, runs_b) in enumerate(tables):
        scores += [1.0] * a + [0.0] * (runs_a - a) + [1.0] * b + [0.0] * (runs_b - b)
        in_a += [True] * runs_a + [False] * runs_b
        strata += [number] * (runs_a + runs_b)
    expected = permutation_p(np.array(scores), np.array(in_a), np.array(strata))
    assert stratified_exact(tables) == pytest.approx(expected)


def test_stratified_exact_of_many_runs_needs_no_drawing():
    """Enumerated over the product of three hypergeometric distributions: 0.0214 to four places."""
    tables = [(5, 5, 2, 5), (4, 5, 1, 5), (3, 4, 2, 4)]
    assert stratified_exact(tables) == pytest.approx(0.0214, abs=5e-5)
    assert stratified_exact([(0, 3, 0, 3)] * 2) == 1
