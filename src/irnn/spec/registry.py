"""The options of each group: classes that own their settings, registered under a name by a decorator.

Our own are imported when they are first asked for. None of them needs torch to be imported.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from irnn.spec import kinds, source_code
from irnn.spec.errors import ConfigError
from irnn.spec.options import Choice, default_of, fields_of
from irnn.spec.source_code import Source

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[Any], Any]:  # noqa: D103 - of Python 3.11
        return lambda function: function


C = TypeVar("C", bound=Choice)

GROUPS = ("task", "model", "init", "optim")
OURS = (
    "irnn.tasks.adding",
    "irnn.tasks.multiplication",
    "irnn.tasks.copy_memory",
    "irnn.tasks.temporal_order",
    "irnn.tasks.pixels",
    "irnn.models.cells",
    "irnn.models.antisymmetric",
    "irnn.models.initializers",
    "irnn.optimizers.sgd",
    "irnn.optimizers.adam",
    "irnn.optimizers.rmsprop",
    "irnn.optimizers.torch",
)
"""Where our own options are, in the order in which refusals list them."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = ("name", "source")


class RegistrationError(ConfigError):
    """A class that cannot be an option of its group; the message says why."""


@dataclass
class _Registry:
    """Which classes there are, by group and name; `version` grows with every change."""

    classes: dict[str, dict[str, type[Choice]]] = field(
        default_factory=lambda: {group: {} for group in GROUPS}
    )
    sources: dict[type[Choice], Source] = field(default_factory=dict)
    version: int = 0
    loaded: bool = False
    registering: list[type[Choice]] | None = None
    """Collects what a plug-in registers while it is loaded."""


_registry = _Registry()


@dataclass_transform(frozen_default=True, kw_only_default=True)
def task(name: str) -> Callable[[type[C]], type[C]]:
    """Make a subclass of `Task` the task `name`."""
    return _registered("task", name)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def cell(name: str) -> Callable[[type[C]], type[C]]:
    """Make a subclass of `Cell` the model `name`."""
    return _registered("model", name)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def initialization(name: str) -> Callable[[type[C]], type[C]]:
    """Make a subclass of `Initialization` the initialization `name`."""
    return _registered("init", name)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def optimizer(name: str) -> Callable[[type[C]], type[C]]:
    """Make a subclass of `Optimizer` the optimizer `name`."""
    return _registered("optim", name)


def classes(group: str) -> dict[str, type[Any]]:
    """Give the options of a group by name, ours first."""
    _load_ours()
    return _registry.classes[group]


def loaded(group: str, name: str) -> type[Any] | None:
    """Give the class of an option if it has been imported by now; none is imported for that."""
    return _registry.classes[group].get(name)


def get(group: str, name: str) -> type[Any]:
    """Give the class of an option.

    Raises:
        ConfigError: There is none of that name.
    """
    found = classes(group).get(name)
    if found is None:
        raise ConfigError(
            f"{group}.name={name}: no such option; {group} is one of {', '.join(classes(group))}. One of a "
            "plug-in is there where that is named, as plugins=my_lab"
        )
    return found


def owners(group: str, setting: str) -> tuple[str, ...]:
    """Name the options that have a setting."""
    known = classes(group).items()
    return tuple(n for n, cls in known if setting in (item.name for item in fields_of(cls)))


def version() -> int:
    """Count the changes, for what is derived from the classes and kept."""
    _load_ours()
    return _registry.version


def source_of(cls: type[Choice]) -> Source | None:
    """Give the source of an option that is not ours."""
    return _registry.sources.get(cls)


def sources_of(config: Any) -> dict[str, Source]:
    """Give the source of every option of a configuration that is not ours, by "group=name"."""
    chosen = [getattr(config, group) for group in GROUPS]
    found = {f"{each.group}={each.name}": source_of(type(each)) for each in chosen}
    return {option: source for option, source in found.items() if source is not None}


def set_source(cls: type[Choice], source: Source) -> None:
    """Note what an option is made of."""
    _registry.sources[cls] = source
    cls.source = source.digest


def drop(plugin: str) -> None:
    """Forget what a plug-in has registered."""
    for known in _registry.classes.values():
        for name, cls in [*known.items()]:
            if (source := source_of(cls)) is not None and source.plugin == plugin:
                del known[name]
    _registry.version += 1


@contextmanager
def registering() -> Iterator[list[type[Choice]]]:
    """Collect what is registered within; whoever does says its source."""
    _load_ours()
    before, _registry.registering = _registry.registering, []
    try:
        yield _registry.registering
    finally:
        _registry.registering = before


@contextmanager
def taking_back() -> Iterator[None]:
    """Forget what was registered within if there is an error."""
    _load_ours()
    before = {group: dict(known) for group, known in _registry.classes.items()}
    try:
        yield
    except BaseException:
        _registry.classes = before
        _registry.version += 1
        raise


@contextmanager
def restored() -> Iterator[None]:
    """Forget at the end what was registered within."""
    _load_ours()
    before = {group: dict(known) for group, known in _registry.classes.items()}
    try:
        yield
    finally:
        _registry.classes = before
        _registry.version += 1


def _load_ours() -> None:
    if not _registry.loaded:
        _registry.loaded = True
        for module in OURS:
            importlib.import_module(module)


def _registered(group: str, name: str) -> Callable[[type[C]], type[C]]:
    def register(cls: type[C]) -> type[C]:
        if not cls.__module__.startswith("irnn."):
            _load_ours()
        _check(cls, group, name)
        summary = next(iter((inspect.getdoc(cls) or "").splitlines()), "")
        made = dataclass(frozen=True, kw_only=True)(cls)
        made.name, made.summary = name, summary if "__doc__" in vars(cls) else ""
        _resolve_types(made)
        _registry.classes[group][name] = made
        _registry.version += 1
        if _registry.registering is not None:
            _registry.registering.append(made)
        elif not cls.__module__.startswith("irnn."):
            _find_source(made)
        return made

    return register


def _find_source(cls: type[Choice]) -> None:
    try:
        set_source(cls, source_code.of_class(cls))
    except (OSError, SyntaxError) as error:
        del _registry.classes[cls.group][cls.name]
        raise RegistrationError(
            f"{cls.__qualname__}: its source is nowhere to be read ({error}), so a run could not be told "
            "from one of other code; put it into a file"
        ) from error


def _check(cls: type[Any], group: str, name: str) -> None:
    """Refuse what cannot be an option.

    Raises:
        RegistrationError: The message says why.
    """
    what = f"@{decorator_of(group)}({name!r}) of {cls.__module__}.{cls.__qualname__}"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RegistrationError(f"{what}: a name is small letters, digits and _, as in my_{group}")
    if not (isinstance(cls, type) and getattr(cls, "group", None) == group):
        base = {"task": "Task", "model": "Cell", "init": "Initialization", "optim": "Optimizer"}
        raise RegistrationError(f"{what}: the class must be derived from irnn.extend.{base[group]}")
    taken = _registry.classes[group].get(name)
    if taken is not None and not _is_again(cls, taken):
        raise RegistrationError(
            f"{what}: {group}={name} is {taken.__module__}.{taken.__qualname__} already; take another name"
        )
    if "__dataclass_fields__" in vars(cls):
        raise RegistrationError(f"{what}: the class is registered already, as {cls.name}")
    if lacking := cls.lacking():
        raise RegistrationError(f"{what}: the class lacks {', '.join(lacking)}")
    for setting in inspect.get_annotations(cls):
        inherited = any(setting in vars(base) for base in cls.__mro__[1:])
        is_setting = any(
            setting in getattr(base, "__dataclass_fields__", {}) for base in cls.__mro__[1:]
        )
        is_class_variable = "ClassVar" in str(inspect.get_annotations(cls)[setting])
        if setting in _RESERVED or (inherited and not is_setting and not is_class_variable):
            raise RegistrationError(
                f"{what}: a setting cannot be called {setting}, which is something else already"
            )


def decorator_of(group: str) -> str:
    """Name the decorator of a group."""
    return {"task": "task", "model": "cell", "init": "initialization", "optim": "optimizer"}[group]


def _is_again(cls: type[Any], taken: type[Any]) -> bool:
    """Whether it is the same class once more: a notebook's cell run again, a module that is reloaded."""
    return cls.__qualname__ == taken.__qualname__ and _file(cls) == _file(taken)


def _file(cls: type[Any]) -> str:
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or cls.__module__


def _resolve_types(cls: type[Any]) -> None:
    """Give each setting its type, also where annotations are text (`from __future__ import annotations`).

    Raises:
        RegistrationError: It is of a type that no command line can give.
    """
    for item in fields_of(cls):
        owner = next(base for base in cls.__mro__ if item.name in inspect.get_annotations(base))
        if isinstance(item.type, str):
            try:
                item.type = eval(item.type, vars(sys.modules[owner.__module__]))
            except NameError as error:
                raise RegistrationError(
                    f"{owner.__qualname__}.{item.name}: its type is not known when the class is made "
                    f"({error}); import it outside of TYPE_CHECKING"
                ) from error
        if not item.metadata.get("doc"):  # of a plain annotation: its name says what it is
            named: Any = {**item.metadata, "doc": item.name.replace("_", " ")}
            item.metadata = named
        if not kinds.is_supported(item.type):
            raise RegistrationError(
                f"{owner.__qualname__}.{item.name}: a setting is an int, float, bool, str, an Enum or "
                f"list[str], or one of these or None, not {item.type}"
            )


def default(group: str, name: str) -> Any:
    """Declare a section that holds an option of a group, `name` unless said otherwise."""
    return field(default_factory=lambda: get(group, name)())


def given_defaults(cls: type[Choice]) -> dict[str, Any]:
    """Give an option's defaults by setting; those that must be given are left out."""
    defaults = {item.name: default_of(item) for item in fields_of(cls)}
    return {name: value for name, value in defaults.items() if value is not MISSING}
