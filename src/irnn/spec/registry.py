"""The options of each group: classes that own their settings, registered under a name by a decorator.

Our own are imported when they are first asked for. None of them needs torch to be imported.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from irnn.spec import registration, source_code
from irnn.spec.errors import ConfigError, RegistrationError
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
    """Make a subclass of `Task` the task `name`: the option `task=name`.

    Raises:
        RegistrationError: It lacks a method, a setting of it cannot be one, or the name is taken.
    """
    return _registered("task", name)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def cell(name: str) -> Callable[[type[C]], type[C]]:
    """Make a subclass of `Cell` the model `name`: the option `model=name`.

    Raises:
        RegistrationError: It lacks a method, a setting of it cannot be one, or the name is taken.
    """
    return _registered("model", name)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def initialization(name: str) -> Callable[[type[C]], type[C]]:
    """Make a subclass of `Initialization` the initialization `name`: the option `init=name`.

    Raises:
        RegistrationError: It lacks a method, a setting of it cannot be one, or the name is taken.
    """
    return _registered("init", name)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def optimizer(name: str) -> Callable[[type[C]], type[C]]:
    """Make a subclass of `Optimizer` the optimizer `name`: the option `optim=name`.

    Raises:
        RegistrationError: It lacks a method, a setting of it cannot be one, or the name is taken.
    """
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
    """Collect what is registered within; the caller notes its source."""
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


def _load_ours() -> None:
    if not _registry.loaded:
        _registry.loaded = True
        for module in OURS:
            importlib.import_module(module)


def _registered(group: str, name: str) -> Callable[[type[C]], type[C]]:
    given: object = name  # without brackets behind the decorator, the class
    if not isinstance(given, str):
        decorator = registration.decorator_of(group)
        raise RegistrationError(f'@{decorator}: needs a name, as in @{decorator}("my_{group}")')

    def register(cls: type[C]) -> type[C]:
        if not cls.__module__.startswith("irnn."):
            _load_ours()
        registration.check(cls, group, name, _registry.classes[group].get(name))
        summary = next(iter((inspect.getdoc(cls) or "").splitlines()), "")
        made = registration.made_dataclass(cls)
        made.name, made.summary = name, summary if "__doc__" in vars(cls) else ""
        registration.resolve_types(made)
        known: dict[str, type[Choice]] = {**_registry.classes[group], name: made}
        _registry.classes[group] = dict(sorted(known.items(), key=_place))
        _registry.version += 1
        if _registry.registering is not None:
            _registry.registering.append(made)
        elif not cls.__module__.startswith("irnn."):
            _find_source(made)
        return made

    return register


def _place(option: tuple[str, type[Choice]]) -> tuple[int, str]:
    """Order options, whatever was imported first: ours as `OURS` has them, then others by name."""
    name, cls = option
    return (OURS.index(cls.__module__), "") if cls.__module__ in OURS else (len(OURS), name)


def _find_source(cls: type[Choice]) -> None:
    try:
        set_source(cls, source_code.of_class(cls))
    except (OSError, SyntaxError) as error:
        del _registry.classes[cls.group][cls.name]
        raise RegistrationError(
            f"{cls.__qualname__}: its source is nowhere to be read ({error}), so a run could not be told "
            "from one of other code; put it into a file"
        ) from error


def default(group: str, name: str) -> Any:
    """Declare a section that holds an option of a group, `name` unless said otherwise."""
    return field(default_factory=lambda: get(group, name)())


def given_defaults(cls: type[Choice]) -> dict[str, Any]:
    """Give an option's defaults by setting; those that must be given are left out."""
    defaults = {item.name: default_of(item) for item in fields_of(cls)}
    return {name: value for name, value in defaults.items() if value is not MISSING}
