"""Why there is no compiled kernel, in one line, and how to get one."""

import json
import shlex
import sys
from importlib import metadata
from pathlib import Path

FAILURE = "_native.failed.txt"
"""What an install that could not build the kernel leaves in its place: one line, then the compiler's own."""


def why_not_built(package: Path) -> str:
    """Say why `package`, the folder of `irnn.kernels`, has no library, and the remedy."""
    if sys.platform == "win32":
        return "the native kernel is for Linux and macOS; on Windows, run irnn in WSL"
    note = package / FAILURE
    lines = note.read_text(errors="replace").splitlines() if note.is_file() else []
    reason = f" ({lines[0]})" if lines else ""
    others = f"; all of what it said is in {note}" if len(lines) > 1 else ""
    return (
        f"the native kernel was not built when irnn was installed{reason}; install a C++17 compiler (GCC or "
        f"Clang), or name another with CXX, then run: {reinstall_command(package)}{others}"
    )


def why_not_loaded(package: Path, error: Exception) -> str:
    """Say that the library in `package` is of no use here, and the remedy."""
    return (
        f"the native kernel does not load ({error}); build it again: {reinstall_command(package)}"
    )


def reinstall_command(package: Path) -> str:
    """Give the command that builds irnn again from where it came."""
    pip = [sys.executable, "-m", "pip", "install"]
    checkout = package.parents[2]
    if package.parents[1].name == "src" and (checkout / "setup.py").is_file():
        return shlex.join([*pip, "--editable", str(checkout)])
    # pip would say that it is there already, or take the wheel that it built and kept
    return shlex.join([*pip, "--force-reinstall", "--no-deps", "--no-cache-dir", _origin()])


def _origin() -> str:
    """Give what pip installed irnn from: a folder, an archive, a repository, or its name on the index."""
    try:
        known = json.loads(metadata.distribution("irnn").read_text("direct_url.json") or "{}")
        url, repository = str(known["url"]), known.get("vcs_info")
        return f"{repository['vcs']}+{url}@{repository['commit_id']}" if repository else url
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return "irnn"
