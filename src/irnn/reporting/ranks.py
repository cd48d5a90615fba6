"""Two sides of a comparison, ranked: who comes first, and whether that is chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from irnn.reporting.statistics import logrank_scores, pairs_won, permutation_p


@dataclass(frozen=True)
class Ranks:
    """Two sides ranked within strata: `times` are (value, whether it was seen), less is better."""

    times: Sequence[tuple[float, bool]]
    in_a: NDArray[np.bool_]
    index: NDArray[np.int64]

    @property
    def _parts(self) -> list[NDArray[np.intp]]:
        return [np.flatnonzero(self.index == number) for number in range(max(self.index) + 1)]

    @cached_property
    def p(self) -> float:
        """P-value of the permutation log-rank test, computed when it is asked for."""
        scores = np.zeros(len(self.times))
        for part in self._parts:
            own = [self.times[i] for i in part]
            scores[part] = logrank_scores([at for at, _ in own], [seen for _, seen in own])
        return permutation_p(scores, self.in_a, self.index)

    @cached_property
    def pairs(self) -> tuple[int, int, int]:
        """Count the pairs of runs in which A comes first, in which B does, and those that are undecided."""
        counts = np.zeros(3, dtype=int)
        for part in self._parts:
            a, b = ([self.times[i] for i in part if self.in_a[i] == side] for side in (True, False))
            counts += np.array(pairs_won(a, b))
        return int(counts[0]), int(counts[1]), int(counts[2])
