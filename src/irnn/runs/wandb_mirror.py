"""Mirror a run folder to Weights & Biases, from a process of its own: `python -m irnn.runs.wandb_mirror`.

It follows `metrics.jsonl` until its standard input ends (which also happens when the trainer is killed) and
remembers the last record that it passed on. Because it only reads what the trainer has written, W&B can hang,
fail or be missing without the trainer noticing, and nothing that it missed is lost.
"""

import json
import math
import os
import select
import sys
from pathlib import Path
from typing import Any

from irnn.runs.directory import RunDirectory
from irnn.runs.files import write_json
from irnn.runs.locking import Lock
from irnn.runs.metrics import read_records
from irnn.runs.schemas import Mirrored, read_as

_POLL_SECONDS = 1.0


def mirror(directory: RunDirectory, settings: dict[str, Any]) -> None:
    """Log every record not logged before; return when standard input has ended."""
    place = directory.path / "wandb"
    place.mkdir(exist_ok=True)
    state = place / f"{settings['id']}.mirrored.json"
    with Lock(
        place / ".lock", math.inf
    ):  # the mirror of a session that was killed may still be at it
        _mirror(directory, settings, state)


def _mirror(directory: RunDirectory, settings: dict[str, Any], state: Path) -> None:
    import wandb

    mirrored = (read_as(state, Mirrored) or {"records": 0})["records"]
    with wandb.init(**settings, resume="allow", dir=str(directory.path), save_code=False) as run:
        listening = True
        while listening:
            listening = not _input_ended(_POLL_SECONDS)
            records = read_records(directory.metrics)
            for record in records[mirrored:]:
                run.log(record, step=record["step"])
            if len(records) > mirrored:
                mirrored = len(records)
                write_json(state, {"records": mirrored})
        result = directory.read_result()
        if result is not None:
            run.summary.update({key: result[key] for key in result if key != "config"})


def _input_ended(seconds: float) -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and sys.stdin.readline() == ""


def main() -> None:
    """Entry point: the run folder, the arguments of wandb.init as JSON, and the command that trains."""
    folder, settings, *command = sys.argv[1:]
    program = command[:3] if command[:2] == ["python", "-m"] else command[:1]
    # W&B records this process's own command otherwise, which was not typed.
    os.environ["WANDB_PROGRAM"] = " ".join(program[-2:])
    sys.argv[1:] = command[len(program) :]
    os.nice(10)  # the trainer comes first
    mirror(RunDirectory(Path(folder)), json.loads(settings))


if __name__ == "__main__":
    main()
