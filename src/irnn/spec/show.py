"""What Hydra shows of a command instead of running it: --cfg, --info, --hydra-help, --shell-completion."""

from collections.abc import Callable, Sequence
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from irnn.spec.command import Command
from irnn.spec.completion import WholeLoader
from irnn.spec.composition import explaining
from irnn.spec.errors import ConfigError
from irnn.spec.hydra_composition import composed, finding_groups
from irnn.spec.overrides import read
from irnn.spec.wording import shown


def show(command: Command, jobs: Callable[[], Sequence[Sequence[str]]]) -> None:
    """Print what was asked for.

    Args:
        command: what was typed.
        jobs: gives the overrides of every job of a sweep.

    Raises:
        ConfigError: The overrides cannot be composed.
    """
    assert command.show is not None
    flag, what = command.show
    if flag == "--cfg" and command.multirun:
        for number, job in enumerate(jobs()):
            print(f"{'---' if number else ''}\n# {' '.join(job)}".lstrip("\n"))
            _hydra(command, flag, what, job)
        return
    is_composed = flag in ("--cfg", "--info")
    given = read(command.overrides, command.groups) if is_composed else []
    words = [each.word for each in given] or list(command.overrides)
    if is_composed:
        attempt = _attempt(command)
        with explaining(command.overrides, attempt, command.groups):
            attempt(command.overrides)
    _hydra(command, flag, what, words)


def _attempt(command: Command) -> Callable[[Sequence[str]], Any]:
    def attempt(overrides: Sequence[str]) -> Any:
        words = [each.word for each in read(overrides, command.groups)]
        return composed(words, command.groups, with_hydra=True)

    return attempt


def _hydra(command: Command, flag: str, what: Any, words: Sequence[str]) -> None:
    name, overrides = command.groups.config_name, list(words)
    with finding_groups(command.groups):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        if flag == "--cfg":
            hydra.show_cfg(name, overrides, what, command.package, command.resolve)
        elif flag == "--info":
            hydra.show_info(what, name, overrides, RunMode.RUN)
        elif flag == "--hydra-help":
            parser = get_args_parser()
            hydra.hydra_help(name, parser, parser.parse_args([]))
        else:
            whole: Any = WholeLoader(hydra.config_loader)
            hydra.config_loader = whole
            try:
                hydra.shell_completion(name, overrides)
            except ValueError as error:
                raise ConfigError(
                    f"--shell-completion {shown(' '.join(overrides))}: needs install=SHELL, "
                    "uninstall=SHELL or query=SHELL, where SHELL is bash, fish or zsh"
                ) from error
