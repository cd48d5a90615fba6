"""Two settings side by side, the share solved against updates, and scores at the end."""

import json

import pytest
from synthetic_runs import config, write_run
from test_report_live import CHROMIUM

from irnn.reporting import sections
from irnn.reporting.charts import page_data
from irnn.reporting.compare import compare
from irnn.reporting.comparison_text import sentences
from irnn.reporting.folders import find_folders
from irnn.reporting.load import load_runs
from irnn.reporting.outcomes import final_score
from irnn.reporting.sides import opened, side_by_side
from irnn.reporting.summary import summarise, summarise_tasks

TABLE = """[...document.querySelectorAll("#sides-table tr")].map(
  (row) => [...row.cells].map((cell) => cell.textContent))"""
CHOOSE = """(id, value) => {
  const node = document.getElementById(id);
  node.value = value;
  node.dispatchEvent(new Event("change"));
}"""
CATCH = """
window.saved = [];
const made = URL.createObjectURL;
let blob = null;
URL.createObjectURL = (each) => { blob = each; return made(each); };
HTMLAnchorElement.prototype.click = function () { saved.push({ name: this.download, blob }); };
"""
PATHS = "document.querySelectorAll('#survival-figure path').length"


def runs_in(root):
    return load_runs(find_folders([str(root)])).runs


def test_any_two_groups_have_their_numbers_and_what_their_rates_tell(sweep):
    summary = summarise(runs_in(sweep))
    told = side_by_side(summary)
    assert len(told["groups"]) == 8
    assert all(len(cells) == len(told["rows"]) for cells in told["groups"])
    assert len(told["pairs"]) == 8 * 7 / 2
    named = dict(zip(told["rows"], told["groups"][0], strict=True))
    assert named["optim"] == {"w": "adam", "s": True}
    assert named["success rate"]["w"].startswith("3 of 3: 100 %")
    assert named["updates to 0.05, median"]["n"] == pytest.approx(
        summary.groups[0].crossings["0.05"].median.value
    )


def test_turning_the_sides_turns_the_difference(tmp_path):
    for seed in range(4):
        write_run(tmp_path, config(seed, optim="adam"))
        write_run(tmp_path, config(seed, optim="sgd"), "exhausted")
    [(forth, back)] = side_by_side(summarise(runs_in(tmp_path)))["pairs"].values()
    assert forth.startswith(
        "Success rate, second minus first: -100 points (95 % interval -100 to -"
    )
    assert back.startswith("Success rate, second minus first: +100 points (95 % interval +")
    assert "Fisher's exact test: p = 0.029" in forth
    assert "Fisher's exact test: p = 0.029" in back


def two_lengths(root):
    """Adam solves at both lengths, SGD at neither."""
    for seed in range(3):
        for seq_len in (150, 300):
            write_run(root, config(seed, seq_len=seq_len, optim="adam"))
            write_run(root, config(seed, seq_len=seq_len, optim="sgd"), "exhausted")
    return runs_in(root)


def settings_of(summary, pair):
    keys = [summary.keys.index(key) for key in ("task.seq_len", "optim.name")]
    return [tuple(summary.groups[index].values[key] for key in keys) for index in pair]


def test_the_sides_of_the_verdict_stand_side_by_side_at_first_lengths_matched(tmp_path):
    """The two groups that do best differ in nothing but the length, which nobody compares."""
    summary = summarise(two_lengths(tmp_path))
    best = settings_of(summary, summary.ranked[:2])
    assert best[0][1] == best[1][1] == "adam"
    (length, first), (other_length, second) = settings_of(summary, opened(summary, None))
    assert (first, second) == ("adam", "sgd")
    assert length == other_length


def test_what_was_asked_to_be_compared_stands_side_by_side_at_first(tmp_path):
    runs = two_lengths(tmp_path)
    for asked in (("optim=sgd", "optim=adam"), ("seq_len=300", "seq_len=150")):
        summary = summarise(runs)
        pair = settings_of(summary, opened(summary, compare(runs, *asked)))
        shown = [(f"seq_len={length}", f"optim={optim}") for length, optim in pair]
        assert all(side in settings for side, settings in zip(asked, shown, strict=True))
        assert len({*shown[0], *shown[1]}) == 3  # one setting differs
        page = sections.sides(summary, compare(runs, *asked))
        assert (int(page.first), int(page.second)) == opened(summary, compare(runs, *asked))


def test_a_score_at_the_end_counts_a_diverged_run_as_worse_than_any(tmp_path):
    for seed, status in enumerate(("diverged", "diverged", "exhausted")):
        write_run(tmp_path / "mostly", config(seed), status)
    assert final_score(runs_in(tmp_path / "mostly")) != final_score(runs_in(tmp_path / "mostly"))
    write_run(tmp_path / "mostly", config(3), "exhausted")
    write_run(tmp_path / "mostly", config(4), "exhausted")
    assert 0.1 < final_score(runs_in(tmp_path / "mostly")) < 0.3
    assert final_score([]) != final_score([])


def test_a_diverged_run_is_worse_than_any_whatever_its_last_score(tmp_path):
    path = write_run(tmp_path, config(0), "diverged") / "result.json"
    result = json.loads(path.read_text())
    path.write_text(json.dumps({**result, "test_mse": 0.001}))
    [run] = runs_in(tmp_path)
    assert run.value == 0.001
    assert final_score([run]) != final_score([run])


def test_a_comparison_tells_scores_at_the_end_and_at_their_best(tmp_path):
    for seed in range(5):
        write_run(tmp_path, config(seed, optim="adam"), "exhausted")
        write_run(tmp_path, config(seed, optim="sgd"), "diverged")
    lines = sentences(compare(runs_in(tmp_path), "optim=adam", "optim=sgd"))
    assert lines[2].startswith("optim=adam ends better (median held-out MSE at the end: 0.1")
    assert "against not finite, at its best: 0.1" in lines[2]
    assert "p = 0.0079" in lines[2]


def test_published_shares_say_at_which_threshold(sweep):
    rows = page_data(summarise_tasks(runs_in(sweep)))["published"]
    assert {row["of"] for row in rows if row["threshold"] == "rate"} == {"0.01", "0.05", "0.1"}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or chrome is installed")
def test_the_page_holds_two_settings_side_by_side_and_draws_the_share_solved(
    sweep, tmp_path, report
):
    from browser import browsing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("irnn.reporting.figures.write_figures", lambda *_: [])
        assert report(sweep, "--out", tmp_path)[0] == 0
    with browsing(CHROMIUM, tmp_path / "profile") as page:
        page.open((tmp_path / "report.html").as_uri())
        rows = page.ask(TABLE)
        assert rows[0][0] == ""
        assert rows[0][3] == "second minus first"
        assert "seq_len=150, optim=adam" in rows[0][1:3]
        page.ask(f"({CHOOSE})('sides-a', '0'); ({CHOOSE})('sides-b', '1')")
        names = [row[0] for row in page.ask(TABLE)]
        assert "optim" in names
        assert "seq_len" not in names  # they agree in it
        forth = page.ask("document.getElementById('sides-told').textContent")
        page.ask(f"({CHOOSE})('sides-a', '1'); ({CHOOSE})('sides-b', '0')")
        back = page.ask("document.getElementById('sides-told').textContent")
        assert forth.replace("-", "+")[:40] == back.replace("-", "+")[:40]
        assert forth != back
        page.ask(f"({CHOOSE})('sides-b', '1')")
        assert page.ask("document.getElementById('sides-told').textContent") == (
            "Choose two different settings."
        )

        drawn = "document.querySelectorAll('#survival-figure .median').length"
        path = "document.querySelector('#survival-figure .median').getAttribute('d')"
        assert page.ask(drawn) == 8
        seen = {page.ask(path)}
        options = page.ask(
            "[...document.getElementById('survival-threshold').options].map((o) => o.value)"
        )
        assert options == ["goal", "0.1", "0.05", "0.01", "0.001"]
        for value in options[1:]:
            page.ask(f"({CHOOSE})('survival-threshold', '{value}')")
            seen.add(page.ask(path))
        assert len(seen) >= 4
        page.ask(f"({CHOOSE})('survival-threshold', '0.05')")
        all_rows = page.ask(f"({CHOOSE})('survival-published', 'all'); {PATHS}")
        assert page.ask(f"({CHOOSE})('survival-published', 'none'); {PATHS}") < all_rows
        page.ask("document.getElementById('survival-logx').click()")
        assert "NaN" not in page.ask(path)
        page.ask("document.querySelector('#survival-legend input').click()")
        assert page.ask(drawn) == 7
        page.ask(CATCH)
        page.ask("document.getElementById('curves-png').click()")
        page.ask("document.getElementById('survival-png').click()")
        page.until("saved.length === 2")
        assert page.ask("saved.map((each) => each.name).sort()") == [
            "learning_curves.png",
            "share_solved.png",
        ]
        assert page.ask(
            "Promise.all(saved.map(({ blob }) => createImageBitmap(blob)))"
            ".then((made) => made.every(({ width }) => width > 800))"
        )
        label = page.ask("document.querySelector('#curves-figure svg').getAttribute('aria-label')")
        assert label.startswith(
            "held-out MSE against updates, medians: seq_len=150, optim=adam from 0.1"
        )
        assert page.messages == []
        assert [each for each in page.requests if not each.startswith(("file:", "data:"))] == []


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or chrome is installed")
def test_the_share_solved_is_that_of_kaplan_and_meier(tmp_path, report):
    """Freireich et al. 1963, in weeks: remission of 21 patients given 6-mercaptopurine."""
    from browser import browsing

    times = [
        "6",
        "6",
        "6",
        "6+",
        "7",
        "9+",
        "10",
        "10+",
        "11+",
        "13",
        "16",
        "17+",
        "19+",
        "20+",
        "22",
        "23",
        "25+",
        "32+",
        "32+",
        "34+",
        "35+",
    ]
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    runs = [
        {"status": "exhausted" if each.endswith("+") else "solved", "n": int(each.rstrip("+"))}
        for each in times
    ]
    write_run(tmp_path / "runs", config(0))
    assert report(tmp_path / "runs", "--out", tmp_path)[0] == 0
    with browsing(CHROMIUM, tmp_path / "profile") as page:
        page.open((tmp_path / "report.html").as_uri())
        steps = page.ask(
            f"shareSolved({json.dumps(runs)}, (run) => (run.status === 'solved' ? run.n : null)).steps"
        )
    found = {step["x"]: 1 - step["y"] for step in steps if step["x"]}
    assert found == pytest.approx(published, abs=0.0006)
