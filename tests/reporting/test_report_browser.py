"""The page in a real browser, headless: it draws, hovers, zooms, sorts and stays offline."""

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from synthetic_runs import write_run

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium or chrome is installed")

# The browser itself phones home whatever it is told; no name resolves, so nothing leaves.
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--window-size=1200,900",
    "--virtual-time-budget=4000",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

# Runs inside the page after its own script; what it finds ends up in the dumped DOM.
PROBE = Path(__file__).with_name("probe.js")
"""Uses the page, and writes what it found into it."""


def browse(page, profile, *options):
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


@pytest.fixture(scope="module")
def visit(sweep, tmp_path_factory):
    """Open the page once, probe it, and keep what it did."""
    from irnn.report import main

    out = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("irnn.reporting.figures.write_figures", lambda *_: [])
        assert main([str(sweep), "--out", str(out)]) == 0
    page = out / "report.html"
    probe = f"<script>\n{PROBE.read_text()}</script>\n</body>"
    page.write_text(page.read_text().replace("</body>", probe))
    log = out / "net.json"
    done = browse(page, out / "profile", f"--log-net-log={log}", "--dump-dom")
    text = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S).group(1)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return json.loads(text), done.stderr, log


@pytest.fixture(scope="module")
def found(visit):
    return visit[0]


def test_the_page_raises_nothing_and_logs_nothing(visit):
    found, errors, _ = visit
    assert "error" not in found, found.get("error")
    assert [line for line in errors.splitlines() if "CONSOLE" in line] == []


def requests_of_the_page(log):
    """URLs that a page asked for, from Chromium's network log; its own have no origin."""
    text = log.read_text()
    try:
        events = json.loads(text)["events"]
    except ValueError:  # the browser left before closing its log
        events = json.loads(f"{text.rstrip().rstrip(',')}]}}")["events"]
    asked = [event["params"] for event in events if "initiator" in event.get("params", {})]
    return {each["url"] for each in asked if each["initiator"] != "not an origin"}


def test_the_page_makes_no_request(visit):
    found, _, log = visit
    assert found["requests"] == []
    assert requests_of_the_page(log) == set()


def test_a_request_would_be_seen(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<img src="http://127.0.0.1:9/picture.png">')
    browse(page, tmp_path / "profile", f"--log-net-log={tmp_path / 'net.json'}", "--dump-dom")
    assert requests_of_the_page(tmp_path / "net.json") == {"http://127.0.0.1:9/picture.png"}


def test_every_seed_every_median_and_every_divergence_is_drawn(found):
    assert (found["seeds"], found["medians"]) == (8, 8)
    assert found["crosses"] == 7
    assert found["baseline"] == 1


def test_the_legend_says_how_many_runs_of_a_group_diverged(found):
    assert sum(found["crossed"]) == 7


def test_hovering_shows_the_value_and_the_run(found):
    assert re.fullmatch(
        r"update [\d,]+: held-out MSE 0\.\d+\|.*seq_len=150, optim=adam, seed \d\|irnn-T150-adam.*",
        found["hover"],
    )
    assert found["away"] == ""


def test_dragging_zooms_and_reset_returns(found):
    assert found["zoomed"] != found["before"]
    assert found["reset"] == found["before"]


def test_dragging_within_the_left_margin_changes_nothing(found):
    assert found["margin"] == {"ticks": found["before"], "drawn": 8}
    assert found["inMargin"] == found["fromMargin"]


def test_a_drag_that_begins_or_ends_beside_the_chart_zooms_to_its_edge(found):
    assert found["fromMargin"]["ticks"][0] == "0"
    assert found["fromMargin"]["ticks"] != found["before"]
    assert found["fromMargin"]["drawn"] == 8
    assert "20,000" in found["toRight"]["ticks"]
    assert found["toRight"]["drawn"] > 0


def test_zooming_out_stops_at_the_last_update(found):
    assert found["out"] == found["before"]


def test_groups_can_be_hidden(found):
    assert found["hidden"] == 0


def test_the_keyboard_reads_values_too(found):
    assert found["keyboard"].startswith("update 0: held-out MSE")


def test_the_length_chart_names_its_points_and_chooses_published_rows(found):
    assert re.search(r"T = \d+", found["length"])
    assert found["all"] > found["published"] > 0
    assert found["unpublished"] == 0


def test_clicking_a_point_leads_to_its_run(found):
    assert found["clicked"].startswith("#run-irnn-T150-adam")
    assert found["row"]


def test_resting_on_a_name_fades_the_other_groups(found):
    assert found["faded"] == 7
    assert found["back"] == 0


def test_every_finished_run_with_finite_losses_is_in_the_overfitting_chart(found):
    assert found["overfit"] == 24 - 7


def test_sorting_orders_numbers_by_size_and_never_last(found):
    plain = [text.replace(",", "") for text in found["up"]]
    assert found["sort"] == "ascending"
    reached = [int(text) for text in plain if text.isdigit()]
    assert reached == sorted(reached)
    assert plain == [str(n) for n in reached] + [">20000"] + ["never"] * 3
    assert found["down"] == found["up"][::-1]


def test_the_axis_counts_updates_epochs_sequences_and_seconds(found):
    epochs, sequences, seconds, updates = found["units"]
    assert epochs[-2:] == ["epochs", "held-out MSE"] or "epochs" in epochs
    assert "3" in epochs  # 20,000 updates of 16 sequences, 100,000 to an epoch: 3.2
    assert "300,000" in sequences
    assert "40" in seconds  # 20,000 updates at 500 a second
    assert updates == found["before"]


def test_curves_are_seeds_medians_or_a_band_of_quartiles(found):
    band, median, seeds, both = found["lines"]
    assert (band, median, seeds, both) == ([8, 8, 0], [0, 8, 0], [0, 0, 8], [0, 8, 8])


def test_every_metric_of_the_records_can_be_drawn_on_the_axis_that_suits_it(found):
    kinds = {kind: (log, drawn) for kind, log, drawn, _ in found["kinds"]}
    assert set(kinds) == {
        "h",
        "t",
        "both",
        "grad_norm",
        "clip_fraction",
        "lr",
        "spectral_radius",
        "identity_distance",
        "steps_per_second",
    }
    assert {kind for kind, (log, _) in kinds.items() if log} == {
        "h",
        "t",
        "both",
        "grad_norm",
        "lr",
    }
    assert all(drawn for kind, (_, drawn) in kinds.items() if kind != "both")
    assert len({str(ticks) for _, _, _, ticks in found["kinds"]}) >= 8


def test_both_axes_are_linear_or_logarithmic(found):
    paths = [path for path, *_ in found["logs"]]
    assert len(set(paths)) == 4
    assert not any("NaN" in path for path in paths)
    assert "100,000" not in found["logs"][1][3]


def test_runs_are_grouped_by_any_settings_and_names_say_only_what_differs(found):
    assert found["keys"][:2] == ["seq_len", "optim"]
    assert found["keys"][-1] == "seed"
    assert [name.split(" (")[0] for name in found["byOptim"]] == ["optim=adam", "optim=sgd"]
    assert [name.split(" (")[0] for name in found["pooled"]] == ["all runs"]
    assert [name.split(" (")[0] for name in found["bySeed"]] == ["seed=0", "seed=1", "seed=2"]


def test_a_filter_keeps_runs_by_setting_and_status_and_says_how_many(found):
    adam, diverged, nothing, everything = found["filtered"]
    assert adam == [[f"seq_len={T}" for T in (150, 200, 300, 400)], "8 of 24 runs meet the filter"]
    assert diverged[1] == "7 of 24 runs meet the filter"
    assert nothing == [[], "0 of 24 runs meet the filter"]
    assert len(everything[0]) == 8
    assert everything[1] == ""


def test_what_is_drawn_can_be_taken_away_as_drawing_and_numbers(found):
    assert found["saved"][:2] == ["learning_curves.svg", "learning_curves.csv"]
    svg, table = found["texts"]
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in svg
    assert "seq_len=400, optim=sgd" in svg
    rows = list(csv.DictReader(table.splitlines()))
    assert set(rows[0]) == {"group", "run", "seed", "line", "updates", "held-out MSE"}
    assert {row["line"] for row in rows} == {
        f"{line} held-out" for line in ("median", "lower quartile", "upper quartile")
    }
    first = next(row for row in rows if row["updates"] == "0")
    assert 0.1 < float(first["held-out MSE"]) < 0.3


def test_a_number_opens_the_runs_behind_it(found):
    assert found["opened"]


def test_nothing_is_wider_than_the_window(found):
    assert found["overflow"] == 0


def test_every_task_of_a_page_is_drawn_and_reads_its_own_metric(tmp_path):
    from irnn.reporting.charts import page_data
    from irnn.reporting.folders import find_folders
    from irnn.reporting.load import load_runs
    from irnn.reporting.page import render_page
    from irnn.reporting.summary import summarise_tasks

    for task in ("adding", "temporal_order"):
        write_run(tmp_path / "runs", task=task)
    runs = load_runs(find_folders([str(tmp_path / "runs")]))
    summaries = summarise_tasks(runs.runs)
    page = tmp_path / "report.html"
    text = render_page(runs, summaries, None, page_data(summaries), tmp_path)
    choose = (
        "<script>const kind = document.getElementById('curves-kind-task1'); kind.value = 'both';"
        "kind.dispatchEvent(new Event('change'));</script>"
    )
    for probe, label, lines in (("", "held-out accuracy", 1), (choose, ">loss<", 0)):
        page.write_text(text.replace("</body>", f"{probe}</body>"))
        done = browse(page, tmp_path / "profile", "--dump-dom")
        first, second = (
            re.search(f'<figure id="curves-figure{mark}">.*?</svg>', done.stdout, re.S).group(0)
            for mark in ("", "-task1")
        )
        assert "held-out MSE" in first
        assert "1/6: always answering 1" in first
        assert label in second
        assert second.count('class="baseline"') == lines
        assert second.count('class="median"') == (2 if probe else 1)
        assert "CONSOLE" not in done.stderr
