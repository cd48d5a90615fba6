"""Reports know no task: what a run is scored by comes from its own folder."""

import csv
import json
import math

import numpy as np
import pytest
from synthetic_runs import config, loaded, write_run
from tests.forgetting import registrations_forgotten

from irnn.report import main
from irnn.reporting.charts import chart_data, page_data
from irnn.reporting.compare import compare
from irnn.reporting.comparison_text import sentences
from irnn.reporting.figures import write_figures
from irnn.reporting.load import load_runs
from irnn.reporting.medians import median_curve
from irnn.reporting.provenance import warnings
from irnn.reporting.summary import summarise, summarise_tasks
from irnn.tasks.adding import Adding
from irnn.tasks.metric import IRNN_0_1


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Two optimizers and two seeds of three tasks; SGD learns nothing."""
    root = tmp_path_factory.mktemp("several")
    for task in ("adding", "copy_memory", "temporal_order"):
        for seed in (0, 1):
            write_run(root, seed=seed, optim="adam", solve_at=5000 + 1000 * seed, task=task)
            write_run(root, seed=seed, optim="sgd", status="exhausted", updates=8000, task=task)
    return root


def runs_of(root, task):
    return [run for run in loaded(root).runs if run.scoring.task == task]


def test_runs_of_irnn_0_1_are_scored_as_the_adding_problem():
    assert Adding.metric.fget(None) == IRNN_0_1


def test_of_an_accuracy_the_highest_is_the_best_and_the_easiest_threshold_the_lowest(several):
    summary = summarise(runs_of(several, "temporal_order"))
    adam, sgd = summary.groups
    assert summary.thresholds == ("0.5", "0.9", "0.99")
    assert adam.best > 0.99 > sgd.best
    times = [adam.crossings[name].median.value for name in summary.thresholds]
    assert times == sorted(times)
    assert all(math.isfinite(each) for each in times)
    assert math.isinf(sgd.crossings["0.9"].median.value)


def test_no_threshold_above_the_accuracy_at_which_every_run_ends_has_a_column(tmp_path):
    folder = write_run(tmp_path, task="temporal_order")
    path = folder / "result.json"
    result = json.loads(path.read_text())
    result["config"]["stop"]["test_accuracy"] = 0.95
    path.write_text(json.dumps(result))
    assert summarise(loaded(tmp_path).runs).thresholds == ("0.5", "0.9", "0.95")


def test_a_threshold_of_an_accuracy_is_passed_from_below(several):
    runs = runs_of(several, "temporal_order")
    runs = load_runs([run.path for run in runs], threshold=0.8).runs
    summary = summarise(runs, 0.8)
    assert summary.success == "above 0.8"
    assert [group.succeeded for group in summary.groups] == [2, 0]
    comparison = compare(runs, "optim=adam", "optim=sgd", 0.8)
    assert comparison.sooner.pairs == (4, 0, 0)
    assert "2 of 2 got above 0.8" in sentences(comparison)[0]


def test_a_threshold_above_the_goal_of_an_accuracy_is_refused(several):
    runs = runs_of(several, "temporal_order")
    message = (
        r"every run ended at a goal below it, stop.test_accuracy being 0.99 \(4 runs\); compare at 0.99 or "
        "less, or train with stop.test_accuracy=0.9999"
    )
    with pytest.raises(ValueError, match=message):
        compare(runs, "optim=adam", "optim=sgd", 0.9999)


def test_a_diverged_run_is_the_worst_of_a_median_also_of_an_accuracy(tmp_path):
    for seed in (0, 1, 2):
        write_run(tmp_path, seed=seed, task="temporal_order", solve_at=5000)
    [solved] = summarise(loaded(tmp_path).runs).groups
    for seed in (3, 4):
        write_run(tmp_path, seed=seed, task="temporal_order", status="diverged")
    [mixed] = summarise(loaded(tmp_path).runs).groups
    assert median_curve(solved.runs)[1][-1] > 0.99
    at_the_end = median_curve(mixed.runs)[1][-1]
    assert at_the_end == pytest.approx(min(run.value for run in solved.runs), rel=1e-6)


def test_an_unfinished_run_says_itself_how_it_is_scored(tmp_path):
    write_run(tmp_path, task="temporal_order", finish=False)
    [run] = loaded(tmp_path).runs
    assert run.scoring.kind == ("temporal_order", "accuracy", True)
    assert run.scoring.baseline == 0.25
    assert run.reached("0.9") is not None
    assert run.best_value == np.nanmax(run.curve.value)
    assert not any(key.startswith(("metric", "task", "thresholds")) for key in run.provenance)


def test_a_task_that_nobody_here_knows_is_shown_from_its_folder(tmp_path, capsys):
    path = write_run(tmp_path, task="copy_memory") / "result.json"
    result = json.loads(path.read_text())
    result["metric"] |= {"name": "bits", "baseline": 3.0, "baseline_meaning": "<b>sleeping</b>"}
    result["config"]["task"]["name"] = "../my <i>task"
    path.write_text(json.dumps(result))
    out = tmp_path / "out"
    assert main([str(tmp_path), "--out", str(out)]) == 0
    assert "held-out bits, lower is better; <b>sleeping</b> scores 3" in capsys.readouterr().out
    page = (out / "report.html").read_text()
    assert "<b>sleeping" not in page
    assert "<i>task" not in page
    assert '"label":"3: always \\u003cb' in page


@pytest.mark.parametrize("metric", [3, [], {}, {"name": 1}, {"name": "mse", "baseline": "x"}])
def test_a_metric_that_is_none_costs_no_report(tmp_path, metric):
    path = write_run(tmp_path, task="temporal_order") / "result.json"
    result = json.loads(path.read_text())
    path.write_text(json.dumps({**result, "metric": metric, "solved_at": {"x": 1, "nan": 2}}))
    runs = loaded(tmp_path)
    assert len(runs.runs) == 1
    assert chart_data(summarise(runs.runs))["metric"]["baselines"] == []


def test_tasks_have_a_table_each_on_screen(several, capsys):
    assert main([str(several)]) == 0
    shown = capsys.readouterr().out
    for line in (
        "task=adding: held-out MSE, lower is better; answering 1 scores 0.1667",
        "task=copy_memory: held-out cross-entropy, lower is better; guessing the ten symbols scores 0.52",
        "task=temporal_order: held-out accuracy, higher is better; guessing scores 0.25",
    ):
        assert line in shown
    assert shown.count("success rate") == 3


@pytest.mark.parametrize(
    "asked", [("--compare", "optim=adam", "optim=sgd"), ("--threshold", "0.5")]
)
def test_tasks_are_not_held_against_each_other(several, capsys, asked):
    assert main([str(several), *asked]) == 2
    error = capsys.readouterr().err
    assert "keep one task with --where task=" in error
    assert error.count("\n") == 1
    assert main([str(several), "--where", "task=temporal_order", *asked]) == 0


def test_each_task_has_its_own_charts_files_and_published_rows(several, tmp_path, section):
    summaries = summarise_tasks(loaded(several).runs)
    data = page_data(summaries)
    adding, copy, order = data["tasks"]
    assert [part["metric"]["name"] for part in data["tasks"]] == [
        "MSE",
        "cross-entropy",
        "accuracy",
    ]
    assert [part["metric"]["baselines"][0]["label"] for part in data["tasks"]] == [
        "1/6: always answering 1",
        "13/25: always guessing the ten symbols",
        "1/4: always guessing",
    ]
    assert adding["published"]
    runs = loaded(several).runs
    assert "14,000 updates to MSE < 0.05" in section(runs, "published")
    assert "MSE < 0.05" not in section(runs, "published-task1")
    for part in (copy, order):
        assert not any("MSE" in line for row in part["published"] for line in row["lines"])
    assert "the accuracy of always guessing." in section(runs, "overview-task2")
    assert "l" in order["groups"][0]["runs"][0]
    assert "l" not in adding["groups"][0]["runs"][0]
    names = {path.name for path in write_figures(summaries[2], order, tmp_path)}
    assert {"learning_curves.png", "updates_to_0.99.png"} <= names


def test_settings_that_only_tasks_differ_in_are_no_warning(several):
    assert not [line for line in warnings(loaded(several)) if "marks" in line]


def test_lengths_of_one_task_share_the_columns_of_the_hardest(tmp_path):
    for seq_len, factor in ((150, 1.0), (300, 0.5)):
        path = write_run(tmp_path, seq_len=seq_len, task="copy_memory") / "result.json"
        result = json.loads(path.read_text())
        result["metric"] = {**result["metric"], "baseline": 0.52 * factor}
        result["solved_at"] = {
            f"{float(k) * factor:.4g}": v for k, v in result["solved_at"].items()
        }
        path.write_text(json.dumps(result))
    summary = summarise(loaded(tmp_path).runs)
    assert summary.thresholds == ("0.13", "0.026", "0.0026", "0.002")
    assert all(group.crossings["0.026"].crossed == 1 for group in summary.groups)
    assert len(chart_data(summary)["metric"]["baselines"]) == 2


def test_rows_of_several_tasks_say_their_metric(several, tmp_path, capsys):
    assert main([str(several), "--out", str(tmp_path)]) == 0
    rows = list(csv.DictReader((tmp_path / "summary.csv").read_text().splitlines()))
    assert {row["metric"] for row in rows} == {"mse", "cross_entropy", "accuracy"}
    assert all(float(row["value"]) > 0 for row in rows)
    folders = {path.name for path in (tmp_path / "figures").iterdir()}
    assert folders == {"adding", "copy_memory", "temporal_order"}


def test_a_summary_of_adding_runs_has_the_columns_it_always_had(tmp_path):
    from irnn.reporting.export import rows

    write_run(tmp_path, config())
    [row] = rows(loaded(tmp_path).runs)
    assert not {"metric", "value", "best_value", "test_loss"} & set(row)


def test_published_scores_stand_beside_runs_of_their_task(tmp_path, section):
    """A final accuracy is no update to a threshold: it is in the table, and on no chart against T."""
    write_run(tmp_path, task="pixels", seq_len=784)
    runs = loaded(tmp_path).runs
    shown = section(runs, "published")
    for said in ("accuracy 0.97", "permuted", "widely quoted, not read at the source"):
        assert said in shown
    assert page_data(summarise_tasks(runs))["published"] == []
    assert 'id="length-published"' not in section(runs, "length")


PUBLISHED = """\
source,model,hidden,seq_len,variant,batch,optimizer,metric,threshold,updates,solved,runs,value,label,note
A paper,RNN,8,20,,,,mse,,,,,0.012,paper,
"""
EASY = """
from irnn.extend import task
from irnn.spec import plugins
from irnn.tasks.adding import Adding


@task("easy")
class Easy(Adding):
    learned = "it adds"
"""


def test_a_task_of_a_plug_in_has_published_rows_where_it_is_named(tmp_path, report, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab/published").mkdir(parents=True)
    (tmp_path / "lab/easy.py").write_text(EASY)
    (tmp_path / "lab/published/easy.csv").write_text(PUBLISHED)
    tree = config()
    tree["task"]["name"] = "easy"
    write_run(tmp_path / "runs", tree)
    with registrations_forgotten():
        assert report("runs", "--out", "out", "--plugins", "lab")[0] == 0
    assert "MSE 0.012" in (tmp_path / "out/report.html").read_text()
    assert report("runs", "--out", "out")[0] == 0
    assert "MSE 0.012" not in (tmp_path / "out/report.html").read_text()
    (tmp_path / "lab/published/easy.csv").write_text(PUBLISHED.replace("0.012", "1.2 %"))
    (tmp_path / "lab/more.py").write_text("")  # loaded anew
    status, _, said = report("runs", "--plugins", "lab")
    assert status == 2
    assert "easy.csv, line 2: value=1.2 % must be a number of at least 0" in said


def test_runs_without_a_goal_are_not_said_to_have_missed_it(tmp_path, section):
    tree = config(seq_len=50)
    tree["stop"] = {"test_mse": None}
    write_run(tmp_path, tree, "exhausted")
    write_run(tmp_path, seq_len=60)
    shown = section(loaded(tmp_path).runs, "overview")
    assert "no goal" in shown
    assert "1 of 1" in shown
    assert "0 of 1" not in shown
