"""The page as text: self-contained, linked to its runs, and wary of what it mixes."""

import itertools
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from synthetic_runs import config, loaded, write_run, write_sweep

from irnn.reporting.heatmap import heatmaps, ramp
from irnn.reporting.page import _breakable
from irnn.reporting.sections import survival
from irnn.reporting.summary import summarise
from irnn.tasks.published_rows import rows_of

VOID = {"meta", "link", "input", "br", "wbr"}


class Outline(HTMLParser):
    """Collect links, ids and text, and check that every element is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.ids, self.sources = [], [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "a":
            self.links.append(attributes["href"])
        self.sources += [v for k, v in attrs if k == "src" or (k == "href" and tag == "link")]
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(autouse=True)
def no_figures(request, monkeypatch):
    """Drawing takes most of a report's time and is tested with the command."""
    if "draws_figures" not in request.fixturenames:
        monkeypatch.setattr("irnn.reporting.figures.write_figures", lambda *_: [])


@pytest.fixture
def draws_figures():
    """Ask for real figures."""


def page_of(report, root, out, *options):
    assert report(root, "--out", out, *options)[0] == 0
    text = (out / "report.html").read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    return text, outline


def test_the_page_asks_the_network_for_nothing(report, sweep, tmp_path):
    text, outline = page_of(report, sweep, tmp_path)
    assert outline.sources == ["data:,"]
    assert "default-src 'none'" in text
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    assert "@import" not in text
    assert "url(#" in text
    assert "url(h" not in text


def test_every_link_leads_somewhere(report, tmp_path):
    write_sweep(tmp_path / "a root, with spaces & such", seq_lens=(150,))
    _, outline = page_of(report, tmp_path / "a root, with spaces & such", tmp_path / "out")
    inside = [link[1:] for link in outline.links if link.startswith("#")]
    outside = [link for link in outline.links if not link.startswith("#")]
    assert set(inside) <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    assert len(outside) >= 12
    assert all((tmp_path / "out" / unquote(link)).exists() for link in outside)


def test_links_stay_relative_so_that_runs_and_report_can_move_together(report, tmp_path):
    write_run(tmp_path / "results")
    _, outline = page_of(report, tmp_path / "results", tmp_path / "out")
    outside = [link for link in outline.links if not link.startswith("#")]
    beside = {link for link in outside if not link.startswith("../results/")}
    assert beside <= {"summary.csv", "summary.parquet"}
    assert len(outside) > len(beside)


def test_tables_and_pictures_beside_the_page_are_linked(report, sweep, tmp_path, draws_figures):
    _, outline = page_of(report, sweep, tmp_path)
    written = {
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != "report.html"
    }
    assert {"summary.csv", "figures/learning_curves.png", "figures/learning_curves.svg"} <= written
    assert written <= set(outline.links)


def test_names_in_runs_cannot_inject_markup(report, tmp_path):
    tree = config(task__name="</script><img src=x onerror=alert(1)>")
    write_run(tmp_path / "results", tree)
    write_run(tmp_path / "results", config(seed=1))
    write_run(tmp_path / "results", config(init__name="</script><img src=y>"))
    text, outline = page_of(report, tmp_path / "results", tmp_path / "out")
    assert "<img" not in text
    assert outline.sources == ["data:,"]


def test_the_charts_data_is_json_without_nan(report, tmp_path):
    write_run(tmp_path / "results", status="diverged")
    text, _ = page_of(report, tmp_path / "results", tmp_path / "out")
    data = re.search(r'id="data">(.*?)</script>', text, re.S).group(1)
    parsed = json.loads(data, parse_constant=lambda name: pytest.fail(name))
    [run] = parsed["groups"][0]["runs"]
    assert run["h"][-1] is None
    assert run["e"] == [[8000, "gradient norm is inf"]]


def test_the_published_rows_stand_on_the_page_with_their_sources(report, sweep, tmp_path):
    text, _ = page_of(report, sweep, tmp_path)
    for row in rows_of("adding"):
        assert row.source in text
    assert "14,000 updates" in text
    assert "9 of 21 runs" in text


def test_published_rows_that_never_solved_say_so():
    rows = {(row.model, row.seq_len): row for row in rows_of("adding") if "wRNN" in row.source}
    assert rows["IRNN", 700].never
    assert not rows["IRNN", 400].never


def test_skipped_folders_are_named_on_the_page(report, tmp_path):
    write_run(tmp_path / "results")
    (tmp_path / "results" / "half-written").mkdir()
    text, _ = page_of(report, tmp_path / "results", tmp_path / "out")
    assert "Skipped half-written: has no config.yaml" in text


def test_of_many_groups_the_best_are_shown_and_look_different(tmp_path, section):
    for number in range(24):
        status = "solved" if number >= 20 else "exhausted"
        write_run(tmp_path, config(clip=1.0 + number), status=status)
    runs = loaded(tmp_path).runs
    summary = summarise(runs)
    best = summary.ranked[:4]
    assert sorted(best) == [20, 21, 22, 23]
    assert [summary.styles[index] for index in best] == [0, 1, 2, 3]
    assert len(set(summary.styles)) == 24
    figures = section(runs, "overview").split("</table>")[0]
    assert [f"clip={clip}" in figures for clip in (21, 22, 23, 24)] == [True] * 4
    assert figures.count("<tr") == 1 + 8
    assert summarise(runs[:8]).styles == tuple(range(8))


def test_a_grid_of_two_numeric_settings_becomes_a_heat_map(tmp_path, report, draws_figures):
    for lr in (0.001, 0.01):
        for clip in (1.0, None):
            write_run(tmp_path / "results", config(clip=clip, optim__lr=lr))
    grids, left = heatmaps(summarise(loaded(tmp_path / "results").runs))
    assert left == 0
    assert [(grid.rows, grid.columns) for grid in grids] == [((0.001, 0.01), (1.0, None))]
    text, _ = page_of(report, tmp_path / "results", tmp_path / "out")
    assert "lr (down) by clip (across)" in text
    assert (tmp_path / "out" / "figures" / "grid_0.svg").exists()


def test_a_category_makes_no_axis(sweep):
    assert heatmaps(summarise(loaded(sweep).runs)) == ([], 0)


def test_heat_map_text_contrasts_with_its_ground():
    """At least 4.5 to 1, WCAG 2.1, criterion 1.4.3."""

    def luminance(channels):
        scaled = [c / 255 for c in channels]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in scaled]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for share in (number / 50 for number in range(51)):
        ground, text = ramp(share)
        back = luminance([int(part) for part in ground[4:-1].split(",")])
        front = luminance([int(text[i : i + 2], 16) for i in (1, 3, 5)])
        contrast = (max(back, front) + 0.05) / (min(back, front) + 0.05)
        assert contrast >= 4.5, share


def test_the_page_says_what_became_of_the_groups_that_are_not_drawn(tmp_path, section):
    for number in range(10):
        for seed in range(2):
            status = "diverged" if (number, seed) == (9, 1) else "solved"
            write_run(tmp_path, config(seed, clip=1.0 + number), status=status)
    page = section(loaded(tmp_path).runs, "overview")
    assert "tick the others above (4 runs, 1 of which diverged at least once)" in page
    few = section(loaded(tmp_path).runs[:4], "overview")
    assert "tick the others" not in few


def test_the_first_screen_names_the_task_and_what_solved_means(report, tmp_path):
    write_run(tmp_path / "runs")
    text, _ = page_of(report, tmp_path / "runs", tmp_path / "out")
    about = re.search('<p class="dim">(.*?)[.] ', text).group(1)
    assert about == "Task adding, T = 150; solved: held-out MSE below 0.001"


def test_the_heading_is_the_first_sentence_and_what_would_tell_stands_below(report, tmp_path):
    for seed, optim in itertools.product(range(3), ("adam", "sgd")):
        write_run(tmp_path / "runs", config(seed, optim=optim), "solved", 5000 + 100 * seed)
    text, _ = page_of(report, tmp_path / "runs", tmp_path / "out")
    heading = re.search("<h1>(.*?)</h1>", text).group(1)
    assert re.match("(adam|sgd) solves 3 of 3 seeds, .*; that may be chance", heading)
    assert heading.count(".") - heading.count("0.") <= 1
    assert re.search('<p class="more">(It takes|They are|About)', text)


def test_names_of_settings_fold_where_their_words_meet(section, tmp_path):
    for rate in (0.1, 1.0):
        write_run(tmp_path, config(optim__recurrent_lr_scale=rate))
    parts = summarise(loaded(tmp_path).runs)
    assert parts.labels == ("recurrent_lr_scale",)
    assert "recurrent_<wbr>lr_<wbr>scale" in _breakable("recurrent_lr_scale")
    assert "&" not in _breakable("recurrent_lr_scale")


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ({0.001: "solved", 0.01: "exhausted"}, "success rate, dark 0 % to bright 100 %"),
        ({0.001: "solved", 0.01: "solved"}, "median updates to 0.001, dark most to bright fewest"),
        ({0.001: "exhausted", 0.01: "exhausted"}, "median of the best held-out MSE, dark worst"),
    ],
)
def test_a_grid_is_coloured_by_what_tells_its_cells_apart(tmp_path, section, statuses, meaning):
    for number, (lr, clip) in enumerate(itertools.product((0.001, 0.01), (1.0, 5.0))):
        tree = config(number, optim__lr=lr, clip=clip)
        write_run(tmp_path, tree, statuses[lr], 4000 + 1000 * number)
    page = section(loaded(tmp_path).runs, "heatmaps")
    assert f"Colour: {meaning}" in page
    assert len(set(re.findall("background:(rgb[^;]*)", page))) > 1


def test_where_nobody_solves_the_share_is_of_the_hardest_threshold_that_somebody_passed(tmp_path):
    path = write_run(tmp_path, config()) / "result.json"
    assert survival(summarise(loaded(tmp_path).runs))[1] == "goal"
    told = json.loads(path.read_text())
    solved_at = {**told["solved_at"], "0.001": None}
    path.write_text(json.dumps({**told, "status": "exhausted", "solved_at": solved_at}))
    assert survival(summarise(loaded(tmp_path).runs))[1] == "0.01"
    solved_at = dict.fromkeys(solved_at)
    path.write_text(json.dumps({**told, "status": "exhausted", "solved_at": solved_at}))
    assert survival(summarise(loaded(tmp_path).runs))[1] == "goal"
