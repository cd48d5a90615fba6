"""What training and reports share is written down once."""

import ast
from pathlib import Path

import irnn
from irnn.reporting.curve import Record as Drawn
from irnn.runs import layout
from irnn.runs.schemas import Record, Result

SOURCE = Path(irnn.__file__).parent
NAMES = {
    *layout.MARKERS,
    *(layout.CURVE, layout.CHECKPOINTS, layout.LAST, layout.BEST),
    *(layout.SWEEPS, layout.SWEEP, layout.RECORD),
}


def test_a_files_name_stands_in_one_place_of_the_source() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        if path.name != "layout.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in NAMES
    ]
    assert found == []


def test_a_report_reads_no_field_that_no_run_writes() -> None:
    assert set(Drawn.__struct_fields__) <= set(Record.__struct_fields__)


def test_a_result_can_end_in_every_status_and_in_no_other() -> None:
    assert Result.__annotations__["status"].__args__ == layout.STATUSES
