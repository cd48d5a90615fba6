"""Processes of our own: they import nothing of the working folder, and say why they die."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_UNWANTED = ("PYTHONINSPECT", "PYTHONSTARTUP", "PYTHONPROFILEIMPORTTIME", "PYTHONVERBOSE")
"""Variables for a person at a prompt: a background process would wait for input."""


class HelperError(RuntimeError):
    """A process that was needed could not be started, or died; the message says why."""


def command(module: str, *words: str) -> list[str]:
    """Give the command that calls `module.main()` in a new process, with `sys.argv[1:]` being `words`.

    It imports from where this process does, but for the folder that Python puts in front by itself: the
    working folder (`-m`, `-c`, a notebook) or that of a script. A file random.py in there is none of ours.
    """
    code = f"import sys; sys.path[:] = {_path()!r}; from {module} import main; main()"
    return [sys.executable, *_flags(), "-c", code, *words]


def environment() -> dict[str, str]:
    """Give this process's variables, without those that would make a helper interactive or talkative."""
    return {key: value for key, value in os.environ.items() if key not in _UNWANTED}


def start(
    module: str, words: Sequence[str], errors: IO[bytes], **more: Any
) -> "subprocess.Popen[bytes]":
    """Start `module.main()` in a process of its own that tells its errors to a file.

    Raises:
        HelperError: This machine allows no more processes, or has no memory for one.
    """
    try:
        return subprocess.Popen(
            command(module, *words), stdout=errors, stderr=errors, env=environment(), **more
        )
    except OSError as error:
        raise HelperError(
            f"cannot start a process ({error.strerror or error}); see `ulimit -u` and the free memory"
        ) from error


def errors_file() -> IO[bytes]:
    """Give a file without a name for what a helper prints; nowhere, if no folder takes one."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("wb+")


def last_line(errors: IO[bytes]) -> str:
    """Give the last line that a helper printed, or nothing."""
    errors.seek(0)
    lines = [line.strip() for line in errors.read().decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


def _path() -> list[str]:
    """Give where this process imports from, less what Python put in front of it."""
    root = str(Path(__file__).resolve().parents[2])
    path = [str(entry) for entry in sys.path]
    by_itself = not getattr(sys.flags, "safe_path", False) and path[:1] not in _asked_for()
    if path and by_itself and path[0] in _in_front():
        del path[0]
    path = [entry for entry in path if entry]
    return path if root in path else [*path, root]


def _asked_for() -> list[list[str]]:
    """What the user put on the path."""
    variable = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "")
    return [[os.path.abspath(entry)] for entry in variable.split(os.pathsep) if entry]  # noqa: PTH100


def _in_front() -> set[str]:
    """What Python may have put there: the working folder, or that of the script which is run."""
    places = {""}
    with suppress(OSError):  # it was removed
        places.add(str(Path.cwd()))
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script:
        places.add(str(Path(script).resolve().parent))
    return places


def _flags() -> list[str]:
    flags = {
        "-E": sys.flags.ignore_environment,
        "-s": sys.flags.no_user_site,
        "-I": sys.flags.isolated,
    }
    return [flag for flag, is_set in flags.items() if is_set]
