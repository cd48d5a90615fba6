"""What follows a gradient gives in one compiled call what `irnn.optimizers` gives in PyTorch."""

import math
from collections.abc import Callable

import pytest
import torch

from irnn.kernels import native
from irnn.kernels.compiled import Compiled
from irnn.kernels.descent import Descent
from irnn.kernels.loading import Library, Step, load
from irnn.spec.config import Config
from irnn.training.optimizer import FlatOptimizer

pytestmark = pytest.mark.skipif(not native.is_available(), reason="the kernel was not built")
Small = Callable[..., Config]
SIZE = 1003  # no multiple of any vector
SETTINGS = [
    ["optim=sgd"],
    ["optim=sgd", "optim.weight_decay=0.1"],
    ["optim=sgd", "optim.momentum=0.9"],
    ["optim=sgd", "optim.momentum=0.9", "optim.nesterov=true", "optim.weight_decay=0.01"],
    ["optim=adam"],
    ["optim=adam", "optim.amsgrad=true", "optim.weight_decay=0.1"],
    ["optim=adam", "optim.beta1=0.5", "optim.beta2=0.9", "optim.eps=1e-3"],
    ["optim=adamw", "optim.weight_decay=0.1"],
    ["optim=rmsprop"],
    ["optim=rmsprop", "optim.momentum=0.5", "optim.weight_decay=0.1"],
    ["optim=rmsprop", "optim.centered=true"],
    ["optim=rmsprop", "optim.centered=true", "optim.momentum=0.5"],
]
VARIANTS = list(library.variants) if isinstance(library := load(), Library) else []


def draw(seed: int, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(SIZE, generator=generator, dtype=torch.float64).to(dtype)


def optimizer(config: Config, dtype: torch.dtype) -> tuple[FlatOptimizer, torch.Tensor]:
    parameters = draw(0, dtype)
    return FlatOptimizer(config.optim, parameters, draw(1, dtype).abs()), parameters


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("overrides", SETTINGS, ids=" ".join)
def test_steps_are_those_in_pytorch(
    small: Small, overrides: list[str], dtype: torch.dtype, variant: str
) -> None:
    max_norm = 30.0  # about the length of these gradients: some are clipped
    config = small(*overrides, "optim.lr=0.01")
    fast, fast_parameters = optimizer(config, dtype)
    plain, plain_parameters = optimizer(config, dtype)
    gradient, loss = torch.empty(SIZE, dtype=dtype), torch.ones((), dtype=dtype)
    descent = Descent(
        fast_parameters, gradient, max_norm, **fast._rule.compiled(), kernel=Compiled(variant)
    )
    seen = set()
    for number in range(30):
        gradient.copy_(draw(2 + number, dtype) * (0.9 + 0.02 * (number % 10)))
        norm = float(gradient.norm())
        done = fast.step_compiled(descent, loss)
        assert done.norm == pytest.approx(norm, rel=1e-6)
        assert (done.loss_value, bool(done.clipped), done.applied) == (1.0, norm > max_norm, 1)
        seen.add(done.clipped)
        plain.step(gradient * min(1.0, max_norm / norm))
        if number == 15:
            fast.set_lr(0.5)
            plain.set_lr(0.5)
    assert seen == {0, 1}
    tolerance = 1e-5 if dtype is torch.float32 else 1e-13
    torch.testing.assert_close(fast_parameters, plain_parameters, rtol=tolerance, atol=tolerance)
    assert (fast_parameters - draw(0, dtype)).abs().max() > 0.01
    expected = plain.state_dict()
    for name, value in fast.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=tolerance, atol=tolerance)


def refused_step(small: Small, max_norm: float, loss: float, element: float) -> Step:
    """Make a step with such a loss and one such element in the gradient; it must change nothing."""
    made, parameters = optimizer(small("optim=adam", "optim.amsgrad=true"), torch.float32)
    gradient, scalar = draw(2, torch.float32), torch.ones(())
    descent = made.descent(Descent, gradient, max_norm)
    made.step_compiled(descent, scalar)
    before = [parameters.clone(), *(torch.as_tensor(v).clone() for v in made.state_dict().values())]
    gradient[SIZE - 1] = element
    done = made.step_compiled(descent, scalar.fill_(loss))
    assert not done.applied
    after = [parameters, *(torch.as_tensor(value) for value in made.state_dict().values())]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    return done


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_changes_nothing(small: Small, bad: float) -> None:
    assert math.isfinite(refused_step(small, 1.0, bad, 1.0).norm)
    assert not math.isfinite(refused_step(small, 1.0, 1.0, bad).norm)
    refused_step(small, 1.0, bad, 1e25)


def test_without_clipping_a_norm_that_overflows_changes_nothing(small: Small) -> None:
    """1e25 is finite, but its square is not: the norm is infinite, as PyTorch's is."""
    assert math.isinf(refused_step(small, math.inf, 1.0, 1e25).norm)


def sgd_step(
    gradient: torch.Tensor, max_norm: float, lr: float = 1.0, kernel: Compiled | None = None
) -> tuple[Step, torch.Tensor]:
    """What one step does, and by how much it moves the parameters."""
    parameters = torch.zeros_like(gradient)
    descent = Descent(parameters, gradient, max_norm, rule="sgd", state=[], kernel=kernel)
    done = descent(torch.ones((), dtype=gradient.dtype), torch.full_like(parameters, lr))
    return done, -parameters


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("dtype", "size"),
    [(torch.float32, 1e20), (torch.float32, 1e38), (torch.float64, 1e200), (torch.float64, 1e306)],
)
def test_a_gradient_whose_squares_overflow_is_clipped_all_the_same(
    dtype: torch.dtype, size: float, variant: str
) -> None:
    direction = draw(2, dtype).clamp(-3, 3)
    gradient = direction * size
    assert gradient.isfinite().all()
    assert not gradient.norm().isfinite()
    done, moved = sgd_step(gradient, 0.1, kernel=Compiled(variant))
    assert (bool(done.applied), bool(done.clipped)) == (True, True)
    assert done.norm == pytest.approx(direction.double().norm().item() * size, rel=1e-5)
    torch.testing.assert_close(moved, 0.1 * direction / direction.norm(), rtol=1e-4, atol=1e-9)


def test_a_threshold_above_a_gradient_whose_squares_overflow_leaves_it_whole() -> None:
    direction = draw(2, torch.float32)
    done, moved = sgd_step(direction * 1e20, 1e30, lr=1e-20)
    assert (bool(done.applied), bool(done.clipped)) == (True, False)
    torch.testing.assert_close(moved, direction, rtol=1e-4, atol=1e-6)


def test_a_factor_on_all_rates_is_a_factor_on_each(small: Small) -> None:
    results = []
    for factor, rates in ((0.25, draw(1, torch.float64)), (1.0, draw(1, torch.float64) * 0.25)):
        made, parameters = optimizer(small("optim=adam"), torch.float64)
        descent = made.descent(Descent, draw(2, torch.float64), math.inf)
        descent(torch.zeros((), dtype=torch.float64), rates, 1, rate_factor=factor)
        results.append(parameters)
    torch.testing.assert_close(*results, rtol=1e-14, atol=1e-15)


def test_tensors_that_do_not_fit_are_refused(small: Small) -> None:
    made, parameters = optimizer(small("optim=sgd"), torch.float32)
    with pytest.raises(ValueError, match="expected contiguous"):
        made.descent(Descent, draw(2, torch.float64), 1.0)
    with pytest.raises(ValueError, match=r"of shape \(1003,\)"):
        made.descent(Descent, draw(2, torch.float32)[:-1], 1.0)
    descent = made.descent(Descent, draw(2, torch.float32), 1.0)
    with pytest.raises(ValueError, match="expected contiguous"):
        descent(torch.zeros(1), torch.ones_like(parameters))
    with pytest.raises(ValueError, match="expected contiguous"):
        descent(torch.zeros(()), torch.ones(SIZE, 2)[:, 0])
