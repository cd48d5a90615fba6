"""The source of a class that is not ours: which files it is made of, and a digest of what they do."""

import ast
import hashlib
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from irnn.spec.meaning import meaning

DIGITS = 16
"""Of a SHA-256, in configurations."""


@dataclass(frozen=True)
class Source:
    """What a class is made of.

    Args:
        plugin: the word that loads it: a folder, a file or the name of a package; empty where nothing does.
        name: of the plug-in, for people.
        files: content by path, below the plug-in.
    """

    plugin: str
    name: str
    files: dict[str, bytes] = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """Hash paths and what the code does: no comment, docstring or layout of it."""
        whole = hashlib.sha256()
        for path, text in sorted(self.files.items()):
            content = meaning(text)
            whole.update(f"{path} {len(content)}\n".encode() + content)
        return whole.hexdigest()[:DIGITS]


def of_plugin(plugin: str, name: str, file: Path, root: Path, package: str) -> Source:
    """Gather a file and all that it imports of the same plug-in, directly or not.

    Args:
        plugin: see `Source`.
        name: see `Source`.
        file: that has the class.
        root: folder of the plug-in.
        package: as which it is imported.
    """
    found: dict[Path, bytes] = {}
    left = [file, root / "__init__.py"]
    while left:
        path = left.pop()
        if path in found or not path.is_file():
            continue
        found[path] = path.read_bytes()
        for module in _imported(found[path], path, root, package):
            left += [module.with_suffix(".py"), module / "__init__.py"]
    return Source(
        plugin, name, {path.relative_to(root).as_posix(): text for path, text in found.items()}
    )


def of_class(cls: type[Any]) -> Source:
    """Gather the source of a class that no plug-in has: of its file, or of a notebook's cell.

    Raises:
        OSError: It is nowhere.
    """
    module = _module_of(cls)
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is not None and Path(file).is_file():
        path = Path(file)
        return of_plugin("", path.stem, path, path.parent, module.rpartition(".")[0])
    text = textwrap.dedent(inspect.getsource(cls))
    return Source("", module, {f"{cls.__qualname__}.py": text.encode()})


def _module_of(cls: type[Any]) -> str:
    """Name the module that a class is written in.

    One that is made by a call, `type("Mine", (Task,), {...})`, says `abc`, which makes it: there a function
    of its, or else its base, knows.
    """
    if cls.__module__ != "abc":
        return cls.__module__
    functions = (item for item in vars(cls).values() if inspect.isfunction(item))
    written = (item.__module__ for item in functions if item.__module__ != "abc")
    return next(written, None) or _module_of(cls.__bases__[0])


def _imported(text: bytes, file: Path, root: Path, package: str) -> Iterator[Path]:
    """Name what a file imports of its own plug-in, as paths without ending."""
    here = file.parent
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _below(alias.name, root, package)
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".") if node.module else []
            if node.level:
                start = here
                for _ in range(node.level - 1):
                    start = start.parent
                places = [start.joinpath(*module)]
            else:
                places = [*_below(node.module or "", root, package)]
            for place in places:
                yield place
                yield from (place / alias.name for alias in node.names)


def _below(module: str, root: Path, package: str) -> Iterator[Path]:
    parts = module.split(".")
    own = package.split(".") if package else []
    if own and parts[: len(own)] == own:
        yield root.joinpath(*parts[len(own) :])
    elif (not own or own[0] != parts[0]) and not _is_library(root):
        yield root.joinpath(*parts)  # beside it, as a script imports


def _is_library(folder: Path) -> bool:
    """Whether what lies in a folder is installed there: what a file imports beside itself is not its own."""
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return str(folder) in places or folder.name in ("site-packages", "dist-packages")
