"""Run folders: found wherever they are, read whatever their state, named when they cannot be."""

import json
import math

import numpy as np
import pytest
from synthetic_runs import config, write_run, write_sweep

from irnn.reporting.curve import Extent, read_curve
from irnn.reporting.folders import find_folders
from irnn.reporting.load import Cache, load_runs
from irnn.reporting.summary import summarise


def load(*paths, **options):
    return load_runs(find_folders([str(path) for path in paths]), **options)


def test_a_root_a_folder_and_a_glob_find_the_same_run(tmp_path):
    folder = write_run(tmp_path / "deep" / "results")
    for path in (tmp_path, folder, tmp_path / "deep" / "*" / "irnn-*"):
        assert [run.path for run in load(path).runs] == [folder]


def test_a_run_asked_for_twice_counts_once(tmp_path):
    folder = write_run(tmp_path)
    assert len(load(tmp_path, folder).runs) == 1


def test_a_copied_run_is_skipped_by_name(tmp_path):
    folder = write_run(tmp_path)
    copy = tmp_path / "z-copy"
    copy.mkdir()
    for name in ("result.json", "config.yaml", "metrics.jsonl"):
        (copy / name).write_bytes((folder / name).read_bytes())
    loaded = load(tmp_path)
    assert [run.path for run in loaded.runs] == [folder]
    assert [skipped.path for skipped in loaded.skipped] == [copy]


def test_everything_in_the_result_arrives(tmp_path):
    folder = write_run(tmp_path, seed=3, seq_len=200, solve_at=4000)
    result = json.loads((folder / "result.json").read_text())
    run = load(folder).runs[0]
    assert (run.run_id, run.status, run.seed) == (folder.name, "solved", 3)
    assert (run.steps, run.seq_len) == (result["steps"], 200)
    assert run.solved_at == result["solved_at"]
    assert run.command.endswith("seed=3")
    assert run.curve.step[-1] == result["steps"]


def test_a_run_without_a_result_is_unfinished_with_its_latest_numbers(tmp_path):
    run = load(write_run(tmp_path, finish=False, solve_at=4000)).runs[0]
    assert run.status == "unfinished"
    assert run.steps == run.curve.step[-1] > 0
    assert run.solved_at["0.05"] < run.steps
    assert run.settings["task.seq_len"] == 150


def test_a_last_line_cut_by_a_kill_loses_only_itself(tmp_path):
    whole = load(write_run(tmp_path / "whole", finish=False)).runs[0]
    cut = load(write_run(tmp_path / "cut", finish=False, cut=True))
    assert cut.runs[0].steps == whole.steps - 250
    assert cut.notes == ()


def test_a_broken_line_in_the_middle_is_counted_and_named(tmp_path):
    folder = write_run(tmp_path)
    metrics = folder / "metrics.jsonl"
    lines = metrics.read_text().splitlines()
    lines[3:5] = ['{"step": 750, "test', "[1, 2]", '{"step": "x"}']
    metrics.write_text("\n".join(lines) + "\n")
    loaded = load(folder)
    assert loaded.runs[0].curve.step.size == len(lines) - 3
    assert loaded.notes == (f"{folder.name}: 3 unreadable lines in metrics.jsonl left out",)


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("result.json", '{"status": "sol', "result.json is not readable JSON"),
        ("result.json", "[]", "result.json holds no object"),
        ("result.json", '{"status": "solved"}', "result.json lacks steps, solved_at"),
        ("result.json", '{"status": "won", "steps": 1, "solved_at": {}}', "unknown status 'won'"),
        ("config.yaml", "a: [", "config.yaml is not readable YAML"),
        ("config.yaml", "", "config.yaml is empty"),
        ("config.yaml", "!!python/object/apply:os.system ['true']", "not readable YAML"),
        ("train.log", "", "has no config.yaml"),
    ],
)
def test_a_broken_folder_is_named_and_costs_no_other(tmp_path, file, text, reason):
    good = write_run(tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / file).write_text(text)
    loaded = load(tmp_path)
    assert [run.path for run in loaded.runs] == [good]
    assert [skipped.path.name for skipped in loaded.skipped] == ["broken"]
    assert reason in loaded.skipped[0].reason


def test_an_empty_folder_is_named(tmp_path):
    write_run(tmp_path)
    (tmp_path / "empty").mkdir()
    assert [skipped.path.name for skipped in load(tmp_path).skipped] == ["empty"]


def test_unreadable_bytes_crash_nothing(tmp_path):
    folder = write_run(tmp_path)
    (folder / "metrics.jsonl").write_bytes(b"\xff\xfe\x00 not json\n" * 5)
    (folder / "provenance.json").write_bytes(b"\xff{")
    loaded = load(tmp_path)
    assert len(loaded.runs) + len(loaded.skipped) == 1


def test_a_missing_path_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"PATH=.*nowhere does not exist"):
        find_folders([str(tmp_path / "nowhere")])


def test_a_file_is_refused_with_what_to_give_instead(tmp_path):
    folder = write_run(tmp_path)
    with pytest.raises(ValueError, match="is a file; give the run folder"):
        find_folders([str(folder / "result.json")])


def test_thinning_keeps_spikes_ends_and_first_crossings(tmp_path):
    steps = np.arange(0, 500_000, 100)
    losses = np.where(steps < 250_050, 0.17, 0.02)
    losses[4242] = 3.0
    losses[1234] = 1e-6
    losses[2345] = 1e-7
    lines = [
        json.dumps({"step": int(step), "test_mse": loss, "train_mse": loss})
        for step, loss in zip(steps, losses.tolist(), strict=True)
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("\n".join(lines) + "\n")
    curve, broken = read_curve(path, Extent(points=300))
    assert broken == 0
    assert curve.step.size <= 310
    assert {0, 123_400, 424_200, 499_900} <= set(curve.step.tolist())
    assert curve.first_past == {"0.1": 123_400, "0.05": 123_400, "0.01": 123_400, "0.001": 123_400}
    assert curve.test_loss.max() == 3
    assert curve.test_loss.min() == 1e-7


def test_a_loss_that_is_null_is_not_finite_and_survives_thinning(tmp_path):
    run = load(write_run(tmp_path, status="diverged", finish=False)).runs[0]
    assert math.isnan(run.curve.test_loss[-1])
    assert run.divergences[0].reason == "gradient norm is inf"
    assert run.divergences[0].step == run.steps


def test_a_cache_reads_again_what_has_changed_and_nothing_else(tmp_path):
    write_run(tmp_path, seed=0)
    running = write_run(tmp_path, seed=1, finish=False, cut=True)
    cache = Cache()
    first = load(tmp_path, cache=cache)
    again = load(tmp_path, cache=cache)
    assert [run is old for run, old in zip(again.runs, first.runs, strict=True)] == [True, True]
    assert again.notes == first.notes
    with (running / "metrics.jsonl").open("a") as file:
        file.write('\n{"step": 999999, "test_mse": 0.01, "train_mse": 0.01}\n')
    second = load(tmp_path, cache=cache)
    assert second.runs[0] is first.runs[0]
    assert second.runs[1].steps == 999_999


def test_a_sweep_is_read_whole(tmp_path):
    folders = write_sweep(tmp_path)
    assert {run.path for run in load(tmp_path).runs} == set(folders)


def test_config_yaml_and_the_copy_in_the_result_read_the_same(tmp_path):
    folder = write_run(tmp_path, config(optim__lr=1e-9, clip=None))
    from_result = load(folder).runs[0].settings
    (folder / "result.json").unlink()
    assert load(folder).runs[0].settings == from_result


def test_a_run_older_than_a_setting_pools_with_those_that_have_it_off(tmp_path):
    write_run(tmp_path, config(seed=0))
    write_run(tmp_path, config(seed=1, optim__schedule=None))
    write_run(tmp_path, config(seed=2, optim__schedule="cosine"))
    groups = summarise(load(tmp_path).runs).groups
    assert {group.values: len(group.runs) for group in groups} == {(None,): 2, ("cosine",): 1}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("steps", 10**300, "impossible steps"),
        ("steps", -1, "impossible steps"),
        ("status", ["solved"], "unknown status"),
    ],
)
def test_results_that_cannot_be_are_named(tmp_path, name, value, reason):
    path = write_run(tmp_path) / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    assert reason in load(tmp_path).skipped[0].reason


def test_numbers_beyond_reason_cost_no_report(tmp_path):
    path = write_run(tmp_path) / "result.json"
    result = json.loads(path.read_text())
    result.update(seconds=math.inf, test_mse=math.nan, restarts=1e99, steps_per_second=10**400)
    result.update(solved_at={"0.1": 1e300, "0.05": -4}, divergences=[{"step": 10**30}])
    result["config"].update(task={"seq_len": 10**400, "x": math.nan}, batch_size=-(10**30))
    path.write_text(json.dumps(result))
    [run] = load(tmp_path).runs
    assert [run.solved_at[name] for name in ("0.1", "0.05", "0.01")] == [None] * 3
    assert math.isnan(run.seconds)
    assert math.isnan(run.steps_per_second)
    assert isinstance(run.settings["task.seq_len"], str)
    assert len(summarise([run]).groups) == 1


def test_a_folder_of_aliases_that_multiply_is_refused_at_once(tmp_path):
    """A few lines of YAML that mean 9^9 items."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    folder = write_run(tmp_path, finish=False)
    (folder / "config.yaml").write_text("\n".join(lines))
    loaded = load(tmp_path)
    assert loaded.runs == ()
    assert "aliases" in loaded.skipped[0].reason


def test_loops_of_links_end(tmp_path):
    folder = write_run(tmp_path)
    (folder / "self").symlink_to(".")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "turning").symlink_to("turning")
    assert [run.path for run in load(tmp_path).runs] == [folder]


def test_another_runs_result_is_skipped_and_not_the_run_that_it_is_of(tmp_path):
    folder, other = write_run(tmp_path, seed=1), write_run(tmp_path, seed=2)
    (folder / "result.json").write_bytes((other / "result.json").read_bytes())
    loaded = load(tmp_path)
    assert [run.path for run in loaded.runs] == [other]
    assert [skipped.path for skipped in loaded.skipped] == [folder]
    assert f"is of run {other.name}" in loaded.skipped[0].reason
