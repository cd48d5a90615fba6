"""What is said of what a user gave: a screen can show it, and however long that was, it stays short."""

import re

_LONGEST_WORD, _LONGEST_LINE = 250, 2000
_TAIL = 80
_LONG = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


def short(text: str) -> str:
    """Write a sentence for any screen: controls escaped, and of long words and lines the middle left out.

    A refusal begins with a setting and ends with a remedy, so both ends stay. Line ends stay; a text that is
    short already stays as it is.
    """
    if len(text) > _LONGEST_WORD or not text.isprintable():
        lines = (_LONG.sub(_short_word, _escaped(line)) for line in text.split("\n"))
        return "\n".join(
            line if len(line) <= _LONGEST_LINE else _short_line(line) for line in lines
        )
    return text


def _escaped(line: str) -> str:
    return "".join(c if c.isprintable() else _escape(c) for c in line)


def _escape(character: str) -> str:
    byte = ord(character) - 0xDC00  # of a file's name that is no text in UTF-8
    is_byte = 0x80 <= byte <= 0xFF
    return f"\\x{byte:02x}" if is_byte else character.encode("unicode_escape").decode()


def _short_word(found: re.Match[str]) -> str:
    word = found[0]
    return f"{word[:_TAIL]}...({len(word):,} characters)...{word[-_TAIL:]}"


def _short_line(line: str) -> str:
    half = _LONGEST_LINE // 3
    return f"{line[:half]} ...({len(line):,} characters)... {line[-half:]}"
