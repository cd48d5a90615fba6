"""From overrides, as they are typed, to a checked `Config`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
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

from irnn import preset_files
from irnn.checks import check, with_data
from irnn.config import Config, ConfigError
from irnn.groups import Groups, conf_dir
from irnn.kinds import converted
from irnn.overrides import Given, known_settings, read
from irnn.refusals import Attempt, explained
from irnn.runs.reading import read_yaml

OURS = Groups()


def register_schema() -> None:
    """Make the dataclasses the schema that Hydra composes onto, and `${over:A,B}` mean A / B in YAML."""
    OmegaConf.register_new_resolver("over", lambda a, b: a / b, replace=True)
    ConfigStore.instance().store(name="schema", node=_writable(OmegaConf.structured(Config)))


def _writable(node: DictConfig) -> DictConfig:
    """Thaw a frozen dataclass's node and all below it, so that YAML can be merged onto them."""
    OmegaConf.set_readonly(node, False)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig):
            _writable(child)
    return node


@contextmanager
def finding_groups(groups: Groups = OURS) -> Iterator[None]:
    """Let Hydra find conf/ and added folders, also while another application of Hydra is at work."""
    outer, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    register_schema()
    try:
        with initialize_config_dir(str(conf_dir()), job_name="train", version_base="1.3"):
            if groups.folders:
                _add_folders(groups.folders)
            yield
    finally:
        GlobalHydra.instance().hydra = outer


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
            return_hydra_config=with_hydra or bool(groups.folders),
        )
    if groups.folders:
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
    words = [given.word for given in read(overrides, groups)]
    with explaining(overrides, groups=groups):
        return with_data(to_config(composed(words, groups)))


def to_config(found: DictConfig) -> Config:
    """Turn what Hydra composed into a checked `Config`; keys that the schema lacks are refused."""
    config = OmegaConf.to_object(_typed(found))
    assert isinstance(config, Config)
    check(config)
    return config


def _typed(found: DictConfig) -> DictConfig:
    values = OmegaConf.to_container(found, resolve=True, throw_on_missing=True)
    merged = OmegaConf.merge(_writable(OmegaConf.structured(Config)), values)
    assert isinstance(merged, DictConfig)
    return merged


def load_config(path: Path) -> Config:
    """Read a run folder's `config.yaml`.

    Raises:
        ConfigError: It is not a configuration of this version of irnn.
    """
    try:
        content = read_yaml(path)
        if not isinstance(content, dict):
            raise ValueError("it holds no settings")
        return to_config(OmegaConf.create(content))
    except (
        OmegaConfBaseException,
        ValueError,
        AssertionError,
        OSError,
        RecursionError,
    ) as error:
        why = str(error).strip().partition("\n")[0]  # below, OmegaConf names its own types
        raise ConfigError(f"{path}: not a configuration that this irnn knows ({why})") from error


class Composer:
    """Compose the many runs of a sweep: what their groups give once, what is set by value for each.

    Hydra sets values after it has composed the groups, so the result is the same as `compose_config`'s,
    which takes a tenth of a second. Whatever is not a plain choice of a group or a plain value of a
    setting goes that way.
    """

    def __init__(self, groups: Groups = OURS) -> None:
        self.groups = groups
        self._names = groups.names()
        self._given: dict[str, Given] = {}
        self._bases: dict[tuple[str, ...], Config | None] = {}
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
            return with_data(to_config(composed([each.word for each in given], self.groups)))
        check(config)
        return with_data(config)

    def _read(self, overrides: Sequence[str]) -> list[Given]:
        new = [text for text in overrides if text not in self._given]
        self._given.update(zip(new, read(new, self.groups, names=self._names), strict=True))
        return [self._given[text] for text in overrides]

    def _quickly(self, given: Sequence[Given]) -> Config | None:
        """Compose what the shortcut is right for; None for what it is not."""
        chosen, values = self._split(given)
        if chosen is None or (base := self._base(tuple(chosen))) is None:
            return None
        return _with_values(base, values)

    def _split(self, given: Sequence[Given]) -> tuple[list[str] | None, dict[str, Any]]:
        """Tell choices of groups from values of settings; None if there is anything else."""
        chosen: list[str] = []
        values: dict[str, Any] = {}
        for each in given:
            override, key, value = each.parsed, each.key, each.parsed.value()
            plain = value is None or isinstance(value, (str, int, float))
            if override.type is not OverrideType.CHANGE or not plain or "${" in each.word:
                return None, {}
            if key in self._names:
                chosen.append(each.word)
            elif key in known_settings():
                values[key] = value
            else:
                return None, {}
        return chosen, values

    def _base(self, chosen: tuple[str, ...]) -> Config | None:
        """Compose choices of groups; None if a value depends on another, which may yet be set."""
        if chosen not in self._bases:
            found = composed(chosen, self.groups)
            if _has_references(OmegaConf.to_container(found, resolve=False)):
                self._bases[chosen] = None
            else:
                config = OmegaConf.to_object(_typed(found))
                assert isinstance(config, Config)
                self._bases[chosen] = config
        return self._bases[chosen]


def _with_values(base: Config, values: Mapping[str, Any]) -> Config:
    sections: dict[str, dict[str, Any]] = {"": {}}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        sections.setdefault(section, {})[name] = converted(known_settings()[key].type, value)
    inside = {
        section: replace(getattr(base, section), **changes)
        for section, changes in sections.items()
        if section
    }
    return replace(base, **sections[""], **inside)


def _has_references(node: Any) -> bool:
    """Whether a value is made from another setting; the environment is none."""
    if isinstance(node, dict):
        return any(_has_references(item) for item in node.values())
    return isinstance(node, str) and "${" in node and not node.startswith("${oc.env:")
