"""What a class must be to become an option of a group, and which types its settings may have."""

import inspect
import re
import sys
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any

from irnn.spec import kinds
from irnn.spec.errors import RegistrationError
from irnn.spec.options import Setting, default_of, fields_of

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = ("name", "source", "group", "summary")


def check(cls: type[Any], group: str, name: str, taken: type[Any] | None) -> None:
    """Refuse what cannot be an option.

    Args:
        cls: the class.
        group: of the option.
        name: of the option.
        taken: the class that has the name by now.

    Raises:
        RegistrationError: The message says why.
    """
    what = f"@{decorator_of(group)}({name!r}) of {cls.__module__}.{cls.__qualname__}"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RegistrationError(f"{what}: a name is small letters, digits and _, as in my_{group}")
    _check_settings(cls, what)
    if not (isinstance(cls, type) and getattr(cls, "group", None) == group):
        base = decorator_of(group).capitalize()
        raise RegistrationError(f"{what}: the class must be derived from irnn.extend.{base}")
    if taken is not None and not _is_again(cls, taken):
        raise RegistrationError(
            f"{what}: {group}={name} is {taken.__module__}.{taken.__qualname__} already; take another name"
        )
    if "__dataclass_fields__" in vars(cls):
        raise RegistrationError(
            f"{what}: the class is registered already, as {cls.name}"
            if cls.name
            else f"{what}: the class is a dataclass already; leave @dataclass out"
        )
    if lacking := cls.lacking():
        raise RegistrationError(f"{what}: the class lacks {', '.join(lacking)}")


def _check_settings(cls: type[Any], what: str) -> None:
    """Refuse settings that a command line cannot name, or whose names mean something else."""
    for setting, kind in getattr(cls, "__annotations__", {}).items():
        if "ClassVar" in str(kind) and setting not in _RESERVED:
            continue
        bases = cls.__mro__[1:]
        is_known = any(setting in {**vars(each), **_annotations(each)} for each in bases)
        is_setting = any(
            setting == item.name for each in bases if is_dataclass(each) for item in fields(each)
        )
        if setting in _RESERVED or (is_known and not is_setting):
            raise RegistrationError(
                f"{what}: a setting cannot be called {setting}, which is something else already; without a "
                "type it is none"
            )
        if not _SETTING.fullmatch(setting):
            raise RegistrationError(
                f"{what}: a setting called {setting} could not be typed; use a-z, 0-9 and _"
            )


def _annotations(cls: type[Any]) -> dict[str, Any]:
    found: dict[str, Any] = inspect.get_annotations(cls)
    return found


def made_dataclass(cls: type[Any]) -> type[Any]:
    """Make a class the frozen dataclass that an option is.

    Raises:
        RegistrationError: A default is none that a setting can have.
    """
    try:
        return dataclass(frozen=True, kw_only=True)(cls)
    except (TypeError, ValueError) as error:
        raise RegistrationError(
            f"{cls.__qualname__}: {error}; a default that is a list is written option([...])"
        ) from error


def decorator_of(group: str) -> str:
    """Name the decorator of a group; the base class of its options has the same name."""
    return {"task": "task", "model": "cell", "init": "initialization", "optim": "optimizer"}[group]


def _is_again(cls: type[Any], taken: type[Any]) -> bool:
    """Whether it is the same class once more: a notebook's cell run again, a module that is reloaded."""
    return cls.__qualname__ == taken.__qualname__ and _file(cls) == _file(taken)


def _file(cls: type[Any]) -> str:
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or cls.__module__


def resolve_types(cls: type[Any]) -> None:
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
        _check_default(item, f"{owner.__qualname__}.{item.name}")


def _check_default(item: Field[Any], where: str) -> None:
    default = default_of(item)
    if default is MISSING or (default is None and "None" in str(item.type)):
        return
    setting = Setting(item.name, item.type, default, **item.metadata)
    if (fault := kinds.wrong_value(setting, default)) is not None:
        raise RegistrationError(f"{where}: its default, {default}, {fault[0]}")
