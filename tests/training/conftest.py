import pytest


@pytest.fixture(autouse=True)
def _quick(quick_runs: None) -> None:
    """Runs here are quick."""
