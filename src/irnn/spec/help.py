"""What `irnn-train --help` says: every group, option and setting in one line, without importing torch."""

import textwrap
from dataclasses import MISSING, replace
from pathlib import Path
from typing import Any

from irnn.spec import registry
from irnn.spec.composition import compose_config
from irnn.spec.groups import NUMERIC_GROUPS, Groups
from irnn.spec.hydra_composition import OURS
from irnn.spec.kinds import names_of
from irnn.spec.known import all_variants
from irnn.spec.options import Setting, plain, settings

GROUPS = (
    "task",
    "seq_len",
    "model",
    "init",
    "init_scale",
    "optim",
    "clip",
    "runtime",
    "tracker",
    "experiment",
    "sweep",
    "hydra/launcher",
    "hydra/sweeper",
)
BESIDES = {"hydra/launcher": "with -m; also Hydra's own: basic", "hydra/sweeper": "with -m"}
"""What to say of a group beside its options."""

USAGE = """\
Train a recurrent network on a long-dependency task, and record the run.

  irnn-train                                     the default: an IRNN with Adam, T=150
  irnn-train experiment=fast                     a split identity: solved in some hundred updates
  irnn-train experiment=long seq_len=5000        the same for long sequences
  irnn-train seq_len=175 clip=5 seed=3           any number works for seq_len, clip, init_scale
  irnn-train optim.lr=3e-4 budget.updates=20000  each setting below by its key
  irnn-train -m seq_len=150,200 seed=0,1,2,3,4   a sweep: every combination, side by side
  irnn-train -m sweep=paper_grid seq_len=200     a sweep from a file; sweep=search is a search
  irnn-train plugins=my_lab init=my_init         code of your own: docs/extending.md

A run is kept in runs_dir/<run id>/. Asking again for a finished run answers at once, for an
interrupted one continues it; force=true starts over.
"""
FLAGS = """\
Flags: -m, --multirun for sweeps; --cfg job prints the composed settings; --version names the
kernel too; --hydra-help for the rest. `python -m irnn.train` is the same command.

To begin: irnn-train experiment=fast. More examples: irnn-train --help | head -20.
Then irnn-predict shows what a trained network answers, irnn-report compares runs.
"""


def text(groups: Groups = OURS) -> str:
    """Compose the help page, with what plug-ins add."""
    parts = [
        USAGE,
        "Groups, GROUP=OPTION:",
        *(_group_lines(name, groups) for name in GROUPS),
        "",
        "Settings, KEY=VALUE, and in brackets what they are in the default run:",
    ]
    return "\n".join([*parts, *map(_setting_lines, all_settings(groups)), "", FLAGS])


def all_settings(groups: Groups = OURS) -> list[Setting]:
    """Give every setting that any option has, with its value in the default run where it is in that."""
    config = compose_config([], groups)
    values = {setting.key: setting.value for setting in settings(config)}

    def value(setting: Setting) -> Any:
        chosen = getattr(getattr(config, setting.key.partition(".")[0]), "name", "")
        is_meant = not setting.only or chosen in setting.only
        return values.get(setting.key, MISSING) if is_meant else MISSING

    return [replace(setting, value=value(setting)) for setting in all_variants()]


def group(name: str, groups: Groups = OURS) -> tuple[str, dict[str, str]]:
    """Say what may stand in the place of a group's options, and describe each in a line."""
    remarks = [f"or any number, for {NUMERIC_GROUPS[name]}"] if name in NUMERIC_GROUPS else []
    remarks += [BESIDES[name]] if name in BESIDES else []
    options, files = {}, groups.files(name)
    for option in sorted(groups.options(name), key=_natural):
        file = files.get(option)
        options[option] = described(file) if file else registry.get(name, option).summary
    return "; ".join(remarks), options


def remarks(setting: Setting) -> str:
    """Say which options have a setting, within which bounds, and which names it takes."""
    bounds = " and ".join(f"{relation} {bound:g}" for relation, bound in setting.bounds.items())
    owners = f"only {', '.join(setting.only)}" if setting.only else ""
    return "; ".join(filter(None, (owners, bounds, " | ".join(names_of(setting.type)))))


def default(setting: Setting) -> str | None:
    """Write what a setting is in the default run; None where it is not in that."""
    shown = plain(setting.value)
    if shown is MISSING:
        return None
    if shown is None or isinstance(shown, bool):
        return "null" if shown is None else str(shown).lower()
    return str(shown)


def _group_lines(name: str, groups: Groups) -> str:
    remark, options = group(name, groups)
    width = max(map(len, options)) + 2
    head = f"\n  {name}  ({remark})" if remark else f"\n  {name}"
    described = (_wrapped(f"    {option:<{width}}", text) for option, text in options.items())
    return "\n".join([head, *described])


def _natural(option: str) -> tuple[float, str]:
    """Sort numbers by size, then names."""
    try:
        return float(option), ""
    except ValueError:
        return float("inf"), option


def described(file: Path) -> str:
    """Give an option's one line: the first comment of its file that is not a Hydra directive."""
    for line in file.read_text().splitlines():
        if line.startswith("#") and not line.startswith("# @"):
            return line.lstrip("# ")
    return ""


def _setting_lines(setting: Setting) -> str:
    notes, shown = remarks(setting), default(setting)
    body = f"{setting.doc}{f' ({notes})' if notes else ''}{'' if shown is None else f' [{shown}]'}"
    return _wrapped(f"  {setting.key:<27}", body)


def _wrapped(head: str, body: str) -> str:
    return textwrap.fill(body, 98, initial_indent=head, subsequent_indent=" " * len(head))
