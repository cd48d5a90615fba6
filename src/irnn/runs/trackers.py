"""Start and end the tracker of a run. It may fail in every way without touching the run."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from irnn.runs.directory import RunDirectory
from irnn.runs.identity import group_name
from irnn.runs.mirrors import Mirrors
from irnn.runs.schemas import Provenance, read_as
from irnn.spec.choices import TrackerMode
from irnn.spec.config import Config
from irnn.spec.options import plain
from irnn.system.helpers import HelperError

LOG = "wandb.log"
INTERRUPTED_SECONDS = 3.0  # a sender of a signal does not wait long before sending a harder one
_KEPT = "metrics.jsonl has everything"


@contextmanager
def tracked(
    config: Config,
    name: str,
    directory: RunDirectory,
    warn: Callable[[str], None],
    shared: Mirrors | None = None,
) -> Iterator[None]:
    """Mirror the run folder to W&B while the context lasts, unless `tracker.mode=disabled`.

    The mirror is a process of its own (`irnn.runs.wandb_mirror`), at low priority. When the context ends
    it has `tracker.timeout` seconds to catch up; then it is ended. Whatever it did not pass on is in
    `metrics.jsonl`, and the next session of the run passes it on, if it has one: a finished run has none.

    Args:
        config: the run.
        name: of the run.
        directory: of the run.
        warn: is told what went wrong.
        shared: mirrors other runs as well, and is left to do so; see `finish_shared`.
    """
    if config.tracker.mode is TrackerMode.disabled:
        yield
        return
    with ExitStack() as own:
        try:
            mirrors = shared or Mirrors(own.enter_context((directory.path / LOG).open("ab")))
            mirrors.begin(directory.path, wandb_settings(config, name, directory))
        except (OSError, HelperError) as error:
            warn(f"tracker: W&B could not be started ({error}); {_KEPT}")
            yield
            return
        patience = config.tracker.timeout
        try:
            yield
        except KeyboardInterrupt:
            patience = min(patience, INTERRUPTED_SECONDS)
            raise
        finally:
            mirrors.end(directory.path)
            if shared is None:
                try:
                    for why in _given_up(mirrors, patience, str(directory.path / LOG)).values():
                        warn(why)
                finally:
                    mirrors.close()


def finish_shared(mirrors: Mirrors, patience: float, log: str) -> None:
    """End what mirrored many runs, and say in the log of each where that was too soon.

    Args:
        mirrors: that was shared.
        patience: seconds without any run being done.
        log: where errors of W&B are.
    """
    try:
        for folder, why in _given_up(mirrors, patience, log).items():
            with (
                suppress(OSError),
                RunDirectory(folder).log.open("a", encoding="utf-8") as lines,
            ):
                lines.write(f"{why}\n")
    finally:
        mirrors.close()


def _given_up(mirrors: Mirrors, patience: float, log: str) -> dict[Path, str]:
    late = f"tracker: W&B did not finish within {patience:g} s; {_KEPT}"
    failed = f"tracker: W&B failed, see {log}; {_KEPT}"
    became = mirrors.wait(patience)
    return {folder: late if well is None else failed for folder, well in became.items() if not well}


def wandb_settings(config: Config, name: str, directory: RunDirectory) -> dict[str, Any]:
    """Give the arguments of `wandb.init` that make sessions of one run one W&B run, and others apart.

    The id has a part that is new whenever a run starts over, since W&B never lets an id be used again.
    """
    provenance = read_as(directory.provenance, Provenance)
    assert provenance is not None, "it was written when the session began"
    tracker = config.tracker
    others = {"tags": tracker.tags, "notes": tracker.notes, "job_type": tracker.job_type}
    return {
        "id": f"{name}-{provenance['token']}",
        "name": tracker.name or name,
        "mode": tracker.mode.value,
        "project": tracker.project,
        "entity": tracker.entity,
        "group": tracker.group or group_name(config),
        "config": plain(config),
        # What is not given is left to W&B, which looks into its variables.
        **{key: value for key, value in others.items() if value is not None},
    }
