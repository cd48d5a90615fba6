"""Compose all overrides of a run at once, by Hydra: what every quicker way is held to."""

from collections.abc import Sequence

from irnn.spec.checks import with_data
from irnn.spec.composition import explaining, to_config
from irnn.spec.config import Config
from irnn.spec.groups import Groups
from irnn.spec.hydra_composition import composed
from irnn.spec.overrides import read


def compose_at_once(overrides: Sequence[str]) -> Config:
    """Compose one run and check it.

    Raises:
        ConfigError: It cannot work; the message is for the user.
    """

    def attempt(some: Sequence[str]) -> Config:
        return with_data(to_config(composed([each.word for each in read(some, Groups())])))

    read(overrides, Groups())
    with explaining(overrides, attempt):
        return attempt(overrides)
