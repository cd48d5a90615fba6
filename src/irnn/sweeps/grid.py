"""Which jobs a sweep asks for: the axes of a command or a file, and every combination of their values."""

import itertools
import math
from collections.abc import Sequence

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from irnn.spec.config import ConfigError
from irnn.spec.groups import NUMERIC_GROUPS
from irnn.spec.overrides import interval_ends
from irnn.spec.rewriting import rewritten, setting_of

MOST_JOBS = 100_000
_ONE_VALUE = ("sweep", "runs_dir")  # of the whole sweep


def of_file_and_command(of_file: Sequence[Override], given: Sequence[Override]) -> list[Override]:
    """Put what a file varies and what a command gives together, in the order of the file.

    What the command gives takes the place of what the file says of the same setting, whatever name it has.
    """
    found: dict[str, list[Override]] = {}
    for override in of_file:
        found.setdefault(setting_of(override.key_or_group), []).append(override)
    of_command: dict[str, list[Override]] = {}
    for override in given:
        of_command.setdefault(setting_of(override.key_or_group), []).append(override)
    return [override for same in (found | of_command).values() for override in same]


def axes(parsed: Sequence[Override]) -> dict[str, list[str]]:
    """Give each key's overrides, one per value; of a key given twice, the later counts.

    Raises:
        ConfigError: An axis without values, without end, or of what one sweep has one value of.
    """
    found: dict[str, list[str]] = {}
    for override in parsed:
        if override.is_hydra_override():
            continue
        key = override.get_key_element()
        if override.is_discrete_sweep():
            found[key] = _values(override, key)
        elif isinstance(override.value(), IntervalSweep):
            raise ConfigError(
                f"{override.input_line}: an interval is for a search, hydra/sweeper=optuna; a grid takes "
                "values: 1,2,3 or range(1,4)"
            )
        else:
            found[key] = [override.input_line or ""]
    return found


def _values(override: Override, key: str) -> list[str]:
    if key.partition(".")[0] in _ONE_VALUE:
        raise ConfigError(f"{override.input_line}: one sweep has one value of {key}; give one")
    swept = override.value()
    try:
        if isinstance(swept, RangeSweep) and (count := _length(swept)) > MOST_JOBS:
            raise _too_many(override.input_line or key, count)
        values = list(itertools.islice(override.sweep_string_iterator(), MOST_JOBS + 1))
    except ConfigError:
        raise
    except Exception as error:  # of a range whose step is 0, or that mixes numbers and text
        raise ConfigError(f"{override.input_line}: {error}") from error
    if not values:
        raise ConfigError(f"{override.input_line}: a sweep over nothing")
    words = [f"{key}={value}" for value in values]
    return rewritten(words) if key in NUMERIC_GROUPS else words  # numbers among names of options


def _length(swept: RangeSweep) -> float:
    """Count the values of a range without making them."""
    start, stop, step = (float(each or 0) for each in (swept.start, swept.stop, swept.step))
    return max(0.0, math.ceil((stop - start) / step)) if step and math.isfinite(stop) else 0.0


def _too_many(axis: str, count: float) -> ConfigError:
    return ConfigError(
        f"{axis}: this is a sweep of {count:,.0f} jobs; one has at most {MOST_JOBS:,}. Ask for fewer "
        "values at a time, with the same sweep.name=NAME: its record keeps those asked for before"
    )


def combinations(found: dict[str, list[str]]) -> list[tuple[str, ...]]:
    """Combine all values of all axes; the last axis changes fastest.

    Raises:
        ConfigError: There are more than MOST_JOBS.
    """
    count = math.prod(len(values) for values in found.values())
    if count > MOST_JOBS:
        widest = max(found, key=lambda key: len(found[key]))
        raise _too_many(widest, count)
    return list(itertools.product(*found.values()))


def each_value_once(parsed: Sequence[Override]) -> list[tuple[str, ...]]:
    """Combine so that every value, and both ends of every interval, occurs, with the others' first."""
    found: dict[str, list[str]] = {}
    for override in parsed:
        if isinstance(override.value(), IntervalSweep):
            key = override.get_key_element()
            found[key] = [f"{key}={end}" for end in interval_ends(override)]
        else:
            found.update(axes([override]))
    first = [values[0] for values in found.values()]
    once = [tuple(first)]
    for place, values in enumerate(found.values()):
        once += [(*first[:place], value, *first[place + 1 :]) for value in values[1:]]
    return once


def without_bookkeeping(overrides: Sequence[str]) -> list[str]:
    """Leave out what says how a sweep is run; the rest makes the job, alone too."""
    return [word for word in overrides if not word.lstrip("+").startswith("sweep.")]
