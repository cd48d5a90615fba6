"""Every control of the page in a real browser: it acts, and the keyboard reaches it."""

import shutil
from pathlib import Path

import pytest
from browser import browsing

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium or chrome is installed")

# What must have been pressed for a control to have something to do.
BEFORE = {
    "curves-all": "curves-none",
    "curves-in": "curves-all",
    "curves-out": "curves-in",
    "curves-reset": "curves-in",
}
INSIDE = Path(__file__).with_name("controls.js")


@pytest.fixture(scope="module")
def page(sweep, tmp_path_factory):
    """The page of a comparison, opened in a browser."""
    from irnn.report import main

    out = tmp_path_factory.mktemp("controls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("irnn.reporting.figures.write_figures", lambda *_: [])
        patch.delenv("IRNN_RUNS", raising=False)
        assert main([str(sweep), "--out", str(out), "--compare", "optim=adam", "optim=sgd"]) == 0
    with browsing(CHROMIUM, out / "profile") as opened:
        opened.size(1280, 900)
        opened.open((out / "report.html").as_uri())
        opened.ask(INSIDE.read_text())
        yield opened


def test_every_table_and_chart_can_be_heard(page):
    assert page.ask("unheard()") == []


def test_the_keyboard_reaches_every_control_and_every_chart(page):
    wanted = page.ask("listenToFocus()")
    for _ in range(wanted + 5):
        page.press("Tab", 9)
    missed = (
        "wanted.filter((node) => !reached.has(node)).map((node) => node.outerHTML.slice(0, 90))"
    )
    assert page.ask(missed) == []


@pytest.mark.parametrize(("width", "height", "phone"), [(390, 844, True), (1280, 900, False)])
def test_nothing_is_wider_than_the_screen_whatever_is_open(page, width, height, phone):
    page.size(width, height, phone)
    page.ask("for (const each of document.querySelectorAll('details')) each.open = true; 1")
    inside = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    page.until(f"innerWidth === {width}")
    assert page.ask(inside)
    assert page.ask("cutOff()") == []
    page.size(1280, 900)


LOWEST = """(lines) => {
  const choice = document.getElementById("curves-lines");
  choice.value = lines;
  choice.dispatchEvent(new Event("change"));
  const chart = document.querySelector("#curves-figure svg.chart");
  const drawn = [...chart.querySelectorAll(".median, .seed")].flatMap(
    (line) => [...line.getAttribute("d").matchAll(/[ML][-\\d.]+ ([-\\d.]+)/g)].map((found) => +found[1]));
  return chart.viewBox.baseVal.height - 42 - Math.max(...drawn);
}"""
"""Draws lines; gives how far above the axis the lowest one ends."""


def test_the_axis_is_of_the_lines_that_are_drawn(page):
    """Of medians alone it does not reach down to a seed that is far below the others."""
    was = page.ask("[...PARTS[0].groups[0].runs[0].h]")
    page.ask("PARTS[0].groups[0].runs[0].h.fill(1e-8, 3); 1")
    for lines in ("seeds", "median", "all"):
        assert 0 <= page.ask(f"({LOWEST})('{lines}')") < 25
    page.ask(f"PARTS[0].groups[0].runs[0].h = {was}; 1")


def test_charts_are_drawn_anew_for_paper_and_for_the_screen_after_it(page):
    """A chart of a wide screen would shrink on paper, and its words with it."""
    sizes = "[...document.querySelectorAll('svg.chart')].map((each) => each.viewBox.baseVal.width)"
    shown = page.ask(sizes)
    assert max(shown) > 1000
    page.ask("dispatchEvent(new Event('beforeprint')); 1")
    assert {*page.ask(sizes)} == {600}
    page.ask("dispatchEvent(new Event('afterprint')); 1")
    assert page.ask(sizes) == shown


def test_warnings_settings_and_sources_are_printed_unfolded(page):
    assert page.ask("document.querySelectorAll('details.printed').length") >= 2
    page.ask("document.querySelectorAll('details').forEach((each) => { each.open = false; }); 1")
    page.ask("dispatchEvent(new Event('beforeprint')); 1")
    assert page.ask("document.querySelectorAll('details.printed:not([open])').length") == 0


def test_the_legend_names_the_groups_in_the_order_of_the_key_figures(page):
    names = "[...document.querySelectorAll('[id^=curves-legend] label')].map((each) => each.innerText.trim())"
    rows = "[...document.querySelectorAll('.split tbody tr')].map((row) => row.cells[0].innerText)"
    wanted = page.ask(rows)
    assert len(wanted) >= 2
    assert [name.split(" (")[0] for name in page.ask(names)][: len(wanted)] == wanted


def test_every_control_does_something_and_the_console_stays_empty(page):
    done = page.ask(f"useEveryControl({BEFORE})")
    assert done["idle"] == []
    assert done["tried"] > 40
    assert page.messages == []
    assert [
        each for each in page.requests if not each.startswith(("file:", "data:", "blob:"))
    ] == []
