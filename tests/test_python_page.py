"""Every block of code on docs/python.md works, one after another, in a folder of its own."""

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


@pytest.mark.timeout(120)
def test_every_block_of_the_page_on_python_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IRNN_RUNS", raising=False)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    shown = capsys.readouterr().out
    assert len(blocks) >= 9
    assert "inti=identity: no such setting" in shown
    assert names["run"].status == "solved"
    assert len(names["frame"]) == 3
    assert Path("curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_names_every_public_name() -> None:
    import irnn

    text = PAGE.read_text()
    told = {"Config", "Run", "Runs", "__version__"}  # types that the others give
    assert [name for name in irnn.__all__ if name not in told and f"{name}" not in text] == []
