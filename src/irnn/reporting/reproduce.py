"""The commands that reproduce runs, merged over seeds where they differ in nothing else."""

import re
from collections.abc import Sequence

from irnn.reporting.run import Run

_MULTIRUN = re.compile(r"irnn[.-]train\s(?:.*\s)?(?:-m|--multirun)(?=\s|$)")
_SEED = re.compile(r"(?<=\s)seed=(\d+)(?=\s|$)")


def commands(runs: Sequence[Run]) -> list[str]:
    """List what to type to get these runs again: one multirun line when only the seed differs."""
    lines = list(dict.fromkeys(run.command for run in runs if run.command))
    seeds: dict[str, list[str]] = {}
    for command in lines:
        match = _SEED.search(command)
        if match is None or _MULTIRUN.search(command):
            return lines
        seeds.setdefault(_SEED.sub("seed={}", command), []).append(match.group(1))
    if len(seeds) != 1 or len(lines) < 2:
        return lines
    [(template, numbers)] = seeds.items()
    merged = template.replace("seed={}", f"seed={','.join(numbers)}")
    return [re.sub(r"(irnn[.-]train)\b", r"\1 -m", merged, count=1)]


def asked(runs: Sequence[Run]) -> list[str]:
    """List what was typed to start these runs: one line for each sweep or single run."""
    typed = (run.provenance.get("process") or run.command for run in runs)
    return list(dict.fromkeys(str(line) for line in typed if line))
