"""Code of a user's own: folders, files and packages that register tasks, cells, initializations, optimizers.

A plug-in is a folder with *.py and conf/GROUP/*.yaml, one file, or an importable package. It is named by
`plugins=`, by the variable IRNN_PLUGINS, or by an entry point "irnn.plugins" of an installed package.
What is loaded stays loaded; where its files have changed since, it is loaded anew.
"""

import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irnn.spec import registry, source_code
from irnn.spec.errors import ConfigError, PluginError, PublishedError
from irnn.spec.groups import Groups
from irnn.spec.plugin_files import check_name, check_yaml, execute, stamps
from irnn.spec.plugin_words import named_by_variable, without_plugins
from irnn.system.paths import expanded

if TYPE_CHECKING:
    from importlib import metadata

ENTRY_POINTS = "irnn.plugins"


@dataclass(frozen=True)
class Plugin:
    """A plug-in that is loaded.

    Args:
        word: names it again, from any folder.
        package: as which its modules are imported.
        root: its folder, or that of its file.
        files: when each of its files was changed last.
    """

    word: str
    package: str
    root: Path
    files: tuple[tuple[Path, int], ...]

    @property
    def conf(self) -> Path | None:
        """Where its YAML is."""
        folder = self.root / "conf"
        return folder if folder.is_dir() and not self.word.endswith(".py") else None


_loaded: dict[str, Plugin] = {}


def with_plugins(words: Sequence[str], groups: Groups) -> tuple[list[str], Groups]:
    """Load what overrides, the variable and installed packages name; give the other overrides.

    Raises:
        PluginError: One cannot be used; nothing of it is left.
    """
    kept, named = without_plugins(words)
    named += named_by_variable()
    plugins = [load(name) for name in dict.fromkeys([*named, *groups.plugins])]
    installed = [load_installed(point) for point in entry_points()]
    conf = [plugin.conf for plugin in (*plugins, *installed)]
    return kept, replace(
        groups,
        plugins=tuple(dict.fromkeys(plugin.word for plugin in plugins)),
        plugin_folders=tuple(dict.fromkeys(str(place) for place in conf if place is not None)),
    )


@cache
def entry_points() -> "Sequence[metadata.EntryPoint]":
    """Find what installed packages register.

    Files are looked into first: the library for them takes 40 ms to import, for nothing as a rule.
    """
    group = f"[{ENTRY_POINTS}]".encode()
    files = (file for place in sys.path for file in Path(place).glob("*-info/entry_points.txt"))
    if not any(group in file.read_bytes() for file in files):
        return ()
    from importlib import metadata

    return tuple(metadata.entry_points(group=ENTRY_POINTS))


def load_installed(point: "metadata.EntryPoint") -> Plugin:
    """Load what an installed package registers.

    Raises:
        PluginError: It cannot be used.
    """
    try:
        return load(point.value.partition(":")[0])
    except PluginError as error:
        distribution = point.dist.name if point.dist else "an installed package"
        raise PluginError(f"{error} (an entry point {ENTRY_POINTS} of {distribution})") from error


def load(name: str) -> Plugin:
    """Load a plug-in, unless it is loaded as it is.

    Args:
        name: a folder, a file or an importable package.

    Raises:
        PluginError: It cannot be used; nothing of it is left.
    """
    try:
        path = expanded(name)
        there = path.is_dir() or path.is_file()
    except (OSError, ValueError) as error:  # nobody's home; too long for a file; a null byte
        reason = getattr(error, "strerror", None) or error
        raise PluginError(f"plugins={name}: {reason}") from error
    if there:
        path = path.resolve()
        known = _loaded.get(str(path))
        return known if known and known.files == stamps(path) else _load_path(name, path)
    if re.fullmatch(r"[A-Za-z_][\w.]*", name):
        return _loaded.get(name) or _load_package(name)
    raise PluginError(f"plugins={name}: no such folder, file or package")


def _load_path(name: str, path: Path) -> Plugin:
    root = path if path.is_dir() else path.parent
    package = re.sub(r"\W", "_", path.stem)
    try:
        files = stamps(path)
    except PluginError as error:
        raise PluginError(f"plugins={name}: {error}") from error
    if not files:
        raise PluginError(f"plugins={name}: {path} has no Python file; it needs one, as my_task.py")
    check_name(name, package, path)
    plugin = Plugin(str(path), package, root, files)
    with _all_or_nothing(plugin, name):
        registry.drop(plugin.word)  # what it registered before it changed
        if path.is_file():
            execute(package, path, None)
        else:
            execute(package, root / "__init__.py", [str(root)])
            for file, _ in files:
                if file.stem != "__init__":
                    importlib.import_module(f"{package}.{file.stem}")
    return plugin


def _load_package(name: str) -> Plugin:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise PluginError(f"plugins={name}: no such folder, file or package")
    plugin = Plugin(name, name, Path(spec.origin).parent, ())
    with _all_or_nothing(plugin, name):
        importlib.import_module(name)
    return plugin


@contextmanager
def _all_or_nothing(plugin: Plugin, name: str) -> Iterator[None]:
    """Take what is registered within for a plug-in's; after an error, all of it is forgotten.

    Raises:
        PluginError: Something went wrong; it names file and line.
    """
    modules, before = set(sys.modules), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # a user's folder stays as it is
    importlib.invalidate_caches()
    try:
        with registry.taking_back():
            with registry.registering() as classes:
                try:
                    with redirect_stdout(sys.stderr):  # what it prints is no part of an answer
                        yield
                except KeyboardInterrupt:
                    raise
                except BaseException as error:
                    raise PluginError(f"plugins={name}: {_where(error, plugin)}") from error
                if not classes and plugin.conf is None:
                    raise PluginError(
                        f"plugins={name}: registers nothing; a class needs @task, @cell, @initialization or "
                        "@optimizer of irnn.extend"
                    )
            _note_sources(classes, plugin, name)
            check_yaml(plugin.conf, name)
    except BaseException:
        for added in set(sys.modules) - modules:
            if added == plugin.package or added.startswith(f"{plugin.package}."):
                del sys.modules[added]
        raise
    finally:
        sys.dont_write_bytecode = before
    _loaded[plugin.word] = plugin


def _note_sources(classes: Sequence[type[Any]], plugin: Plugin, name: str) -> None:
    for cls in classes:
        file = Path(str(getattr(sys.modules.get(cls.__module__), "__file__", None)))
        if not file.is_file():
            raise PluginError(
                f"plugins={name}: the module of {cls.__qualname__}, {cls.__module__}, is no file, so its "
                "code could not be told from another's"
            )
        try:
            source = source_code.of_plugin(
                plugin.word, plugin.package, file, plugin.root, plugin.package
            )
        except (OSError, SyntaxError, ValueError) as error:
            raise PluginError(f"plugins={name}: {file}: {error}") from error
        registry.set_source(cls, source)
        if cls.group == "task":
            _check_published(cls, name)


def _check_published(cls: type[Any], name: str) -> None:
    try:
        cls.published()
    except PublishedError as error:
        raise PluginError(f"plugins={name}: {error}") from error


def _where(error: BaseException, plugin: Plugin) -> str:
    """Say in which line of a plug-in something went wrong, and what."""
    message = _first_line(error)
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    if "null bytes" in message and (place := _null_byte(plugin)):
        return f"{place}: a null byte, which no Python file has; save it as UTF-8"
    if not isinstance(error, ConfigError):
        message = f"{type(error).__name__}{message and f': {message}'}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(plugin.root)]
    if isinstance(error, ModuleNotFoundError) and (plugin.root / f"{error.name}.py").is_file():
        message += f"; a file beside it is imported as `from .{error.name} import ...`"
    return f"{own[-1].filename}, line {own[-1].lineno}: {message}" if own else message


def _first_line(error: BaseException) -> str:
    """Give the first line of what an exception of a user's own class says."""
    try:
        return next(iter(str(error).splitlines()), "")
    except Exception:
        return ""


def _null_byte(plugin: Plugin) -> str | None:
    """Say where a file of a plug-in has a null byte: Python refuses it without its name."""
    in_folder = [] if plugin.word.endswith(".py") else sorted(plugin.root.rglob("*.py"))
    for file in dict.fromkeys([*(file for file, _ in plugin.files), *in_folder]):
        before, null, _ = file.read_bytes().partition(b"\0")
        if null:
            line = before.count(b"\n") + 1
            return f"{file}, line {line}"
    return None


def rebuilt(group: str, name: str, source: str, word: str, values: dict[str, Any]) -> Any:
    """Make an option again in another process, which loads the plug-in that this one has loaded.

    Raises:
        PluginError: The plug-in has changed meanwhile.
    """
    if word:
        load(word)
    cls = registry.get(group, name)
    if cls.source != source:
        raise PluginError(
            f"plugins={word}: {group}={name} has changed since this was asked for; give the command again"
        )
    return cls(**values)
