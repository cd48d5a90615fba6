"""What the optimizers of the installed PyTorch take, read from its source: importing it takes seconds."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path

NOT_SETTINGS = ("self", "params", "lr")


@cache
def optimizers() -> dict[str, tuple[str, ...]] | None:
    """Name the classes of `torch.optim` and the arguments of each; None where there is no source to read."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "optim"
    try:
        imports = _parsed(folder / "__init__.py")
        found = {}
        for node in imports.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch.optim."):
                path = folder / f"{(node.module or '').rpartition('.')[2]}.py"
                for alias in node.names:
                    if alias.name[0].isupper() and alias.name != "Optimizer":
                        found[alias.name] = _arguments(path, alias.name)
    except (OSError, SyntaxError, ValueError, LookupError):
        return None
    return found or None


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _arguments(path: Path, name: str) -> tuple[str, ...]:
    """List what a class is made of, besides its parameters and the learning rate."""
    made = next(
        method
        for node in _parsed(path).body
        if isinstance(node, ast.ClassDef) and node.name == name
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name == "__init__"
    )
    every = (*made.args.posonlyargs, *made.args.args, *made.args.kwonlyargs)
    return tuple(each.arg for each in every if each.arg not in NOT_SETTINGS)
