"""Pictures are drawn under our own settings: nothing of the surroundings ends or changes them."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from irnn.system import pictures

DRAW = """
import hashlib, io, sys
from irnn.system import pictures
with pictures.own_settings():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure()
    figure.subplots().set_title("a $ b")
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture)
print(hashlib.sha256(picture.getvalue()).hexdigest())
"""


def draw(folder: Path, **surroundings: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        cwd=folder, env={**os.environ, **surroundings}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_no_variable_and_no_matplotlibrc_reaches_a_picture(tmp_path: Path) -> None:
    """In processes of their own: matplotlib reads them when it is imported."""
    plain = draw(tmp_path)
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "matplotlibrc").write_bytes(b"\xff\xfe not text\n")
    home = tmp_path / "home" / ".config" / "matplotlib"
    home.mkdir(parents=True)
    (home / "matplotlibrc").write_text("axes.titlesize: 40\nnosuchkey: 1\n")
    told = {
        "MPLBACKEND": "nosuchbackend",
        "MATPLOTLIBRC": str(strange),
        "HOME": str(tmp_path / "home"),
    }
    assert draw(strange, **told) == plain


def test_settings_of_the_process_do_not_reach_a_picture_and_come_back() -> None:
    with matplotlib.rc_context({"font.size": 3, "lines.linewidth": 9, "text.parse_math": True}):
        with pictures.own_settings({"font.size": 7}):
            inside = dict(matplotlib.rcParams)
        assert matplotlib.rcParams["font.size"] == 3
    assert (inside["font.size"], inside["lines.linewidth"]) == (7, 1.5)
    assert inside["text.parse_math"] is False


@pytest.mark.parametrize(
    "text", ["$", "a $b$ \\frac", "$\\nosuch{$", "_hidden", "\N{SNOWMAN} ☃ 数", "%s {x}"]
)
def test_text_is_drawn_as_text(text: str) -> None:
    with pictures.own_settings():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure()
        axes = figure.subplots()
        axes.plot([1, 2], label=pictures.plain_label(text))
        axes.set_xlabel(text)
        legend = axes.legend()
        FigureCanvasAgg(figure).draw()
    assert [entry.get_text().strip() for entry in legend.get_texts()] == [text]
