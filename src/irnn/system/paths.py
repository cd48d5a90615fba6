"""Paths as a user types them."""

from pathlib import Path


def expanded(text: str) -> Path:
    """Make a path of what was typed, a leading `~` expanded: a shell does that in front of a word only.

    Raises:
        ValueError: There is no such user; the message says so.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        user = text.partition("/")[0]
        raise ValueError(f"no home folder is known for {user}; write it out") from None


def as_argument(path: str | Path) -> str:
    """Write a path so that no command takes it for a flag."""
    text = str(path)
    return f"./{text}" if text.startswith("-") else text
