"""Where runs came from: what is mixed, or cannot be reproduced, and which commands make them again."""

import json

import pytest
from synthetic_runs import config, loaded, write_run

from irnn.reporting.provenance import census, warnings
from irnn.reporting.reproduce import commands
from irnn.reporting.summary import summarise


@pytest.mark.parametrize(
    ("setting", "fact"),
    [
        ({"task__marks": "halves"}, "Mixed marks: anywhere (1 run), halves (1 run)"),
        ({"task__data": "fixed"}, "Mixed data"),
        ({"runtime__kernel": "native"}, "Mixed kernel"),
        ({"runtime__device": "cuda"}, "Mixed device"),
        ({"runtime__dtype": "float64"}, "Mixed dtype"),
    ],
)
def test_mixing_what_should_not_be_mixed_is_warned_about(tmp_path, setting, fact):
    write_run(tmp_path, config(seed=0))
    assert warnings(loaded(tmp_path)) == []
    write_run(tmp_path, config(seed=1, **setting))
    assert any(line.startswith(fact) for line in warnings(loaded(tmp_path)))


def test_a_setting_of_any_task_that_is_mixed_is_warned_about_and_counted(tmp_path):
    """Of a plug-in's too, whose name no report knows; sizes are no forms of a task."""
    for seed, depth in enumerate((2, 3, 3)):
        settings = {"task__name": "parity", "task__depth": depth, "task__train_size": 10 + seed}
        write_run(tmp_path, config(seed=seed, **settings))
    found = loaded(tmp_path)
    told = "Mixed depth: 2 (1 run), 3 (2 runs); these are different forms of the task"
    assert [line.startswith(told) for line in warnings(found)] == [True]
    assert census(found.runs)["depth"] == {"2": 1, "3": 2}


def test_a_setting_of_a_task_that_is_called_like_a_fact_of_every_run_is_counted_beside_it(
    tmp_path,
):
    for seed, kernel in enumerate((2, 3)):
        write_run(tmp_path, config(seed=seed, task__name="parity", task__kernel=kernel))
    found = loaded(tmp_path)
    assert [line.split(":")[0] for line in warnings(found)] == ["Mixed task.kernel"]
    assert census(found.runs)["task.kernel"] == {"2": 1, "3": 1}
    assert "2" not in census(found.runs)["kernel"]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("result.json", '"schema": 1', '"schema": 2', "Mixed schema"),
        ("provenance.json", "605c4a6d2f", "ffffffffff", "Mixed commit"),
        ("provenance.json", '"avx2"', '"avx512"', "Mixed instruction set: avx2 (1 run), avx512"),
        ("provenance.json", '"dirty": false', '"dirty": true', "1 run was made with uncommitted"),
        ("result.json", '"restarts": 0', '"restarts": 2', "1 run went on after a divergence"),
    ],
)
def test_what_cannot_be_reproduced_is_warned_about(tmp_path, file, old, new, message):
    write_run(tmp_path, seed=0)
    changed = write_run(tmp_path, seed=1) / file
    assert old in changed.read_text()
    changed.write_text(changed.read_text().replace(old, new))
    assert any(line.startswith(message) for line in warnings(loaded(tmp_path)))


def test_a_run_that_was_continued_elsewhere_is_warned_about(tmp_path):
    path = write_run(tmp_path, seed=0) / "provenance.json"
    first = json.loads(path.read_text())
    other = {**first, "instruction_set": "avx512", "git": {"commit": "f" * 40, "dirty": True}}
    path.write_text(json.dumps({**first, "sessions": [first, other]}))
    said = warnings(loaded(tmp_path))
    assert any(line.startswith("Mixed instruction set: avx2 (1 run), avx512") for line in said)
    assert any(line.startswith("Mixed commit") for line in said)
    assert any(line.startswith("1 run was made with uncommitted") for line in said)


def test_commands_that_differ_only_in_their_seed_become_one_multirun(sweep):
    group = summarise(loaded(sweep).runs).groups[0]
    assert commands(group.runs) == ["python -m irnn.train -m seq_len=150 optim=adam seed=0,1,2"]


def test_commands_that_differ_otherwise_are_listed_as_they_were(sweep):
    runs = loaded(sweep).runs
    assert len(commands(runs)) == 24
