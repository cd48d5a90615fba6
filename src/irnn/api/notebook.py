"""How a run is shown in a notebook: one output of a cell, which is drawn anew while the run trains."""

import html
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irnn.training.display import Display

if TYPE_CHECKING:
    from irnn.tasks.base import Task

_REDRAW_SECONDS = 0.25


class NotebookDisplay(Display):
    """Show what is said, the latest evaluation, and a bar of progress.

    Args:
        log: the file to append to.
        total: updates in the budget, or None.
        task: what is learned, and how it is scored.
    """

    request = "the same call"

    def __init__(self, log: Path, total: int | None, task: "Task") -> None:
        super().__init__(log, total, task, live=False)
        self._lines: list[str] = []
        self._handle: Any = None
        self._next_drawing = 0.0
        self._ended = False

    def __enter__(self) -> "NotebookDisplay":
        from IPython.display import display

        show: Any = display
        super().__enter__()
        self._handle = show(self._drawing(), raw=True, display_id=True)
        return self

    def __exit__(self, *arguments: object) -> None:
        self._ended = True
        self._draw()
        super().__exit__(*arguments)

    def tick(self, step: int, rate: float) -> None:
        """Take in how far the run is."""
        super().tick(step, rate)
        if time.monotonic() >= self._next_drawing:
            self._draw()

    def _show(self, text: str) -> None:
        self._lines += text.splitlines()
        self._draw()

    def _show_evaluation(self, line: str) -> None:
        """Nothing beside the line of progress, which has the latest evaluation."""

    def _draw(self) -> None:
        self._next_drawing = time.monotonic() + _REDRAW_SECONDS
        if self._handle is not None:
            self._handle.update(self._drawing(), raw=True)

    def _drawing(self) -> dict[str, str]:
        """Draw as text, and as HTML with a bar; a run that has ended needs no bar."""
        text = "\n".join(self._lines)
        if self._ended:
            return {"text/plain": text, "text/html": f"<pre>{html.escape(text)}</pre>"}
        line = "  ".join(part for part in map(str.strip, self._progress_parts()) if part)
        most = "" if self._total is None else f' max="{self._total}" value="{self._step}"'
        bar = f"<progress{most} style='width: 20em'></progress>"
        return {
            "text/plain": f"{text}\n{line}".strip(),
            "text/html": f"<pre>{html.escape(text)}\n{bar}  {html.escape(line)}</pre>",
        }
