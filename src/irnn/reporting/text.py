"""Text that came from anywhere, made fit for a terminal, a page, a table and a picture; counts in words."""

_SPACES = "\n\r\t\v\f"


def printable(text: str) -> str:
    """Replace what is no character of a line: controls, so that a name moves no cursor, and halves of
    characters, which no file in UTF-8 can hold.

    Line ends, tabs and other spaces become a space, the rest U+FFFD.
    """
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in _SPACES or character.isspace() else "\ufffd"


def counted(number: int, unit: str) -> str:
    """A number of things: '1 seed', '3 seeds'."""
    return f"{number} {unit}{'s' * (number != 1)}"


def one_line(error: object) -> str:
    """Say an error in one short line."""
    return printable(" ".join(str(error).split()))[:200]
