"""What a search varies, as Optuna has it."""

import re
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from irnn.spec.config import ConfigError
from irnn.sweeps.space import read_space


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("optim.lr=interval(1,inf)", "both ends must be finite"),
        ("optim.lr=interval(nan,1.0)", "both ends must be finite"),
        ("optim.lr=tag(log,interval(0,1))", "begins above 0"),
        ("optim.lr=interval(2,1)", "the wrong way round"),
        ("seed=int(interval(0,1e300))", "cannot be searched"),
        ("seed=range(5,1)", "a sweep over nothing"),
        ("seed=range(1,9,0)", "zero"),
    ],
)
def test_what_optuna_cannot_vary_is_refused_by_its_key(word: str, told: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(word)}: .*{told}"):
        read_space(OverridesParser.create().parse_overrides([word]))


@pytest.mark.parametrize(
    ("word", "low", "high", "step"),
    [
        ("seed=range(1,10,3)", 1, 7, 3),
        ("seed=range(10,1,-3)", 4, 10, 3),
        ("seed=range(0,1000000000000)", 0, 999_999_999_999, 1),
    ],
)
def test_a_range_is_searched_to_its_end(word: str, low: int, high: int, step: int) -> None:
    varied: dict[str, Any] = read_space(OverridesParser.create().parse_overrides([word])).varied
    assert (varied["seed"].low, varied["seed"].high, varied["seed"].step) == (low, high, step)


def test_shuffled_choices_are_the_same_search_each_time() -> None:
    word = "seed=shuffle(range(1,9))"
    spaces = [read_space(OverridesParser.create().parse_overrides([word])).varied for _ in range(5)]
    assert spaces[1:] == spaces[:-1]
