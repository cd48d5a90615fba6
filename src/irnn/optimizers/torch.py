"""Any optimizer of `torch.optim`, by its name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from irnn.optimizers.base import Optimizer
from irnn.optimizers.signatures import optimizers
from irnn.spec.options import option
from irnn.spec.registry import optimizer

if TYPE_CHECKING:
    import torch

    from irnn.spec.config import Config

REFUSED = {
    "LBFGS": "asks for the loss several times an update (a closure), which training does not give",
    "SparseAdam": "is for sparse gradients, which no network here has",
}


@optimizer("torch")
class Torch(Optimizer):
    """An optimizer of torch.optim, by its name there."""

    algorithm: str = option("NAdam", "class of torch.optim")
    settings: dict[str, Any] | None = option(
        None, "its arguments besides lr, as {betas: [0.9, 0.99]}; null: PyTorch's"
    )

    @classmethod
    def values_of(cls, setting: str) -> list[str]:
        """List the classes of `torch.optim`."""
        return sorted({*(optimizers() or ())} - {*REFUSED}) if setting == "algorithm" else []

    def refusal(self, config: Config) -> tuple[str, str] | None:
        """Refuse names that PyTorch does not have."""
        if (reason := REFUSED.get(self.algorithm)) is not None:
            return "algorithm", reason
        known = optimizers()
        if known is None:  # no source to read: PyTorch says so itself before anything is made
            return None
        if self.algorithm not in known:
            return "algorithm", _one_of("class", self.algorithm, {*known} - {*REFUSED})
        for name in self.settings or {}:
            if name == "lr":
                return "settings", "the learning rate is optim.lr"
            if name not in known[self.algorithm]:
                return "settings", _one_of(self.algorithm, name, {*known[self.algorithm]})
        return None

    def make(self, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """See `Optimizer`."""
        import torch

        given = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in (self.settings or {}).items()
        }
        made: torch.optim.Optimizer = getattr(torch.optim, self.algorithm)(
            parameters, lr=self.lr, **given
        )
        return made


def _one_of(what: str, name: str, known: set[str]) -> str:
    lowered = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.4)
    meant = f"did you mean {lowered[close[0]]}? " if close else ""
    of = "torch.optim has" if what == "class" else f"{what} has no {name}; it has"
    return f"{meant}{of} {', '.join(sorted(known))}"
