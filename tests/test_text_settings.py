"""Settings of text: what looks like a number stays text."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from irnn.spec.composition import Composer, compose_config
from irnn.spec.options import plain, settings
from irnn.spec.saved import load_config
from irnn.sweeps.request import read_request


@pytest.mark.parametrize("text", ["20e10", "12e3", "1_1_1", "007", "true", "-5", "1.50", "inf"])
def test_text_stays_text_whatever_it_looks_like(text: str) -> None:
    texts = ("sweep.name", "runs_dir", "tracker.group", "tracker.project", "tracker.entity")
    overrides = [f"{key}={text}" for key in texts]
    for config in (compose_config(overrides), Composer().compose(overrides)):
        values = {setting.key: setting.value for setting in settings(config)}
        assert [values[key] for key in texts] == [text] * len(texts)


def test_text_stays_text_in_a_runs_folder(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    for text in ("20e10", "1_1_1", "true", "null", "1:30", "0x1F"):
        config = compose_config([])
        config = replace(config, tracker=replace(config.tracker, group=text))
        path.write_text(yaml.safe_dump(plain(config)))
        assert load_config(path).tracker.group == text


def test_values_of_a_sweep_over_text_are_text() -> None:
    jobs = read_request(["tracker.group=1_1,2e5,x", "seed=1"], Composer()).jobs
    composer = Composer()
    groups = [composer.compose(job).tracker.group for job in jobs]
    assert groups == ["1_1", "2e5", "x"]
