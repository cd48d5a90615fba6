"""Small exact statistics for success rates and times to solve, each with its source.

scipy is not a dependency: these are a few lines each and are tested against published values.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Z95 = 1.959963984540054
_POWER = 0.8416212335729143  # of the normal distribution: its 80 % quantile
FEWEST = 4  # runs a side: of three against three the clearest difference is chance one time in ten
_EXACT_LIMIT = 100_000
_MONTE_CARLO = 20_000


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its 95 % interval."""

    estimate: float
    low: float
    high: float


def wilson(successes: int, runs: int) -> Interval:
    """Success rate with the Wilson score interval (Wilson 1927, JASA 22:209).

    It stays inside [0, 1] and does not collapse at 0 or `runs` successes. No runs: 0 to 1.
    """
    if not 0 <= successes <= runs:
        raise ValueError(f"successes={successes} must lie between 0 and runs={runs}")
    if runs == 0:
        return Interval(math.nan, 0.0, 1.0)
    rate = successes / runs
    spread = Z95**2 / runs
    centre = (rate + spread / 2) / (1 + spread)
    half = math.sqrt(rate * (1 - rate) * spread + spread**2 / 4) / (1 + spread)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == runs else centre + half
    return Interval(rate, low, high)


def newcombe(successes_a: int, runs_a: int, successes_b: int, runs_b: int) -> Interval:
    """Difference of two success rates, A minus B, with Newcombe's hybrid score interval.

    Newcombe 1998, Statistics in Medicine 17:873, method 10 (without continuity correction).
    """
    a, b = wilson(successes_a, runs_a), wilson(successes_b, runs_b)
    difference = a.estimate - b.estimate
    low = difference - math.hypot(a.estimate - a.low, b.high - b.estimate)
    high = difference + math.hypot(a.high - a.estimate, b.estimate - b.low)
    return Interval(difference, low, high)


def fisher_exact(successes_a: int, runs_a: int, successes_b: int, runs_b: int) -> float:
    """Two-sided p-value of Fisher's exact test for equal success rates (Fisher 1935).

    Sums the probabilities of all tables with the same margins that are no more likely than the
    one observed.
    """
    successes = successes_a + successes_b
    total = math.comb(runs_a + runs_b, successes)
    possible = range(max(0, successes - runs_b), min(runs_a, successes) + 1)
    ways = {k: math.comb(runs_a, k) * math.comb(runs_b, successes - k) for k in possible}
    return sum(count for count in ways.values() if count <= ways[successes_a]) / total


@dataclass(frozen=True)
class Quantile:
    """A quantile of times to an event; `value` is inf where too many never had it.

    `bound` is then what the data still prove: the quantile is later than this; inf means never.
    """

    value: float
    bound: float


def censored_quantile(times: Sequence[float], observed: Sequence[bool], q: float) -> Quantile:
    """Quantile `q` of the times, those not observed counted as later than anything.

    A time not observed is the last moment watched, or inf for a run that can no longer get there.
    Linear between order statistics (type 7 of Hyndman & Fan 1996) where both are known, else the
    later of the two: halfway to an unknown time is no time.
    """
    if not times:
        return Quantile(math.nan, math.nan)
    late = sorted(t if seen else math.inf for t, seen in zip(times, observed, strict=True))
    position = q * (len(times) - 1)
    below, above = math.floor(position), math.ceil(position)
    if math.isinf(late[above]):
        return Quantile(math.inf, sorted(times)[above])
    value = late[below] + (position - below) * (late[above] - late[below])
    return Quantile(value, value)


def logrank_scores(times: Sequence[float], observed: Sequence[bool]) -> Array:
    """Log-rank scores (runs,): observed events minus the Nelson-Aalen cumulative hazard.

    Their sum over a group is that group's observed minus expected events (Mantel 1966; Peto & Peto
    1972, J. R. Stat. Soc. A 135:185). A time of inf stays at risk throughout, which is how a run
    that diverged enters: it never solves, and left no earlier than anybody.
    """
    moments = np.asarray(times, dtype=np.float64)
    events = np.asarray(observed, dtype=bool)
    hazard = np.zeros(moments.size)
    for moment in np.unique(moments[events]):
        at_risk = moments >= moment
        hazard[at_risk] += (events & (moments == moment)).sum() / at_risk.sum()
    scores: Array = events - hazard
    return scores


def permutation_p(scores: Array, in_a: NDArray[np.bool_], strata: NDArray[np.int64]) -> float:
    """Two-sided p-value that group A's sum of scores is chance, labels shuffled within strata.

    With log-rank scores this is the permutation log-rank test. Exact when there are at most 100,000
    arrangements, else from 20,000 drawn with a fixed generator, counting the observed one. It
    assumes that both groups were watched for equally long: a group with smaller budgets is censored
    earlier for no fault of its own.
    """
    parts = [strata == stratum for stratum in np.unique(strata)]
    sizes = [(int(part.sum()), int((part & in_a).sum())) for part in parts]
    centre = sum(float(scores[part].mean()) * k for part, (_, k) in zip(parts, sizes, strict=True))
    observed = abs(float(scores[in_a].sum()) - centre)
    exact = math.prod(math.comb(n, k) for n, k in sizes) <= _EXACT_LIMIT
    generator = np.random.default_rng(0)
    sums = np.zeros(1 if exact else _MONTE_CARLO)
    for part, (n, k) in zip(parts, sizes, strict=True):
        own = scores[part]
        if exact:
            chosen = _sums(own, k)
            sums = np.add.outer(sums, chosen).ravel()
        else:
            shuffled = generator.random((_MONTE_CARLO, n)).argsort(axis=1)[:, :k]
            sums = sums + own[shuffled].sum(axis=1)
    as_far = int((np.abs(sums - centre) >= observed - 1e-9).sum())
    return as_far / sums.size if exact else (as_far + 1) / (sums.size + 1)


def _sums(values: Array, k: int) -> Array:
    """Give the sum of every choice of `k` of the values."""
    chosen = itertools.chain.from_iterable(itertools.combinations(range(values.size), k))
    index = np.fromiter(chosen, dtype=np.intp).reshape(-1, k) if k else np.zeros((1, 0), np.intp)
    sums: Array = values[index].sum(axis=1)
    return sums


def stratified_exact(tables: Sequence[tuple[int, int, int, int]]) -> float:
    """Two-sided exact p-value for equal success rates within strata.

    A table is (successes of A, runs of A, successes of B, runs of B). Given each table's margins
    A's successes are hypergeometric; the p-value is the probability that their sum lies as far from
    its mean as observed (Cox 1970, The Analysis of Binary Data, section 5.3).
    """
    ways = [1]  # of each sum, in integers: exact
    first, mean = 0, Fraction(0)
    for a, runs_a, b, runs_b in tables:
        low, high = max(0, a + b - runs_b), min(runs_a, a + b)
        counts = [math.comb(runs_a, k) * math.comb(runs_b, a + b - k) for k in range(low, high + 1)]
        summed = [0] * (len(ways) + len(counts) - 1)
        for (i, one), (j, other) in itertools.product(enumerate(ways), enumerate(counts)):
            summed[i + j] += one * other
        ways, first = summed, first + low
        mean += Fraction((a + b) * runs_a, runs_a + runs_b)
    observed = abs(sum(table[0] for table in tables) - mean)
    far = sum(count for k, count in enumerate(ways, first) if abs(k - mean) >= observed)
    return far / sum(ways)


def pairs_won(
    a: Sequence[tuple[float, bool]], b: Sequence[tuple[float, bool]]
) -> tuple[int, int, int]:
    """Count pairs (one run of A, one of B) where A solves first, B solves first, or neither is known.

    The pairs of Gehan's generalised Wilcoxon test (Gehan 1965, Biometrika 52:203). Each run is
    (time, whether the event was seen).
    """
    first_a = sum(seen and t < other for (t, seen), (other, _) in itertools.product(a, b))
    first_b = sum(seen and t < other for (other, _), (t, seen) in itertools.product(a, b))
    return first_a, first_b, len(a) * len(b) - first_a - first_b


def runs_to_tell_rates(a: float, b: float) -> int | None:
    """How many runs a side Fisher's exact test needs at 5 % to tell two rates apart four times in five.

    Casagrande, Pike & Smith 1978, Biometrics 34:483. None where the rates are alike.
    """
    gap = abs(a - b)
    if gap == 0:
        return None
    pooled = (a + b) / 2
    spread = Z95 * math.sqrt(2 * pooled * (1 - pooled))
    spread += _POWER * math.sqrt(a * (1 - a) + b * (1 - b))
    simple = (spread / gap) ** 2
    corrected = simple / 4 * (1 + math.sqrt(1 + 4 / (simple * gap))) ** 2
    return max(FEWEST, math.ceil(corrected - 1e-9))


def runs_to_tell_order(first: int, second: int, alike: int) -> int | None:
    """How many runs a side a rank test needs at 5 % to tell four times in five who comes first.

    `first`, `second` and `alike` count pairs of runs; the share of the pairs won stays as observed.
    Noether 1987, J. Am. Stat. Assoc. 82:645. None where neither comes first more often.
    """
    share = (first + alike / 2) / max(1, first + second + alike)
    if share in (0.0, 1.0):
        return FEWEST
    if share == 0.5:
        return None
    return max(FEWEST, math.ceil((Z95 + _POWER) ** 2 / (6 * (share - 0.5) ** 2)))


def against_the_best(p_values: Sequence[float], settings: int) -> list[float]:
    """Adjust p-values of the best of several settings against others, for having chosen it by the same data.

    Any pair of settings could have come first and last, so that all pairs count as tests, in the order of
    Holm (1979): by the number of others alone, of nine settings that are all alike one would be told from
    another in 7 to 10 of 100 reports, not in 5. But who beats every other beats the next best, which chance
    alone seldom lets it: no p-value needs to be larger than the largest of all as it was. With two settings
    nothing is adjusted.

    Args:
        p_values: of the best against others, two-sided.
        settings: from how many the best was chosen.
    """
    pairs = settings * (settings - 1) // 2
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (pairs - rank) * p_values[index]))
        adjusted[index] = min(largest, max(p_values))
    return adjusted
