"""Configurations of irnn 0.1 are the same runs for ever: their ids, and the files that they left."""

import json
from pathlib import Path
from typing import Any

import pytest

from irnn.runs.identity import group_name, run_id
from irnn.spec.composition import Composer
from irnn.spec.saved import load_config

KNOWN = Path(__file__).parent / "known"
RUNS: list[dict[str, str]] = json.loads((KNOWN / "known.json").read_text())
COMPOSER = Composer()


@pytest.mark.parametrize("known", RUNS, ids=lambda known: known["overrides"] or "the default")
def test_a_command_of_irnn_0_1_is_the_run_that_it_was(known: dict[str, Any]) -> None:
    config = COMPOSER.compose(known["overrides"].split())
    assert (run_id(config), group_name(config)) == (known["run_id"], known["group"])


@pytest.mark.parametrize("path", sorted(KNOWN.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_file_that_has_every_setting_of_every_option_is_the_run_that_it_was(path: Path) -> None:
    """`config.yaml` of irnn 0.1 has null for each setting that the chosen options lack."""
    assert run_id(load_config(path)) == path.stem
