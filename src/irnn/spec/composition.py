"""From overrides, as they are typed, to a checked `Config`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, make_dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import OverrideType
from hydra.types import TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from irnn.runs.layout import SOURCE
from irnn.runs.reading import read_yaml
from irnn.spec import preset_files
from irnn.spec.checks import check, check_each, check_together, with_data
from irnn.spec.config import Config, ConfigError, Stop
from irnn.spec.groups import Groups, conf_dir
from irnn.spec.known import known_settings
from irnn.spec.options import fields_of
from irnn.spec.overrides import Given, read
from irnn.spec.plugins import PluginError, with_plugins
from irnn.spec.refusals import Attempt, explained
from irnn.spec.registry import GROUPS, classes
from irnn.spec.typed import config_of, given_or_default, with_values

OURS = Groups()
_NAMES = [f"{group}.name" for group in GROUPS]
_OWNER = "irnn"
_GOALS = [item.name for item in fields_of(Stop) if item.name.startswith("test_")]


def register_schema(groups: Groups = OURS) -> None:
    """Make the dataclasses the schema that Hydra composes onto, and `${over:A,B}` mean A / B in YAML.

    An option that has no file composes into its name; its class says the rest.
    """
    OmegaConf.register_new_resolver("over", lambda a, b: a / b, replace=True)
    ConfigStore.instance().store(name="schema", node=_schema())
    store = ConfigStore.instance()
    for group in GROUPS:
        known = store.repo.setdefault(group, {})
        for name in [name for name, node in known.items() if node.provider == _OWNER]:
            del known[name]  # it may have a file by now
        for name in groups.without_file(group):
            store.store(group=group, name=name, node={"name": name}, provider=_OWNER)


def _schema() -> DictConfig:
    """Make what YAML is merged onto: typed, but for the options of groups, which are open.

    Which settings those have is known once they are chosen: see `completed`. A goal that is not given is
    the task's.
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
    return node


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


@contextmanager
def explaining(
    overrides: Sequence[str], attempt: Attempt | None = None, groups: Groups = OURS
) -> Iterator[None]:
    """Say in a few lines what is wrong with overrides, whatever comes of them.

    Args:
        overrides: as they were typed; each can work by itself.
        attempt: tries some of them; by default, composes and checks one run.
        groups: where options are from.

    Raises:
        ConfigError: They cannot work; the message is for the user.
    """
    try:
        yield
    except Exception as error:  # the kind is anything that is said about what a user gave
        tried = attempt or Composer(groups).attempt
        raise explained(error, overrides, tried, groups) from error


def compose_config(overrides: Sequence[str], groups: Groups = OURS) -> Config:
    """Compose one run from overrides and check it.

    Raises:
        ConfigError: It cannot work; the message is for the user.
    """
    overrides, groups = with_plugins(overrides, groups)
    words = [given.word for given in read(overrides, groups)]
    with explaining(overrides, groups=groups):
        return with_data(to_config(composed(words, groups)))


def to_config(found: DictConfig) -> Config:
    """Turn what Hydra composed into a checked `Config`; keys that no option has are refused."""
    config = config_of(_plain(completed(found)))
    check(config)
    return config


def _plain(found: DictConfig) -> dict[str, Any]:
    values = OmegaConf.to_container(found, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def load_config(path: Path) -> Config:
    """Read a run folder's `config.yaml`.

    Raises:
        ConfigError: It is not a configuration of this version of irnn.
    """
    try:
        content = read_yaml(path)
        if not isinstance(content, dict):
            raise ValueError("it holds no settings")
        _check_plugins(content, path)
        config = config_of(content)
        check(config)
    except PluginError:
        raise
    except (
        OmegaConfBaseException,
        ValueError,
        AssertionError,
        OSError,
        RecursionError,
    ) as error:
        why = str(error).strip().partition("\n")[0]  # below, OmegaConf names its own types
        raise ConfigError(f"{path}: not a configuration that this irnn knows ({why})") from error
    return config


def _check_plugins(content: dict[str, Any], path: Path) -> None:
    """Refuse options of plug-ins that were not named: code in a run's folder is not executed.

    Raises:
        PluginError: There is one.
    """
    for group in GROUPS:
        section = content.get(group)
        name = section.get("name") if isinstance(section, dict) and "source" in section else None
        if name is not None and name not in classes(group):
            raise PluginError(
                f"{path}: {group}={name} is of a plug-in; name it: --plugins=FOLDER, in Python "
                "load_run(..., plugins=FOLDER), or the variable IRNN_PLUGINS. A copy of its code is in "
                f"{path.parent / SOURCE}: look at it first, nothing executes it by itself"
            )


def changed_code(path: Path, config: Config) -> list[str]:
    """Say for which options of a run's `config.yaml` the code is another than when it was written."""
    content = read_yaml(path)
    found = []
    for group in GROUPS:
        chosen = getattr(config, group)
        then = content[group].get("source", "")
        if chosen.source != then:
            found.append(
                f"the code of {group}={chosen.name} has changed since this run was trained: {then or 'none'} "
                f"then, {chosen.source or 'none'} now"
            )
    return found


@dataclass(frozen=True)
class _Base:
    """What the groups of jobs give, before anything is set by value."""

    values: dict[str, Any]
    config: Config | None
    """The same, checked value by value; None where that is refused, and a job may yet set it right."""
    words: frozenset[str]
    """What stands in values that are made from others, and the keys of these values."""

    def ties(self, key: str) -> bool:
        """Whether another value may be made from this one, or this one from another."""
        return any(
            key == word or key.startswith(f"{word}.") or word.startswith(f"{key}.")
            for word in self.words
        )


class Composer:
    """Compose the many runs of a sweep: what their groups give once, what is set by value for each.

    Hydra sets values after it has composed the groups, so the result is the same as `compose_config`'s,
    which takes a tenth of a second; this takes some ten microseconds. Whatever is not a plain choice of a
    group or a plain value of a setting goes that way.
    """

    def __init__(self, groups: Groups = OURS) -> None:
        self.groups = groups
        self._names = groups.names()
        self._given: dict[str, Given] = {}
        self._bases: dict[tuple[str, ...], _Base | None] = {}
        self._composed: dict[tuple[str, ...], Config] = {}

    def compose(self, overrides: Sequence[str]) -> Config:
        """Compose one run of a sweep and check it.

        Raises:
            ConfigError: It cannot work; the message is for the user.
        """
        key = tuple(overrides)
        if key not in self._composed:
            self._read(key)
            with explaining(key, self.attempt, self.groups):
                self._composed[key] = self.attempt(key)
        return self._composed[key]

    def attempt(self, overrides: Sequence[str]) -> Config:
        """Compose one run and check it; whatever Hydra raises comes through."""
        given = self._read(overrides)
        try:
            config = self._quickly(given)
        except Exception:  # the long way says better what is wrong
            config = None
        if config is None:
            config = to_config(composed([each.word for each in given], self.groups))
        return with_data(config)

    def _read(self, overrides: Sequence[str]) -> list[Given]:
        new = [text for text in overrides if text not in self._given]
        if new:
            self._given.update(zip(new, read(new, self.groups, names=self._names), strict=True))
        return [self._given[text] for text in overrides]

    def _quickly(self, given: Sequence[Given]) -> Config | None:
        """Compose and check what the shortcut is right for; None for what it is not."""
        chosen, values = self._split(given)
        if chosen is None or (base := self._base(tuple(chosen))) is None:
            return None
        if tied := {key for key in values if base.ties(key)}:
            words = [each.word for each in given if each.key in tied]
            if (base := self._base((*chosen, *words))) is None:
                return None
            values = {key: value for key, value in values.items() if key not in tied}
        config = None if base.config is None else with_values(base.config, values)
        if config is not None:
            check_together(config)
        else:
            config = config_of(_with_plain_values(base.values, values))
            check(config)
        return config

    def _split(self, given: Sequence[Given]) -> tuple[list[str] | None, dict[str, Any]]:
        """Tell choices of groups from values of settings; None if there is anything else."""
        chosen: list[str] = []
        values: dict[str, Any] = {}
        known = known_settings()
        for each in given:
            override, key, value = each.parsed, each.key, each.parsed.value()
            plain = value is None or isinstance(value, (str, int, float))
            if override.type is not OverrideType.CHANGE or not plain or "${" in each.word:
                return None, {}
            if key in self._names:
                chosen.append(each.word)
            elif key in known and key not in _NAMES:
                values[key] = value
            else:
                return None, {}
        return chosen, values

    def _base(self, chosen: tuple[str, ...]) -> _Base | None:
        """Compose choices of groups, and values that others are made from; None if that is not to be seen."""
        if chosen not in self._bases:
            found = composed(chosen, self.groups)
            words = {*_words_of_references(OmegaConf.to_container(found, resolve=False))}
            relative = any("${." in word for word in words)
            self._bases[chosen] = None if relative else _checked_base(found, frozenset(words))
        return self._bases[chosen]


def _checked_base(found: DictConfig, words: frozenset[str]) -> _Base:
    values = _plain(completed(found))
    try:
        config = config_of(values)
        check_each(config)
    except ConfigError:
        return _Base(values, None, words)
    return _Base(values, config, words)


def _with_plain_values(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Set values by their full keys."""
    changed = dict(base)
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        if section:
            changed[section] = {**changed[section], name: value}
        else:
            changed[name] = value
    return changed


def _words_of_references(node: Any, key: str = "") -> Iterator[str]:
    """Give the keys of values that are made from others, and all words in these; the environment is none."""
    if isinstance(node, dict):
        for name, item in node.items():
            yield from _words_of_references(item, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for item in node:
            yield from _words_of_references(item, key)
    elif isinstance(node, str) and "${" in node and not node.startswith("${oc.env:"):
        yield from (key, *re.findall(r"\$\{\.|[A-Za-z_][\w.]*", node))
