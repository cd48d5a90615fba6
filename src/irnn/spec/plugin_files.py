"""The files of a plug-in: which they are, whether they can be imported under their name, and its YAML."""

import importlib
import importlib.machinery
import importlib.util
import keyword
import re
import sys
from pathlib import Path
from types import ModuleType

import yaml

from irnn.runs.reading import read_bytes
from irnn.spec import registry
from irnn.spec.errors import PluginError
from irnn.spec.groups import conf_dir
from irnn.spec.registration import decorator_of

_LEFT_OUT = re.compile(r"[_.].*|test_.*|.*_test|conftest|setup")


def stamps(path: Path) -> tuple[tuple[Path, int], ...]:
    """List the files that are imported, with the time of their last change.

    Raises:
        PluginError: One of them is no file: a folder, a pipe, a link to nothing.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.py"))
    wanted = [f for f in files if f.name == "__init__.py" or not _LEFT_OUT.fullmatch(f.stem)]
    for file in wanted:
        if not file.is_file():  # Python would find no module of that name
            raise PluginError(f"{file} is no file; rename or remove it")
    return tuple((file, file.stat().st_mtime_ns) for file in wanted)


def check_name(name: str, package: str, path: Path) -> None:
    """Refuse a folder or file that cannot be imported, or is called as something else that can.

    Raises:
        PluginError: The message says which.
    """
    if not package.isidentifier() or keyword.iskeyword(package):
        raise PluginError(
            f"plugins={name}: Python cannot import what is called {package}; rename {path.name} "
            "(letters, digits and _, no digit first)"
        )
    places = _places(package)
    if package in sys.stdlib_module_names or (places and path.resolve() not in places):
        where = f" ({min(places)})" if places else ""
        raise PluginError(
            f"plugins={name}: a package called {package} is there already{where}; rename {path.name}"
        )


def _places(package: str) -> set[Path]:
    """Give the files and folders of a package that is imported or can be; none: there is none.

    A plain folder where the user stands is none: `python -m` would import it, and nobody means to.
    """
    known = sys.modules.get(package)
    if known is not None:
        found = [*getattr(known, "__path__", ()), getattr(known, "__file__", None)]
    else:
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            spec = None
        found = [*(spec.submodule_search_locations or ()), spec.origin] if spec else []
        if spec is not None and spec.origin is None:
            found = [each for each in found if each and Path(each).resolve().parent != Path.cwd()]
    return {Path(each).resolve() for each in found if each}


def execute(package: str, file: Path, search: list[str] | None) -> None:
    """Import a file, or a folder as a package, under a name."""
    for known in [*sys.modules]:
        if known == package or known.startswith(f"{package}."):
            del sys.modules[known]
    if search is not None and not file.is_file():
        module = ModuleType(package)
        module.__path__ = search
        module.__spec__ = importlib.machinery.ModuleSpec(package, None, is_package=True)
        module.__spec__.submodule_search_locations = search
        sys.modules[package] = module
        return
    spec = importlib.util.spec_from_file_location(package, file, submodule_search_locations=search)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[package] = module
    spec.loader.exec_module(module)


def check_yaml(conf: Path | None, name: str) -> None:
    """Refuse a file that shadows one of ours, or is of a class that there is not."""
    if conf is None:
        return
    for file in sorted(conf.rglob("*.yaml")):
        if file.name.startswith("."):  # of an editor
            continue
        where = f"plugins={name}: {file}"
        place = file.relative_to(conf)
        if (conf_dir() / place).exists():
            option = f"{place.parent}={place.stem}" if place.parts[1:] else place.stem
            raise PluginError(f"{where}: {option} is irnn's own; take another name")
        group = place.parts[0]
        if len(place.parts) != 2 or group not in registry.GROUPS:
            continue
        try:
            content = yaml.safe_load(read_bytes(file).decode())
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise PluginError(f"{where}: {' '.join(str(error).split())}") from error
        content = content if isinstance(content, dict) else {}
        below = content.get(group)
        named = (below if isinstance(below, dict) else content).get("name")
        if named is None and "defaults" in content:
            continue  # what it builds upon says it
        if named is None:
            raise PluginError(
                f"{where}, line 1: must say which class it is of, as name: {place.stem}"
            )
        if not isinstance(named, str) or named not in registry.classes(group):
            known = ", ".join(registry.classes(group))
            raise PluginError(
                f"{where}: name: {named} is no class; one needs @{decorator_of(group)}({named!r}). "
                f"There are {known}"
            )
