"""The configuration groups: where their files are, and numbers in the place of their options."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from irnn.spec import registry
from irnn.spec.errors import ConfigError
from irnn.system.paths import expanded

CONFIG_NAME = "train"
NUMERIC_GROUPS = {"seq_len": "task.seq_len", "clip": "clip.max_norm", "init_scale": "init.gain"}
"""Groups in whose place a number works, and the setting that the number is for."""
GROUP_OF = {setting: group for group, setting in NUMERIC_GROUPS.items()}
"""The shorter name of each such setting."""


def conf_dir() -> Path:
    """Find the configuration groups: inside the installed package, else at the checkout's top.

    Raises:
        ConfigError: There is neither.
    """
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "conf", package.parents[1] / "conf"):
        if (candidate / f"{CONFIG_NAME}.yaml").is_file():
            return candidate
    raise ConfigError(f"no conf/{CONFIG_NAME}.yaml beside {package}: install irnn again")


@dataclass(frozen=True)
class Groups:
    """What a command composes from: irnn's own groups, and those of folders that its user adds.

    Args:
        folders: as Hydra's search path has them: file:///a/folder or pkg://a.package; ours comes first.
        config_name: the file that a run begins from.
        plugins: what loads the plug-ins that a command names.
        plugin_folders: where those and installed ones have YAML.
    """

    folders: tuple[str, ...] = ()
    config_name: str = CONFIG_NAME
    plugins: tuple[str, ...] = ()
    plugin_folders: tuple[str, ...] = ()

    @property
    def added(self) -> tuple[str, ...]:
        """Give all folders but ours."""
        return (*self.folders, *(f"file://{folder}" for folder in self.plugin_folders))

    def places(self) -> list[Path]:
        """Give the folders that are on this disk, ours first."""
        return [conf_dir(), *filter(None, map(_place, self.added))]

    def names(self) -> set[str]:
        """Name the groups that a run is composed from; those of Hydra itself have a slash."""
        below = (path for place in self.places() for path in place.iterdir())
        return {path.name for path in below if path.is_dir() and path.name != "hydra"}

    def has_main(self) -> bool:
        """Whether the file that a run begins from is there."""
        name = self.config_name.removesuffix(".yaml")
        try:
            return any((place / f"{name}.yaml").is_file() for place in self.places())
        except (OSError, ValueError):  # too long for a file, a null byte
            return False

    def options(self, group: str) -> list[str]:
        """Name a group's options; a class needs no file."""
        return sorted(
            {*self.files(group), *(registry.classes(group) if group in registry.GROUPS else ())}
        )

    def file(self, group: str, option: str) -> Path | None:
        """Find the file of an option; None where it is not on this disk."""
        return self.files(group).get(option)

    def without_file(self, group: str) -> list[str]:
        """Name the options that a class alone says, without a file."""
        files = self.files(group)
        return [name for name in registry.classes(group) if name not in files]

    def files(self, group: str) -> dict[str, Path]:
        """Find the files of a group's options, by their names; of two of a name, ours.

        A pipe or a device is none: a reader of it waits for ever.
        """
        found: dict[str, Path] = {}
        for place in reversed(self.places()):
            for path in filter(Path.is_file, (place / group).rglob("*.yaml")):
                found[path.relative_to(place / group).with_suffix("").as_posix()] = path
        return found


def _place(folder: str) -> Path | None:
    scheme, found, rest = folder.rpartition("://")
    if scheme in ("", "file"):
        return expanded(rest)
    if scheme != "pkg" or not found:
        return None
    try:
        spec = importlib.util.find_spec(rest)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def added_folders(folders: Sequence[str]) -> tuple[str, ...]:
    """Write folders as Hydra's search path has them.

    Raises:
        ConfigError: One of them is not there, or has a file that would not be read.
    """
    written = []
    for folder in folders:
        try:
            place = _place(folder)
            there = place is not None and place.is_dir()
        except (OSError, ValueError):  # no user's home, too long for a file, a null byte
            place, there = None, False
        if place is None or not there:
            raise ConfigError(
                f"{folder}: no such folder; name one that has groups in it, as in "
                "/my/conf with /my/conf/experiment/NAME.yaml"
            )
        if hidden := _hidden(place):
            raise ConfigError(hidden)
        written.append(folder if folder.startswith("pkg://") else f"file://{place.absolute()}")
    return tuple(written)


def _hidden(place: Path) -> str | None:
    """Say which file of a folder would not be read, as one of ours has its name; None for copies of ours."""
    for ours in sorted(conf_dir().rglob("*.yaml")):
        own = ours.relative_to(conf_dir())
        if (place / own).is_file() and not _same(place / own, ours):
            choice = f"{own.parent.as_posix()}={own.stem}" if own.parts[1:] else own.stem
            return (
                f"{place / own}: is not read, as {choice} is irnn's own; give the file another name, and "
                "choose that"
            )
    return None


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False
