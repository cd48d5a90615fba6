"""A learning curve is drawn by one module, whatever picture it is in."""

import ast
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from irnn.system import curves, pictures

ROOT = Path(__file__).parents[1]
LOSS = curves.Score("held-out MSE", [(1 / 6, "answering 1")], most=10.0)
SHARE = curves.Score("accuracy", [(0.25, "guessing")], higher=True)


@pytest.fixture
def axes() -> Iterator[object]:
    with pictures.own_settings():
        from matplotlib.figure import Figure

        yield Figure().subplots()


def drawn(axes) -> list[tuple[list[float], list[float]]]:
    """The data of the lines but for those of trivial answers."""
    return [
        (list(each.get_xdata()), list(each.get_ydata()))
        for each in axes.lines
        if list(each.get_xdata()) != [0, 1]
    ]


def test_a_loss_is_logarithmic_and_a_share_is_not(axes) -> None:
    curves.prepare(axes, SHARE)
    assert axes.get_yscale() == "linear"
    curves.prepare(axes, LOSS)
    assert (axes.get_yscale(), axes.get_xlabel(), axes.get_ylabel()) == (
        "log",
        "updates",
        "held-out MSE",
    )


def test_the_trivial_answer_has_its_line_and_its_words(axes) -> None:
    curves.prepare(axes, LOSS)
    [one] = axes.lines
    assert list(one.get_ydata()) == [1 / 6, 1 / 6]
    assert one.get_label() == "answering 1"


def test_a_score_that_is_not_finite_breaks_the_line_and_a_huge_one_runs_along_the_top(axes) -> None:
    curves.line(axes, [(0, 0.1), (1, None), (2, 1e9)], LOSS, label="a", colour="k")
    [(_, heights)] = drawn(axes)
    assert heights[0] == 0.1
    assert math.isnan(heights[1])
    assert heights[2] == 10.0


@pytest.mark.parametrize(
    ("points", "marker"), [([(0, 0.1)], "o"), ([(0, 0.1), (3, None)], "o"), ([(0, 1), (1, 1)], "")]
)
def test_a_single_point_is_seen(axes, points, marker) -> None:
    curves.line(axes, points, LOSS, label="a", colour="k")
    assert axes.lines[0].get_marker() == marker


def test_an_explosion_is_crossed_where_its_run_was_by_then(axes) -> None:
    points = [(0, 0.2), (10, 0.1), (20, None), (30, 0.05)]
    curves.explosion(axes, points, 12, LOSS, colour="k")
    curves.explosion(axes, [], 5, LOSS, colour="k")
    assert drawn(axes) == [([12], [0.1]), ([5], [10.0])]


def test_updates_are_whole_numbers_on_the_shortest_curve(axes) -> None:
    curves.prepare(axes, LOSS)
    axes.set_xlim(0, 3)
    texts = [axes.xaxis.get_major_formatter()(tick) for tick in axes.get_xticks()]
    assert len(set(texts)) == len(texts)


def test_thresholds_stand_at_their_update(axes) -> None:
    curves.thresholds(axes, {"0.9": 1200, "0.99": None}, SHARE, "k")
    assert drawn(axes) == [([1200], [0.9])]
    [box] = axes.texts
    assert box.get_text().splitlines()[0] == "held-out first above"
    assert "at 1,200" in box.get_text()
    assert "never" in box.get_text()


DRAWERS = (
    "src/irnn/runs/curve.py",
    "src/irnn/reporting/figures.py",
    "docs/records/claim_figures.py",
    "docs/records/2026-11-24-long/figures.py",
)


@pytest.mark.parametrize("file", DRAWERS)
def test_every_picture_of_curves_has_its_axes_and_lines_from_there(file: str) -> None:
    """None of them makes an axis of updates by itself."""
    tree = ast.parse((ROOT / file).read_text())
    calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert any(call.startswith(("curves.prepare(", "loss_curves.prepare(")) for call in calls)
    labels = [
        call for call in calls if "set_xlabel('updates')" in call or "xlabel='updates'" in call
    ]
    assert labels == []
