"""Files of searches, made once."""

import pytest

from irnn.sweeps.search import Plan, batches, tell
from irnn.sweeps.study import opened
from tests.sweeps.searches import SEARCH, ended, space_of


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a search with one trial."""
    folder = tmp_path_factory.mktemp("search")
    space = space_of(*SEARCH)
    with opened(folder, "s", space) as study:
        tell(study, next(batches(study, space, Plan(1, 1, 0, 1))), [ended(0.25)])
    return (folder / "optuna.db").read_bytes()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of Optuna's without a study, which takes as long to make as all the rest of a test."""
    import optuna

    path = tmp_path_factory.mktemp("empty") / "optuna.db"
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    storage.engine.dispose()
    return path.read_bytes()
