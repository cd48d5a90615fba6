"""The guided tour runs from a clean kernel, and is committed without what it showed somebody."""

from pathlib import Path

import pytest

from tests.conftest import SMALL

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "adding_problem.ipynb"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.timeout(300)
def test_every_cell_runs_from_a_clean_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IRNN_RUNS", raising=False)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=240,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 6
    assert [output for output in outputs if output.get("name") == "stderr"] == []


INTERRUPTED = f"""
import irnn, signal
from irnn.training.display import Display
run_on = Display.tick
def tick(self, step, rate):
    run_on(self, step, rate)
    if step == 7:
        signal.raise_signal(signal.SIGINT)  # as `interrupt the kernel` sends it
Display.tick = tick
irnn.train({list(SMALL)})
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_interrupted_cell_leaves_a_run_that_the_next_one_continues(tmp_path: Path) -> None:
    cells = [INTERRUPTED, f"run = irnn.train({list(SMALL)})", "print(run.status)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(
        notebook,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": tmp_path}},
    ).execute()
    first, second, third = (cell.outputs for cell in notebook.cells)
    assert [output.output_type for output in first] == ["display_data", "error"]
    assert "interrupted at update 7; checkpoint written" in first[0]["data"]["text/plain"]
    assert first[1]["ename"] == "KeyboardInterrupt"
    assert "continuing irnn-identity-adam" in second[0]["data"]["text/plain"]
    assert third[0]["text"] == "exhausted\n"


def test_the_notebook_is_committed_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
