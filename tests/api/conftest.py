"""A run that was trained in Python."""

import pytest

import irnn
from tests.conftest import SMALL


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> irnn.Run:
    """A run that nobody changes."""
    folder = tmp_path_factory.mktemp("trained")
    return irnn.train([*SMALL, f"runs_dir={folder}"], progress=False)
