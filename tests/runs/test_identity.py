from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

import pytest

from irnn.runs.identity import group_name, run_id
from irnn.runs.layout import NOT_SCIENCE, PLACES
from irnn.spec.composition import compose_config
from irnn.spec.options import settings
from irnn.spec.registry import GROUPS

DEFAULT = compose_config([])
KEYS = [s.key for s in settings(DEFAULT) if s.key not in [f"{group}.name" for group in GROUPS]]


def changed(node: Any, path: list[str]) -> Any:
    """Change one leaf of a configuration to some other value of its type."""
    name, *rest = path
    value = getattr(node, name)
    if is_dataclass(value):
        return replace(node, **{name: changed(value, rest)})
    kinds = {field.name: field.type for field in fields(node)}
    if isinstance(value, Enum):
        other: Any = next(member for member in type(value) if member is not value)
    elif isinstance(value, bool) or kinds[name] == bool | None:
        other = not value
    elif isinstance(value, str) or kinds[name] == str | None:
        other = f"{value}x"
    else:
        other = (value or 0) + 1
    return replace(node, **{name: other})


@pytest.mark.parametrize("key", KEYS)
def test_changing_a_default_changes_the_run_id_if_and_only_if_it_is_science(key: str) -> None:
    other = changed(DEFAULT, key.split("."))
    no_science = key.split(".")[0] in NOT_SCIENCE or key in PLACES
    is_science = not no_science or key == "runtime.dtype"
    assert (run_id(other) != run_id(DEFAULT)) == is_science


@pytest.mark.parametrize(
    "override",
    ["runtime=single_thread", "runtime.kernel=torch", "tracker=none", "runs_dir=x", "force=true"],
)
def test_where_and_how_a_run_is_made_is_not_what_it_is(override: str) -> None:
    assert run_id(compose_config([override])) == run_id(DEFAULT)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["clip=1"], ["clip.max_norm=1.0"]),
        (["seq_len=150"], ["task.seq_len=150"]),
        (["init_scale=1"], ["init_scale=1.0"]),
        (["experiment=fast"], ["experiment=long", "evaluate.every=50"]),
    ],
)
def test_the_same_settings_written_otherwise_are_the_same_run(
    one: list[str], other: list[str]
) -> None:
    assert run_id(compose_config(one)) == run_id(compose_config(other))


def test_no_clipping_is_another_run_than_clipping() -> None:
    assert run_id(compose_config(["clip=none"])) != run_id(compose_config(["clip=1"]))


def test_the_name_is_readable_and_holds_the_seed() -> None:
    name = run_id(compose_config(["experiment=fast", "seed=7", "seq_len=400"]))
    assert name.startswith("irnn-split-adam-t400-s7-")


def test_seeds_of_one_configuration_share_a_group() -> None:
    groups = {group_name(compose_config([f"seed={seed}"])) for seed in range(3)}
    assert len(groups) == 1
    assert group_name(compose_config(["optim.lr=0.1"])) not in groups


def test_the_run_id_does_not_change_between_versions() -> None:
    """When this fails, old runs are no longer found: raise SCHEMA and say so in CHANGELOG.md."""
    assert run_id(DEFAULT) == "irnn-identity-adam-t150-s0-7637301615"
