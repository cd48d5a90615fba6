"""Which of Hydra's own settings mean something here, and what to say of the others."""

from hydra.core.override_parser.types import Override

_OF_SWEEPS = ("hydra/sweeper", "hydra/launcher", "hydra.sweeper", "hydra.launcher")
_HONOURED = (*_OF_SWEEPS, "hydra.searchpath")
_REASONS = {
    "hydra.run": "a run is kept in runs_dir/<run id>, which its settings name; runs_dir=FOLDER moves it",
    "hydra.sweep": "a sweep's record is in runs_dir/.sweeps/<name>; use runs_dir=FOLDER and sweep.name=NAME",
    "hydra.job.chdir": "a run never leaves the folder that it is started in; use runs_dir=FOLDER",
    "hydra.output_subdir": "a run's folder holds its settings in config.yaml, and nothing of Hydra's",
    "hydra.verbose": "irnn has no log levels; a run's train.log has all that it says",
    "hydra/job_logging": "irnn does not log through Hydra; a run's train.log has all that it says",
    "hydra/hydra_logging": "irnn does not log through Hydra; a run's train.log has all that it says",
    "hydra.mode": "a sweep is asked for with -m (--multirun)",
    "hydra.job.env_set": "set the variable in front of the command: NAME=VALUE irnn-train ...",
    "hydra/callbacks": "Hydra's callbacks are not called by irnn",
    "hydra.callbacks": "Hydra's callbacks are not called by irnn",
    "hydra/help": "irnn-train --help has a page of its own",
    "hydra.help": "irnn-train --help has a page of its own",
}


def refusal(key: str, multirun: bool) -> str | None:
    """Say why a setting of Hydra would be ignored, or None where it is not."""
    if key in ("hydra.sweeper", "hydra.launcher"):
        return f"choose one with {key.replace('.', '/')}=NAME; its settings are {key}.KEY=VALUE"
    if _is_below(key, _HONOURED):
        if multirun or not _is_below(key, _OF_SWEEPS):
            return None
        return "about a sweep, which needs -m (--multirun)"
    reason = next((text for known, text in _REASONS.items() if _is_below(key, (known,))), None)
    return reason or f"irnn does not use this setting of Hydra; it uses {', '.join(_HONOURED)}"


def not_one_value(parsed: Override) -> str | None:
    """Say why a setting of Hydra cannot have several values; a sweeper's axes are written so."""
    if parsed.key_or_group.startswith("hydra.sweeper.params"):
        axis = parsed.key_or_group.removeprefix("hydra.sweeper.params").lstrip(".")
        values = (parsed.input_line or "").partition("=")[2]
        return f"an axis is written {axis or 'KEY'}={values}"
    return "a sweep has one value of it"


def _is_below(key: str, roots: tuple[str, ...]) -> bool:
    return any(
        key == root or key.startswith((f"{root}.", f"{root}/", f"{root}@")) for root in roots
    )
