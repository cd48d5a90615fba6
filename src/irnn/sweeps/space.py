"""What a search varies, read from its overrides, and what all of its trials share."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from irnn.runs.identity import scientific
from irnn.spec.config import Config, ConfigError
from irnn.spec.options import leaves
from irnn.spec.overrides import interval_ends
from irnn.sweeps.grid import MOST_JOBS, axes

if TYPE_CHECKING:
    import optuna

_LARGEST_WHOLE = 2**63 - 1


@dataclass(frozen=True)
class Space:
    """What a search varies, as Optuna's distributions, and the overrides that all trials share.

    `settings` are what these overrides set of all that can change a result, by full keys.
    """

    varied: "dict[str, optuna.distributions.BaseDistribution]"
    fixed: list[str]
    settings: dict[str, Any] = field(default_factory=dict)


def read_space(
    parsed: Sequence[Override], compose: Callable[[Sequence[str]], Config] | None = None
) -> Space:
    """Turn sweeps into distributions: an interval into a continuous one, anything else into choices.

    Args:
        parsed: the overrides.
        compose: makes the configuration of a trial, for `Space.settings`.

    Raises:
        ConfigError: Nothing varies, or something does that Optuna cannot vary.
    """
    varied: dict[str, Any] = {}
    fixed: dict[str, str] = {}
    for override in parsed:
        key = override.get_key_element()
        if override.is_sweep_override():
            varied[key] = _distribution(override)
            fixed.pop(key, None)
        else:
            fixed.update({key: words[0] for key, words in axes([override]).items()})
            varied.pop(key, None)
    if not varied:
        raise ConfigError(
            "hydra/sweeper=optuna: nothing to search; give ranges, as in "
            "'optim.lr=tag(log, interval(1e-5, 1e-1))'"
        )
    words = list(fixed.values())
    if compose is None:
        return Space(varied, words)
    first = [f"{key}={_first(distribution)}" for key, distribution in varied.items()]
    settings = leaves(scientific(compose([*words, *first])))
    return Space(varied, words, {key: settings[key] for key in settings if not _of(key, varied)})


def _first(distribution: Any) -> Any:
    choices = getattr(distribution, "choices", None)
    return choices[0] if choices else distribution.low


def _of(key: str, varied: Sequence[str] | dict[str, Any]) -> bool:
    """Whether a setting is one that varies, or of a group that does."""
    return any(key == each or key.startswith(f"{each}.") for each in varied)


def _distribution(override: Override) -> Any:
    """Turn one sweep into what Optuna varies.

    Raises:
        ConfigError: It has no end, no value, or one that Optuna cannot count to.
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    value = override.value()
    try:
        if isinstance(value, IntervalSweep):
            (start, end), log = interval_ends(override), "log" in value.tags
            if start is None or end is None:
                raise ValueError("needs both ends")
            if start > end:
                raise ValueError("its ends are the wrong way round")
            if log and start <= 0:
                raise ValueError("a logarithmic interval begins above 0")
            if isinstance(start, int) and isinstance(end, int):
                return IntDistribution(_counted(start), _counted(end), log=log)
            if not (math.isfinite(start) and math.isfinite(end)):
                raise ValueError("both ends must be finite")
            return FloatDistribution(float(start), float(end), log=log)
        if isinstance(value, RangeSweep) and not value.shuffle and _is_whole(value):
            whole = range(int(value.start or 0), int(value.stop or 0), int(value.step))
            if not whole:
                raise ValueError("a sweep over nothing")
            low, high = sorted((_counted(whole[0]), _counted(whole[-1])))
            return IntDistribution(low, high, step=abs(whole.step))
        choices = [word.partition("=")[2] for word in _words(override)]
        if len(choices) > MOST_JOBS:
            raise ValueError(f"more than {MOST_JOBS:,} choices; give an interval")
        if getattr(value, "shuffle", False):
            choices.sort()  # or the same words would be another search each time
        return CategoricalDistribution(choices)
    except ConfigError:
        raise
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{override.input_line}: {error}") from error


def _is_whole(value: RangeSweep) -> bool:
    return all(isinstance(each, int) for each in (value.start, value.stop, value.step))


def _counted(value: int) -> int:
    if abs(value) > _LARGEST_WHOLE:
        raise ValueError(f"whole numbers beyond {_LARGEST_WHOLE} cannot be searched")
    return value


def _words(override: Override) -> list[str]:
    (words,) = axes([override]).values()
    return words
