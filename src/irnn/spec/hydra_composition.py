"""What Hydra does of a composition: options of groups, in files or not, merged onto the schema of a run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field, make_dataclass
from functools import lru_cache, partial
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigNode, ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.types import TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from irnn.spec import preset_files, registry
from irnn.spec.config import Config, Stop
from irnn.spec.groups import Groups, conf_dir
from irnn.spec.options import fields_of
from irnn.spec.registry import GROUPS
from irnn.spec.typed import config_of, given_or_default

OURS = Groups()
_OWNER = "irnn"
_GOALS = [item.name for item in fields_of(Stop) if item.name.startswith("test_")]


def register_schema(groups: Groups = OURS) -> None:
    """Make the dataclasses the schema that Hydra composes onto, and `${over:A,B}` mean A / B in YAML.

    An option that has no file composes into its name; its class says the rest.
    """
    OmegaConf.register_new_resolver("over", lambda a, b: a / b, replace=True)
    store = ConfigStore.instance()
    store.repo["schema.yaml"] = _schema(registry.version())
    for group in GROUPS:
        known = store.repo.setdefault(group, {})
        for name in [name for name, node in known.items() if node.provider == _OWNER]:
            del known[name]  # it may have a file by now
        for name in groups.without_file(group):
            store.store(group=group, name=name, node={"name": name}, provider=_OWNER)


@lru_cache(maxsize=1)
def _schema(_: int) -> ConfigNode:
    """Make what YAML is merged onto: typed, but for the options of groups, which are open.

    Which settings those have is known once they are chosen: see `completed`. A goal that is not given is
    the task's. Hydra merges onto copies of it.
    """
    kinds: list[Any] = []
    for item in fields_of(Config):
        if item.name in GROUPS:
            options: Any = item.default_factory
            kinds.append(
                (item.name, Any, field(default_factory=partial(dict, name=options().name)))
            )
        else:
            kinds.append((item.name, item.type, item))
    node = _writable(OmegaConf.structured(make_dataclass("Schema", kinds)))
    for group in GROUPS:
        OmegaConf.set_struct(node[group], False)
    for goal in _GOALS:
        node.stop[goal] = "???"
    return ConfigNode(name="schema.yaml", node=node, group=None, package=None, provider=None)


def _writable(node: DictConfig) -> DictConfig:
    """Thaw a frozen dataclass's node and all below it, so that YAML can be merged onto them."""
    OmegaConf.set_readonly(node, False)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig):
            _writable(child)
    return node


def completed(found: DictConfig) -> DictConfig:
    """Add the defaults of the chosen options to what was composed."""
    for group in GROUPS:
        values: Any = OmegaConf.to_container(found[group], resolve=False)
        values["name"] = found[group].name
        found[group] = given_or_default(values, group)
    if missing := [goal for goal in _GOALS if OmegaConf.is_missing(found.stop, goal)]:
        task = config_of({"task": OmegaConf.to_container(found.task, resolve=True)}).task
        for goal in missing:
            found.stop[goal] = task.goal if goal == task.metric.key else None
    return found


@contextmanager
def finding_groups(groups: Groups = OURS) -> Iterator[None]:
    """Let Hydra find conf/ and added folders, also while another application of Hydra is at work."""
    outer, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    register_schema(groups)
    try:
        with initialize_config_dir(str(conf_dir()), job_name="train", version_base="1.3"):
            if groups.added:
                _add_folders(groups.added)
            _complete_what_hydra_composes()
            yield
    finally:
        GlobalHydra.instance().hydra = outer


def _complete_what_hydra_composes() -> None:
    hydra: Any = GlobalHydra.instance().hydra
    compose_as_hydra_does = hydra.compose_config
    hydra.compose_config = lambda *given, **more: completed(compose_as_hydra_does(*given, **more))


def _add_folders(folders: Sequence[str]) -> None:
    """Let Hydra look into more folders after conf/, as its --config-dir does."""
    path = GlobalHydra.instance().config_loader().get_search_path()
    for folder in folders:
        path.prepend("command-line", folder, SearchPathQuery("schema"))
    GlobalHydra.instance().clear()
    Hydra.create_main_hydra2("train", path)


def composed(
    words: Sequence[str], groups: Groups = OURS, *, with_hydra: bool = False
) -> DictConfig:
    """Compose words that Hydra reads; whatever it raises comes through."""
    with finding_groups(groups):
        found = compose(
            groups.config_name,
            overrides=list(words),
            return_hydra_config=with_hydra or bool(groups.added),
        )
    if groups.added:
        preset_files.check(found.hydra.runtime.choices, groups)
    if not with_hydra and "hydra" in found:
        with open_dict(found):
            del found["hydra"]
    return found


def multirun(task: TaskFunction, words: Sequence[str], groups: Groups) -> None:
    """Let Hydra's sweeper and launcher do a sweep; whatever they raise comes through."""
    with finding_groups(groups):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        hydra.multirun(groups.config_name, task, list(words))
