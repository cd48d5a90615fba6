"""Shared by the tests of models."""

from collections.abc import Iterator

import pytest

from tests.forgetting import registrations_forgotten


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Cells that a test registers are its own."""
    with registrations_forgotten():
        yield
