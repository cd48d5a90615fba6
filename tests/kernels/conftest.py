import pytest
import torch

from irnn.kernels import compiled, native
from irnn.kernels.compiled import Compiled
from irnn.kernels.loading import FORCED, Library, load


def pytest_generate_tests(metafunc):
    """Run a test that asks for `variant` on every instruction set that this processor has."""
    if "variant" in metafunc.fixturenames:
        library = load()
        names = list(library.variants) if isinstance(library, Library) else ["none built"]
        metafunc.parametrize("variant", names)


@pytest.fixture
def kernel(variant):
    """The compiled kernel with working memory that is NaN wherever it was never written."""
    if not native.is_available():
        pytest.skip(native.why_unavailable())
    return Compiled(variant, poison=True)


@pytest.fixture
def forced(monkeypatch):
    """A setter for the instruction set that the surroundings ask for; at first they ask for none."""

    def force(name: str | None) -> None:
        if name is None:
            monkeypatch.delenv(FORCED, raising=False)
        else:
            monkeypatch.setenv(FORCED, name)
        compiled.default.cache_clear()

    force(None)
    yield force
    compiled.default.cache_clear()


@pytest.fixture
def threads():
    """A setter for the number of threads, which is put back afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
