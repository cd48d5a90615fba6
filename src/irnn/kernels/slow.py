"""What makes a run slower than it was to be expected: a line each, with its remedy.

A run says them when it starts and keeps them in `provenance.json`; a sweep says them once. Needs no torch.
"""

from irnn.kernels.cuda import plan
from irnn.kernels.loading import FORCED, load
from irnn.spec import registry
from irnn.spec.choices import KernelName
from irnn.spec.config import Config


def _ours() -> str:
    known = registry.classes("optim").items()
    return ", ".join(f"optim={name}" for name, cls in known if not cls.is_of_torch())


def reasons(config: Config, device: str) -> list[str]:
    """Say where a fast path is there for such a run and not taken, and what to do about it.

    A kernel that was asked for by name is what was expected.

    Args:
        config: the run.
        device: the kind that it trains on: "cpu", "cuda" or "mps".
    """
    wanted = config.runtime.kernel
    by_pytorch = wanted not in (KernelName.auto, KernelName.native)
    if config.model.is_stepped() and not by_pytorch:
        return [
            f"slow: model={config.model.name} has no kernel: PyTorch takes its {config.task.steps:,} steps "
            "one by one; fewer steps (seq_len) help, and a larger batch_size costs little"
        ]
    if device == "cuda":
        if config.optim.is_of_torch():
            return [
                f"slow: optim={config.optim.name} is PyTorch's: updates are made one by one on a GPU; "
                f"{_ours()} are captured and several times as fast"
            ]
        missing = plan.why_unavailable() if plan.suits_layers(config) else ""
        return [f"slow: PyTorch trains this run, since {missing}"] if missing else []
    if device != "cpu" or by_pytorch:
        return []
    library = load()
    if isinstance(library, str):
        return [f"slow: PyTorch trains this run, since {library}"]
    found = []
    if config.model.num_layers > 1:
        found.append(
            f"slow: model.num_layers={config.model.num_layers}: the training step in one "
            "compiled call is for one layer; model.num_layers=1 is several times as fast"
        )
    best = next(iter(library.variants))
    try:
        taken = library.variant()
    except ValueError:
        return found  # the run refuses it; where one is only planned, another machine may have it
    if taken != best:
        found.append(
            f"slow: {FORCED}={taken}, and this processor also runs {best}, which is faster; "
            "unset the variable"
        )
    return found
