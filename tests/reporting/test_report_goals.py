"""What counts as solved: the runs' own goal, or the threshold asked for, and never what nobody sought."""

import csv
import itertools
import json

import pytest
from synthetic_runs import config, write_run

from irnn.report import main
from irnn.reporting.charts import chart_data
from irnn.reporting.compare import compare
from irnn.reporting.comparison_text import sentences
from irnn.reporting.folders import find_folders
from irnn.reporting.load import load_runs
from irnn.reporting.summary import summarise


def runs_in(root, threshold=None):
    return load_runs(find_folders([str(root)]), threshold=threshold).runs


def two_speeds(root, goal, goal_b="same", seeds=5):
    """Adam is sooner than SGD in every run, on the way to this goal."""
    for optim, solve_at, stop in (
        ("adam", 4000, goal),
        ("sgd", 9000, goal if goal_b == "same" else goal_b),
    ):
        for seed in range(seeds):
            tree = config(seed=seed, optim=optim, stop__test_mse=stop)
            write_run(root, tree, solve_at=solve_at + 300 * seed)


def test_time_to_solve_is_the_time_to_the_runs_own_goal(tmp_path):
    """All runs end at 0.01, so at 0.001 none of these pairs could be decided."""
    two_speeds(tmp_path, goal=0.01)
    comparison = compare(runs_in(tmp_path), "optim=adam", "optim=sgd")
    assert comparison.threshold == "0.01"
    assert comparison.sooner.pairs == (25, 0, 0)
    assert sentences(comparison)[1].startswith(
        "optim=adam solves sooner (median updates to 0.01: 3,"
    )


@pytest.mark.parametrize("goal", [0.02, 0.03, 0.08])
def test_a_goal_that_results_do_not_record_is_read_from_the_curve(tmp_path, goal):
    two_speeds(tmp_path, goal)
    runs = runs_in(tmp_path)
    assert compare(runs, "optim=adam", "optim=sgd").sooner.pairs == (25, 0, 0)
    assert all(run.solved_at[f"{goal}"] == run.steps for run in runs)


def test_another_threshold_can_be_asked_for(tmp_path):
    two_speeds(tmp_path, goal=0.001)
    runs = runs_in(tmp_path, threshold=0.02)
    comparison = compare(runs, "optim=adam", "optim=sgd", 0.02)
    first, second, *_ = sentences(comparison)
    assert "5 of 5 got below 0.02" in first
    assert second.startswith("optim=adam gets below 0.02 sooner (median updates to 0.02: ")
    [adam, sgd] = summarise(runs, 0.02).groups
    assert adam.crossings["0.1"].median.value < adam.crossings["0.02"].median.value
    assert adam.crossings["0.02"].median.value < sgd.crossings["0.02"].median.value


def test_mixed_goals_are_refused_with_the_threshold_that_all_can_meet(tmp_path):
    two_speeds(tmp_path, goal=0.01, goal_b=0.001)
    message = r"different goals, stop.test_mse is 0.01 \(5 runs\), 0.001 \(5 runs\); .*--threshold 0.01, or"
    with pytest.raises(ValueError, match=message):
        compare(runs_in(tmp_path), "optim=adam", "optim=sgd")
    assert compare(runs_in(tmp_path), "optim=adam", "optim=sgd", 0.01).sooner.pairs == (25, 0, 0)


def test_nobody_could_have_is_told_from_the_data_cannot_tell(tmp_path):
    two_speeds(tmp_path, goal=0.01)
    with pytest.raises(
        ValueError, match=r"No run could have reached it: every run ended at a goal"
    ):
        compare(runs_in(tmp_path), "optim=adam", "optim=sgd", 0.001)


def test_runs_that_ended_at_their_goal_do_not_lose_at_a_lower_threshold(tmp_path):
    two_speeds(tmp_path, goal=0.01, goal_b=0.001)
    with pytest.raises(
        ValueError, match=r"5 of the 10 runs ended at a goal above it.*at 0.01 or more"
    ):
        compare(runs_in(tmp_path), "optim=adam", "optim=sgd", 0.001)
    [adam, sgd] = summarise(runs_in(tmp_path), 0.001).groups
    assert (adam.tried, sgd.tried, sgd.succeeded) == (0, 5, 5)


def test_that_nobody_got_there_is_no_undecided_race(tmp_path):
    for optim in ("adam", "sgd"):
        for seed in range(3):
            write_run(tmp_path, seed=seed, optim=optim, status="exhausted")
    second = sentences(compare(runs_in(tmp_path), "optim=adam", "optim=sgd"))[1]
    assert second == "No run of either side got below 0.001: there is no time to compare."


def test_runs_without_a_goal_are_compared_at_a_threshold_only(tmp_path):
    two_speeds(tmp_path, goal=None)
    with pytest.raises(
        ValueError, match=r"have no goal \(stop.test_mse is null\).*--threshold 0.01"
    ):
        compare(runs_in(tmp_path), "optim=adam", "optim=sgd")
    assert compare(runs_in(tmp_path), "optim=adam", "optim=sgd", 0.01).sooner.pairs == (25, 0, 0)


def test_without_a_goal_the_table_and_the_verdict_say_how_good_it_got(tmp_path, capsys):
    for length in (150, 200):
        tree = config(seq_len=length, stop__test_mse=None)
        write_run(tmp_path, tree, status="exhausted", solve_at=4000)
    assert main([str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "best MSE" in shown
    assert "0 %" not in shown
    assert "The best of 2 settings is a held-out MSE of 0." in shown
    assert "0 of 2 runs solve" not in shown


def test_a_run_that_met_its_goal_exactly_solved_it_then(tmp_path):
    path = write_run(tmp_path, stop__test_mse=0.01) / "result.json"
    result = json.loads(path.read_text())
    result["solved_at"]["0.01"] = None  # not below, but at
    path.write_text(json.dumps(result))
    [run] = runs_in(tmp_path)
    assert run.solved_at["0.01"] == run.steps


def test_thresholds_below_every_goal_get_no_column_and_no_point(tmp_path, section):
    two_speeds(tmp_path, goal=0.02)
    summary = summarise(runs_in(tmp_path))
    assert summary.thresholds == ("0.1", "0.05", "0.02")
    assert set(chart_data(summary)["lengths"]) == {"0.1", "0.05", "0.02", "rate"}
    assert "updates to MSE < 0.001" not in section(summary.runs, "length")
    assert "updates to MSE < 0.02" in section(summary.runs, "length")


def test_groups_of_other_goals_say_nothing_below_theirs(tmp_path):
    two_speeds(tmp_path, goal=0.01, goal_b=0.001)
    summary = summarise(runs_in(tmp_path))
    adam, _ = summary.groups
    assert [point["series"] for point in chart_data(summary)["lengths"]["0.001"]] == ["optim=sgd"]
    assert adam.crossings["0.001"].median.value != adam.crossings["0.001"].median.value


@pytest.mark.parametrize(
    ("goals", "words"),
    [
        ((0.01,), "median updates to 0.01, dark most to bright fewest."),
        ((0.01, 0.001), "median updates to the goal, dark most"),
        ((None,), "median of the best held-out MSE, dark worst to bright best.</p>"),
    ],
)
def test_grids_show_the_updates_to_the_goal(tmp_path, section, goals, words):
    for goal in goals:
        for lr, clip in itertools.product((0.001, 0.01), (1.0, 5.0)):
            write_run(tmp_path, config(clip=clip, optim__lr=lr, stop__test_mse=goal))
    page = section(runs_in(tmp_path), "heatmaps")
    assert words in page
    assert "updates to 0.001" not in page


def test_the_command_takes_a_threshold_through_to_every_file(report, tmp_path):
    two_speeds(tmp_path / "runs", goal=0.001, seeds=2)
    out = tmp_path / "out"
    compared = ["--compare", "optim=adam", "optim=sgd", "--threshold", "2e-2"]
    status, screen, _ = report(tmp_path / "runs", *compared, "--out", out)
    assert status == 0
    assert "below 0.02" in screen
    assert "updates to 0.02" in screen
    assert (out / "figures" / "updates_to_0.02.png").exists()
    assert "updates to MSE &lt; 0.02" in (out / "report.html").read_text()
    with (out / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(0 < int(row["updates_to_0.02"]) < int(row["updates_to_goal"]) for row in rows)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "", "x", "1_0", "0,01"])
def test_a_threshold_that_is_none_is_refused(report, sweep, text):
    status, _, errors = report(sweep, f"--threshold={text}")
    assert status == 2
    assert "no held-out score; give a positive number, as in 0.01" in errors


def test_a_narrow_screen_keeps_the_goal_and_no_empty_column(report, tmp_path, monkeypatch):
    """Eighty columns are not enough for all thresholds; the goal of 0.01 is what was asked for."""
    monkeypatch.setattr("irnn.reporting.command._PIPE_WIDTH", 80)
    two_speeds(tmp_path, goal=0.01)
    _, screen, _ = report(tmp_path)
    head = " ".join(line for line in screen.splitlines() if line.startswith("┃"))
    assert "0.01" in head
    assert "0.001" not in head
    rows = [line.split("│")[1:-1] for line in screen.splitlines() if line.startswith("│")]
    assert all(any(row[n].strip(" -") for row in rows) for n in range(len(rows[0])))
    assert max(map(len, screen.splitlines())) <= 80
    assert any("3,750" in line and "adam" in line for line in screen.splitlines())
