"""Two threads that let msgspec learn a class first crash: it learns each when it is defined."""

import ast
from pathlib import Path

import msgspec
import pytest

from irnn.runs import schemas
from irnn.runs.schemas import held_to, prepared


def test_msgspec_knows_a_schema_before_two_threads_could_make_it_known_at_once() -> None:
    from irnn.training.progress import Progress

    class Late(msgspec.Struct):
        name: str

    assert hasattr(Progress, "__msgspec_cache__")
    with pytest.raises(AssertionError, match="Late lacks @prepared"):
        held_to({"name": "x"}, Late)
    assert held_to({"name": "x"}, prepared(Late)).name == "x"


def test_nothing_lets_msgspec_learn_a_class_later_than_at_import() -> None:
    late = []
    for path in Path(schemas.__file__).parents[1].rglob("*.py"):
        for call in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)):
            name, typed = ast.unparse(call.func), any(word.arg == "type" for word in call.keywords)
            if name == "msgspec.convert" or (name.startswith("msgspec.") and typed):
                late.append(f"{path.name}: {name}")
    assert late == ["schemas.py: msgspec.convert"]  # which asks for `prepared`
