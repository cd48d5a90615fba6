"""The operator for recurrent layers on a GPU: held to autograd in float64, and timed.

    PYTHONPATH=src python benchmarks/gpu_operator.py

Both are stages of gpu.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import gpu_contenders as contenders
from gpu_problems import BATCH, DEVICE, HIDDEN, median_ms
from irnn.kernels import reference
from irnn.kernels.cuda import gpu
from irnn.kernels.cuda import layer as operator
from irnn.kernels.cuda.plan import choose_layer
from irnn.models.heads import Classification
from irnn.models.network import Network
from irnn.models.recurrent import RNN
from irnn.optimizers.adam import Adam
from irnn.spec.config import Clip
from irnn.training.captured import GRAPHS, CapturedStretch
from irnn.training.step import Updater

SHAPES = [  # T, B, F, H
    (1, 1, 1, 1),
    (37, 16, 2, 100),
    (203, 5, 3, 7),
    (60, 16, 100, 100),
    (40, 3, 2, 200),
    (30, 16, 2, 256),
]
CLASSES = 10
PLANS = list(
    dict.fromkeys(choose_layer(H, tanh=tanh) for *_, H in SHAPES for tanh in (False, True))
)


def check_operator(quick: bool) -> object:
    """Hold value and every gradient to autograd in float64, layers to `nn.RNN`, and graphs to plain calls."""
    worst: dict[str, Any] = {}
    for T, B, F, H in SHAPES:
        for tanh in (False, True):
            plan = choose_layer(H, tanh=tanh)
            machine = gpu.machine(plan, torch.device(DEVICE, torch.cuda.current_device()))
            errors = [_errors((T, B, F, H), tanh, last_only) for last_only in (True, False)]
            off = max(max(each) for each, _ in errors)
            allowed = max(1e-5, *(4 * by_torch for _, by_torch in errors))
            name = f"T={T} B={B} F={F} H={H} {'tanh' if tanh else 'relu'}"
            worst[name] = {kind: machine.resources(kind) for kind in plan.kernels} | {"error": off}
            print(f"{off:.1e} (allowed {allowed:.0e}) {name} {worst[name]}", flush=True)
            assert off <= allowed, name
    worst |= _layers() | _in_a_graph()
    for name in list(worst)[-4:]:
        print(name, worst[name], flush=True)
    return worst


def _errors(
    shape: tuple[int, int, int, int], tanh: bool, last_only: bool
) -> tuple[list[float], float]:
    """Relative errors of the output and each gradient, and the largest that PyTorch's float32 makes."""
    T, B, F, H = shape
    generator = torch.Generator().manual_seed(T + H)

    def draw(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator)

    recurrent = 0.9 * torch.eye(H) + 0.2 * draw(H, H) / H**0.5
    own = [draw(T, B, F), draw(H, F) / F**0.5, recurrent, 0.1 * draw(H), draw(B, H)]
    weight = draw(B, H) if last_only else draw(T, B, H)

    def solved(walk: Callable[..., Tensor], dtype: torch.dtype) -> list[Tensor]:
        places = [tensor.to(DEVICE, dtype).requires_grad_() for tensor in own]
        kind = "tanh" if tanh else "relu"
        output = walk(*places, nonlinearity=kind, last_only=last_only)
        given = weight.to(DEVICE, dtype)
        # The first thing that autograd's thread does is our kernel.
        return [output.detach(), *torch.autograd.grad(output, places, given)]

    exact = solved(reference.recurrence, torch.float64)
    found = []
    for walk in (operator.recurrence, reference.recurrence):
        got = solved(walk, torch.float32)
        found.append(
            [
                float((a.double() - b).norm() / b.norm().clamp_min(1e-30))
                for a, b in zip(got, exact, strict=True)
            ]
        )
    return found[0], max(found[1])


def _layers() -> dict[str, Any]:
    """Two layers, and two directions, beside `nn.RNN`: the largest difference of states and gradients."""
    found: dict[str, Any] = {}
    for name, options in (
        ("two layers", {"num_layers": 2}),
        ("directions", {"bidirectional": True}),
    ):
        torch.manual_seed(1)
        ours = RNN(3, 64, **options).to(DEVICE)
        theirs = torch.nn.RNN(3, 64, **options).to(DEVICE)
        theirs.load_state_dict(ours.state_dict())
        inputs = torch.randn(50, 16, 3, device=DEVICE)
        both = []
        for layer in (ours, theirs):
            states, final = layer(inputs)
            loss = states.square().mean() + final.sum()
            both.append([states, final, *torch.autograd.grad(loss, list(layer.parameters()))])
        pairs = zip(*both, strict=True)
        off = max(float((a - b).detach().norm() / b.detach().norm()) for a, b in pairs)
        assert off < 1e-4, (name, off)
        found[name] = off
    return found


def _in_a_graph() -> dict[str, Any]:
    """Whether a captured update makes the bits of a plain one, and the same again on another stream."""
    networks = []
    for captured in (False, True):
        layer, readout, update = _classifier("irnn", 150, lr=1e-3)
        if captured:
            update = contenders.captured(update)  # makes the first, uncaptured
        for _ in range(4 if captured else 5):
            update()
        torch.cuda.synchronize()
        networks.append([p.detach().clone() for p in (*layer.parameters(), *readout.parameters())])
    same = all(torch.equal(a, b) for a, b in zip(*networks, strict=True))
    return {
        "a graph makes the bits of plain calls": same,
        "finite": bool(networks[0][1].isfinite().all()),
    }


def time_operator(quick: bool) -> object:
    """Time an update of a classifier by the operator and by `nn.RNN`, in graphs."""
    rows: dict[str, float] = {}
    for T in (150, 1000):
        for name in ("irnn", "nn.RNN"):
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                update = _classifier(name, T)[2]
                for _ in range(3):
                    update()
            rows[f"{name} in a graph T={T}"] = 1e3 * median_ms(contenders.captured(update))
            rows[f"{name} as irnn-train T={T}"] = _stretch(name, T)
        for part, us in _parts(T).items():
            rows[f"{part} T={T}"] = us
    for name, us in rows.items():
        print(f"{name:36s} {us:9.1f} us", flush=True)
    return rows


def _batch(T: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(T, BATCH, 2, generator=generator).to(DEVICE)
    return inputs, torch.randint(CLASSES, (BATCH,), generator=generator).to(DEVICE)


def _classifier(
    name: str, T: int, lr: float = 1e-4
) -> tuple[torch.nn.RNN, torch.nn.Linear, Callable[[], None]]:
    """Make an update of a classifier of last states, with PyTorch's own loss, clipping and Adam."""
    torch.manual_seed(0)
    kind = RNN if name == "irnn" else torch.nn.RNN
    layer = kind(2, HIDDEN, nonlinearity="relu").to(DEVICE)
    readout = torch.nn.Linear(HIDDEN, CLASSES).to(DEVICE)
    torch.nn.init.eye_(layer.weight_hh_l0)
    parameters = [*layer.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=lr, fused=True, capturable=True)
    inputs, targets = _batch(T)

    def update() -> None:
        optimizer.zero_grad(set_to_none=False)
        last = layer.last_state(inputs) if isinstance(layer, RNN) else layer(inputs)[1][-1]
        torch.nn.functional.cross_entropy(readout(last), targets).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()

    return layer, readout, update


def _stretch(name: str, T: int) -> float:
    """Microseconds of an update in a stretch of `irnn.training.captured`."""
    torch.manual_seed(0)
    layer = RNN(2, HIDDEN, nonlinearity="relu", kernel="auto" if name == "irnn" else "torch")
    readout = torch.nn.Linear(HIDDEN, CLASSES)
    model = Network(layer, readout, Classification(classes=CLASSES)).to(DEVICE)
    updater = Updater(model, Adam(), Clip(max_norm=1.0))
    assert isinstance(updater._stretch, CapturedStretch)
    assert updater.kernel == ("cuda" if name == "irnn" else "torch")
    updates = 2 * GRAPHS[0]
    pieces = [tuple(tensor[None].expand(updates, *tensor.shape) for tensor in _batch(T))]
    updater.several(pieces, [1.0] * updates)
    repeat = updater._stretch._repeat
    assert repeat is not None

    def again() -> None:
        updater._stretch._position.zero_()
        repeat(updates)

    return 1e3 * median_ms(again) / updates


def _parts(T: int) -> dict[str, float]:
    """Microseconds of the operator's calls by themselves, each in a graph of several."""
    kernel, times = operator.default(), 10
    inputs, _ = _batch(T)
    w_ih, w_hh = torch.randn(HIDDEN, 2, device=DEVICE), torch.eye(HIDDEN, device=DEVICE)
    bias, slopes = torch.zeros(HIDDEN, device=DEVICE), torch.ones(BATCH, HIDDEN, device=DEVICE)
    history = kernel.forward(inputs, w_ih, w_hh, bias, None, False, True, True)[1]

    def forward() -> None:
        for _ in range(times):
            kernel.forward(inputs, w_ih, w_hh, bias, None, False, True, True)

    def backward() -> None:
        wants = False, True, False
        for _ in range(times):
            kernel.backward(slopes, history, inputs, w_ih, w_hh, False, True, wants)

    plain = []
    with torch.no_grad():
        for work in (forward, backward):
            plain.append(1e3 * median_ms(contenders.captured(work)) / times)
    return {"forward": plain[0], "backward": plain[1]}


if __name__ == "__main__":
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    check_operator(True)
    time_operator(True)
