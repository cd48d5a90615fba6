"""A JSON object that ends with a digest of what stands before it; `docs/decisions/0013` has the reasons."""

import hashlib
import json
from itertools import takewhile
from typing import Any

from irnn.runs.files import json_ready
from irnn.runs.reading import UnreadableError

DIGEST = "digest"


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Give what JSON can hold of an object, and last of all the SHA-256 of that."""
    ready: dict[str, Any] = json_ready(content)
    return {**ready, DIGEST: _digest(ready)}


def check_seal(content: dict[str, Any], name: str) -> None:
    """Hold an object that was read to its digest; one without is older, and keys after it are others'.

    Args:
        content: the object, its keys in the order of the file.
        name: of the file.

    Raises:
        UnreadableError: It changed since it was written.
    """
    if DIGEST in content:
        before = dict(takewhile(lambda item: item[0] != DIGEST, content.items()))
        if content[DIGEST] != _digest(before):
            raise UnreadableError(f"{name} changed since it was written: its digest is another one")


def _digest(content: dict[str, Any]) -> str:
    """Digest the values, not the text: spaces and line ends mean nothing."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
