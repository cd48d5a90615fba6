"""Settings: what varies, what follows from what, and how a user names them."""

import pytest
from synthetic_runs import config

from irnn.reporting.settings import (
    flatten,
    labels,
    meets,
    parse_condition,
    resolve,
    show,
    split_dependent,
    varying_keys,
)

ADAM = flatten(config(seed=0, optim="adam"))
SGD = flatten(config(seed=1, optim="sgd", clip=None))


def test_seed_and_runtime_never_tell_groups_apart():
    other = flatten(config(seed=7, runtime__threads=8, runs_dir="elsewhere", tracker__group="x"))
    assert varying_keys([ADAM, other]) == []


def test_precision_tells_groups_apart():
    assert varying_keys([ADAM, flatten(config(runtime__dtype="float64"))]) == ["runtime.dtype"]


def test_true_and_one_are_different_settings():
    assert varying_keys([{"x": True}, {"x": 1}]) == ["x"]
    assert varying_keys([{"x": 1.0}, {"x": 1}]) == []


def test_a_setting_that_a_name_decides_gets_no_column():
    keys = varying_keys([ADAM, SGD])
    free, dependent = split_dependent(keys, [ADAM, SGD])
    assert free == ["optim.name", "clip.max_norm"]
    assert dependent == {"optim.lr": "optim.name"}


def test_a_setting_that_varies_under_one_name_keeps_its_column():
    fast = flatten(config(optim="adam", optim__lr=0.1))
    keys = varying_keys([ADAM, SGD, fast])
    assert "optim.lr" in split_dependent(keys, [ADAM, SGD, fast])[0]


def test_columns_carry_the_names_used_on_the_command_line():
    keys = ["optim.name", "task.seq_len", "clip.max_norm", "init.gain"]
    assert list(labels(keys).values()) == ["optim", "seq_len", "clip", "init_scale"]


def test_two_columns_never_share_a_name():
    assert list(labels(["a.size", "b.size"]).values()) == ["a.size", "b.size"]


def test_a_name_that_says_nothing_alone_stays_whole():
    keys = ["evaluate.every", "budget.updates"]
    assert list(labels(keys).values()) == keys


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("optim", "optim.name"),
        ("seq_len", "task.seq_len"),
        ("clip", "clip.max_norm"),
        ("init_scale", "init.gain"),
        ("task.marks", "task.marks"),
        ("lr", "optim.lr"),
    ],
)
def test_short_names_find_their_setting(name, full):
    assert resolve(name, ADAM) == full


def test_an_unknown_setting_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match=r"'seqlen' is a setting of no run found.*seq_len"):
        resolve("seqlen", ADAM)


def test_an_ambiguous_setting_is_refused_with_the_full_keys():
    with pytest.raises(ValueError, match=r"any of .*task\.name.*write the full key"):
        resolve("name", ADAM)


def test_conditions_accept_lists_of_values_and_several_keys():
    condition = parse_condition("seq_len=150,200,optim=adam", ADAM)
    assert condition == {"task.seq_len": (150, 200), "optim.name": ("adam",)}
    assert meets(ADAM, condition)
    assert not meets(SGD, condition)


def test_none_means_a_null_setting():
    assert meets(SGD, parse_condition("clip=none", ADAM))
    assert not meets(ADAM, parse_condition("clip=none", ADAM))


def test_numbers_match_however_they_are_written():
    assert meets(ADAM, parse_condition("lr=1e-3", ADAM))


def test_something_that_is_no_condition_is_refused():
    with pytest.raises(ValueError, match="write key=value"):
        parse_condition("adam", ADAM)


def test_yaml_numbers_without_a_dot_are_numbers():
    """YAML 1.1 reads 1e-4 as text."""
    assert flatten({"optim": {"lr": "1e-4", "name": "1e"}}) == {
        "optim.lr": 1e-4,
        "optim.name": "1e",
    }


def test_values_are_shown_as_a_command_line_takes_them():
    assert [show(v) for v in (None, True, 0.001, 1e-9, 150)] == [
        "none",
        "true",
        "0.001",
        "1e-09",
        "150",
    ]
