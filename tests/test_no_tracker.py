"""A run that is asked for without a tracker has none, whatever else is said of it."""

from pathlib import Path

import pytest

from irnn.spec.composition import Composer, compose_config
from irnn.spec.config import ConfigError
from irnn.spec.groups import Groups
from irnn.sweeps.request import read_request


def test_no_tracker_with_a_mode_of_one_is_refused_where_it_would_track() -> None:
    """The mode would win over the option, and a run be tracked that was asked not to be."""
    for words in (
        ["tracker=none", "tracker.mode=online"],
        ["tracker.mode=offline", "tracker=none"],
    ):
        with pytest.raises(ConfigError, match=r"tracker=none is tracker\.mode=disabled"):
            compose_config(words)
        with pytest.raises(ConfigError, match=r"tracker=none is tracker\.mode=disabled"):
            read_request([*words, "seed=1,2"], Composer())
    for words in (["tracker=none", "tracker.mode=disabled"], ["tracker=none", "tracker.group=g"]):
        assert compose_config(words).tracker.mode.value == "disabled"


def test_no_tracker_beats_a_preset_s_mode_and_a_later_tracker_beats_it(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(
        "# @package _global_\ntracker:\n  mode: online\n"
    )
    composer = Composer(Groups(folders=(f"file://{tmp_path}",)))

    def modes(*words: str) -> set[str]:
        jobs = read_request(["experiment=mine", *words, "seed=0,1"], composer).jobs
        return {composer.compose(job).tracker.mode.value for job in jobs}

    for words in (["tracker=none"], ["tracker=wandb", "tracker='none'"]):
        assert composer.compose(["experiment=mine", *words]).tracker.mode.value == "disabled"
        assert modes(*words) == {"disabled"}
    assert modes("tracker=wandb,none") == {"online", "disabled"}
    for words in (["tracker=wandb"], ["tracker=none", "tracker=wandb"]):
        assert modes(*words) == {"online"}


@pytest.mark.parametrize(
    "words",
    [
        ["tracker=wandb,none", "tracker.mode=online"],
        ["tracker=none,wandb", "tracker.mode=disabled,offline"],
        [
            "tracker=wandb,none",
            "tracker.mode=online",
            "sweep=search",
            "optim.lr=interval(0.001,0.01)",
        ],
    ],
    ids=" ".join,
)
def test_no_job_of_a_sweep_is_tracked_that_was_asked_not_to_be(words: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"^tracker\.mode=.* \(with tracker=none\): "):
        read_request(words, Composer())


def test_what_only_wandb_would_refuse_stops_no_run_without_it() -> None:
    assert compose_config(["tracker=none", "tracker.project=a/b"]).tracker.project == "a/b"
