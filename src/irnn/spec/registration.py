"""What a class must be to become an option of a group, and which types its settings may have."""

import inspect
import re
import sys
from typing import Any

from irnn.spec import kinds
from irnn.spec.errors import RegistrationError
from irnn.spec.options import fields_of

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = ("name", "source")


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
    if not (isinstance(cls, type) and getattr(cls, "group", None) == group):
        base = {"task": "Task", "model": "Cell", "init": "Initialization", "optim": "Optimizer"}
        raise RegistrationError(f"{what}: the class must be derived from irnn.extend.{base[group]}")
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
