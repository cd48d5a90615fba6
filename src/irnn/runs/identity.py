"""A run is its configuration: the same settings give the same run id, on any machine."""

import hashlib
import json
from typing import Any

from irnn.runs.layout import NOT_SCIENCE, PLACES, SCHEMA, UNNAMED_TASK
from irnn.spec.config import Config
from irnn.spec.options import plain

_ONCE = ("force", "unlock")


def is_once(override: str) -> bool:
    """Whether an override is about one call, not about the run."""
    return override.partition("=")[0].lstrip("+") in _ONCE


def scientific(config: Config) -> dict[str, Any]:
    """Keep what can change a result: all but NOT_SCIENCE and PLACES, and of runtime the precision.

    Settings that are null are left out, so that a new optional setting leaves old ids alone.
    """
    kept = {key: value for key, value in plain(config).items() if key not in NOT_SCIENCE}
    for section, _, name in (place.partition(".") for place in PLACES):
        kept[section].pop(name, None)
    kept["dtype"] = config.runtime.dtype.value
    return {key: value for key, value in _without_nulls(kept).items() if value != {}}


def _without_nulls(node: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in node.items()
        if value is not None
    }


def run_id(config: Config) -> str:
    """Name a run: a readable prefix and a hash of its whole scientific configuration."""
    text = json.dumps([SCHEMA, scientific(config)], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"{_prefix(config)}-s{config.seed}-{digest}"


def group_name(config: Config) -> str:
    """Name the runs that differ from this one in nothing but the seed."""
    settings = {key: value for key, value in scientific(config).items() if key != "seed"}
    text = json.dumps([SCHEMA, settings], sort_keys=True)
    return f"{_prefix(config)}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _prefix(config: Config) -> str:
    task = () if config.task.name == UNNAMED_TASK else (config.task.name,)
    return "-".join(
        (
            *task,
            config.model.name,
            config.init.name.replace("_identity", ""),
            config.optim.name,
            f"t{config.task.seq_len}",
        )
    )
