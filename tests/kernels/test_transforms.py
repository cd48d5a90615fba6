"""Whatever PyTorch does around a call of the layer, its numbers are those of `torch.nn.RNN`."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.autograd import forward_ad, functional
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from irnn import IRNN
from irnn.kernels import native, transforms

pytestmark = pytest.mark.skipif(not native.is_available(), reason="the kernel was not built")

Layer = torch.nn.RNN
x = torch.rand(5, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
v = torch.rand(5, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
longer = torch.rand(8, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def loss(layer: Layer) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda inputs: layer(inputs)[1].square().sum()


def weights(layer: Layer) -> dict[str, torch.Tensor]:
    return {name: each.detach() for name, each in layer.named_parameters()}


def loss_of_weights(layer: Layer) -> Callable[..., torch.Tensor]:
    def compute(parameters: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, parameters, (inputs,))[1].square().sum()

    return compute


def gradient_penalty(layer: Layer) -> Any:
    inputs = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(layer)(inputs), inputs, create_graph=True)
    (slope.norm() - 1).square().backward()
    return [parameter.grad for parameter in layer.parameters()]


def third_derivative(layer: Layer) -> Any:
    inputs, slope = x.clone().requires_grad_(), loss(layer)(x).new_zeros(())
    for power in range(3):
        value = loss(layer)(inputs) ** 2 if power == 0 else slope
        slope = torch.autograd.grad(value, inputs, create_graph=True)[0].square().sum()
    return slope


def tangent_of_inputs(layer: Layer) -> Any:
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(layer(forward_ad.make_dual(x, v))[1]).tangent


def tangent_of_weights(layer: Layer) -> Any:
    with forward_ad.dual_level(), torch.no_grad():
        dual = {
            name: forward_ad.make_dual(each, torch.ones_like(each))
            for name, each in weights(layer).items()
        }
        output = torch.func.functional_call(layer, dual, (x,))[1]
        return forward_ad.unpack_dual(output).tangent


def without_gradients(layer: Layer) -> Any:
    with torch.no_grad():
        return tangent_of_inputs(layer)


def batch_of_gradients(layer: Layer) -> Any:
    inputs = x.clone().requires_grad_()
    output = layer(inputs)[1]
    directions = torch.eye(output.numel(), dtype=x.dtype).view(-1, *output.shape)
    return torch.autograd.grad(output, inputs, directions, is_grads_batched=True)


def traced(layer: Layer) -> Any:
    return torch.jit.trace(layer, x)(longer)[0]


def traced_without_gradients(layer: Layer) -> Any:
    with torch.no_grad():
        return traced(layer)


def recorded_with_gradients(layer: Layer) -> Any:
    record = make_fx(lambda inputs: torch.autograd.grad(loss(layer)(inputs), inputs))
    return record(x.clone().requires_grad_())(v.clone().requires_grad_())


def under_autocast(layer: Layer) -> Any:
    with torch.autocast("cpu", torch.bfloat16):
        return layer.float()(x.float())[0]


def recomputed(layer: Layer) -> Any:
    inputs = x.clone().requires_grad_()
    return torch.autograd.grad(checkpoint(loss(layer), inputs, use_reentrant=False), inputs)


def under_a_mode(layer: Layer) -> Any:
    inputs = x.clone().requires_grad_()
    with FlopCounterMode(display=False):
        loss(layer)(inputs).backward()
    return inputs.grad


def lazily_negated(layer: Layer) -> Any:
    inputs = torch.complex(x, v).conj().imag
    assert inputs.is_neg()  # its memory holds the numbers before they are negated
    state = torch.complex(v[..., 0], v[..., 1]).conj().imag[:4].T.expand(layer.num_layers, 3, 4)
    return layer(inputs.requires_grad_(), state)[0].detach(), layer(inputs.detach())[0].detach()


def with_a_default_device(layer: Layer) -> Any:
    with torch.device("meta"):
        return functional.jacobian(loss(layer), x)


TRANSFORMS: dict[str, Callable[[Layer], Any]] = {
    "gradient": lambda m: functional.jacobian(loss(m), x),
    "hessian": lambda m: functional.hessian(loss(m), x),
    "hessian, vectorized": lambda m: functional.hessian(loss(m), x, vectorize=True),
    "hessian, forward over reverse": lambda m: functional.hessian(
        loss(m), x, vectorize=True, outer_jacobian_strategy="forward-mode"
    ),
    "jacobian, vectorized": lambda m: functional.jacobian(lambda x: m(x)[1], x, vectorize=True),
    "hvp": lambda m: functional.hvp(loss(m), x, v),
    "vhp": lambda m: functional.vhp(loss(m), x, v),
    "jvp by two backwards": lambda m: functional.jvp(lambda x: m(x)[0], x, v),
    "gradient penalty": gradient_penalty,
    "third derivative": third_derivative,
    "tangent of inputs": tangent_of_inputs,
    "tangent of weights": tangent_of_weights,
    "tangent under no_grad": without_gradients,
    "batch of gradients": batch_of_gradients,
    "func.grad": lambda m: torch.func.grad(loss(m))(x),
    "func.grad of weights": lambda m: torch.func.grad(loss_of_weights(m))(weights(m), x),
    "func.hessian": lambda m: torch.func.hessian(loss(m))(x),
    "func.jvp": lambda m: torch.func.jvp(lambda x: m(x)[0], (x,), (v,)),
    "func.vjp": lambda m: torch.func.vjp(loss(m), x)[1](x.new_ones(())),
    "func.jacrev": lambda m: torch.func.jacrev(lambda x: m(x)[1])(x),
    "func.jacfwd": lambda m: torch.func.jacfwd(lambda x: m(x)[1])(x),
    "func.functionalize": lambda m: torch.func.functionalize(lambda x: m(x)[0])(x),
    "make_fx": lambda m: make_fx(lambda x: m(x)[0])(x)(v),
    "make_fx of func.grad": lambda m: make_fx(torch.func.grad(loss(m)))(x)(v),
    "make_fx of autograd.grad": recorded_with_gradients,
    "jit.trace, then a longer sequence": traced,
    "jit.trace under no_grad": traced_without_gradients,
    "export": lambda m: torch.export.export(m, (x,), strict=False).module()(v),
    "autocast": under_autocast,
    "checkpoint": recomputed,
    "dispatch mode": under_a_mode,
    "lazily negated inputs": lazily_negated,
    "default device": with_a_default_device,
    "deepcopy": lambda m: copy.deepcopy(m)(x),
    "inference mode": lambda m: torch.inference_mode()(lambda: m(x)[0].clone())(),
}
UNKNOWN_TO_PYTORCH: dict[str, Callable[[Layer], Any]] = {
    "func.vmap": lambda m: torch.func.vmap(lambda x: m(x)[0])(torch.stack([x, v])),
    "func.linearize": lambda m: torch.func.linearize(lambda x: m(x)[1], x)[1](v),
    "gradient per sample": lambda m: torch.func.vmap(
        torch.func.grad(loss_of_weights(m)), in_dims=(None, 1)
    )(weights(m), x.unsqueeze(2)),
}
"""`torch.nn.RNN` has no rule for these; its one-layer recurrence, which the reference is, has."""


def twins(**layout: Any) -> tuple[IRNN, Layer]:
    theirs = Layer(2, 4, nonlinearity="relu", dtype=torch.float64, **layout)
    ours = IRNN(2, 4, dtype=torch.float64, **layout)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_layer_is_transformed_as_pytorchs_is(name: str) -> None:
    torch.manual_seed(0)
    ours, theirs = twins(num_layers=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is deprecated or slow in PyTorch's own layer
        expected, got = (TRANSFORMS[name](layer) for layer in (theirs, ours))
    torch.testing.assert_close(got, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", [*TRANSFORMS, *UNKNOWN_TO_PYTORCH])
def test_the_native_kernel_by_name_is_right_or_refuses(name: str) -> None:
    torch.manual_seed(0)
    transform = {**TRANSFORMS, **UNKNOWN_TO_PYTORCH}[name]
    ours, _ = twins()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours._kernel = "reference" if name in UNKNOWN_TO_PYTORCH else "auto"
        expected, ours._kernel = transform(copy.deepcopy(ours)), "native"
        try:
            got = transform(ours)
        except ValueError as refusal:
            assert "kernel='torch'" in str(refusal)  # noqa: PT017
            return
    torch.testing.assert_close(got, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", UNKNOWN_TO_PYTORCH)
def test_transforms_that_pytorchs_layer_does_not_know_work_too(name: str) -> None:
    torch.manual_seed(0)
    ours, _ = twins()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = UNKNOWN_TO_PYTORCH[name](ours)
        ours._kernel = "reference"
        expected = UNKNOWN_TO_PYTORCH[name](ours)
    torch.testing.assert_close(got, expected)


def test_an_ensemble_is_evaluated_in_one_call() -> None:
    layers = [twins()[0] for _ in range(3)]
    stacked, _ = torch.func.stack_module_state(layers)
    call = torch.func.vmap(lambda w: torch.func.functional_call(layers[0], w, (x,))[0])
    torch.testing.assert_close(call(stacked), torch.stack([layer(x)[0] for layer in layers]))


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("layout", [{}, {"bias": False}, {"bidirectional": True}], ids=str)
def test_first_and_second_derivatives_pass_pytorchs_numerical_checks(
    layout: dict[str, Any], nonlinearity: str
) -> None:
    torch.manual_seed(0)
    layer = IRNN(2, 3, std=0.5, nonlinearity=nonlinearity, dtype=torch.float64, **layout)
    inputs, state = x[:3, :2].clone(), torch.rand(2 if layout.get("bidirectional") else 1, 2, 3)
    inputs, state = inputs.requires_grad_(), state.double().requires_grad_()
    assert torch.autograd.gradcheck(layer, (inputs, state), check_batched_grad=True)
    assert torch.autograd.gradgradcheck(layer, (inputs, state))


def test_a_gradient_that_can_be_differentiated_is_the_same_gradient() -> None:
    ours, _ = twins()
    inputs = x.clone().requires_grad_()
    plain, again = (
        torch.autograd.grad(loss(ours)(inputs), inputs, create_graph=create)[0]
        for create in (False, True)
    )
    assert not plain.requires_grad
    assert again.requires_grad
    torch.testing.assert_close(plain, again.detach(), rtol=1e-12, atol=1e-14)


def test_the_operator_is_differentiated_twice_like_the_layer() -> None:
    ours, _ = twins()
    w_ih, w_hh = ours.weight_ih_l0, ours.weight_hh_l0

    def through(inputs: torch.Tensor) -> torch.Tensor:
        output, _ = native.recurrence_operator(inputs, w_ih, w_hh, None, None, False, True, True)
        return output.square().sum()

    def direct(inputs: torch.Tensor) -> torch.Tensor:
        states = native.recurrence(
            inputs, w_ih, w_hh, None, None, nonlinearity="relu", last_only=True
        )
        return states.square().sum()

    got, expected = functional.hessian(through, x), functional.hessian(direct, x)
    assert expected.any()
    torch.testing.assert_close(got, expected)


def test_nothing_is_in_the_way_of_an_ordinary_call() -> None:
    assert transforms.in_the_way() == ""
    assert not transforms.is_seen(x, torch.nn.Parameter(x), None)
