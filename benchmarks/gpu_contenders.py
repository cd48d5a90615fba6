"""Other programs for the same update: PyTorch's layer on the GPU, and this project's kernel on the CPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from gpu_problems import BATCH, HIDDEN, adding, median_ms


def captured(work: Callable[[], object]) -> Callable[[], object]:
    """Capture work in a CUDA graph; the first, uncaptured call makes what is made once."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def _network(T: int, capturable: bool) -> Callable[[], None]:
    torch.manual_seed(0)
    layer = torch.nn.RNN(2, HIDDEN, nonlinearity="relu").cuda()
    readout = torch.nn.Linear(HIDDEN, 1).cuda()
    torch.nn.init.eye_(layer.weight_hh_l0)
    parameters = [*layer.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-4, fused=True, capturable=capturable)
    inputs, targets = adding((BATCH,), T)
    inputs = inputs.transpose(0, 1).contiguous()

    def update() -> None:
        optimizer.zero_grad(set_to_none=False)
        answer = readout(layer(inputs)[1][-1])[:, 0]
        torch.nn.functional.mse_loss(answer, targets).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()

    for _ in range(3):
        update()
    return update


def torch_loop(T: int) -> float:
    """Microseconds of an update in a plain loop that never waits."""
    update = _network(T, capturable=False)

    def several() -> None:
        for _ in range(20):
            update()
        torch.cuda.synchronize()

    return 1e3 * median_ms(several, 5) / 20


def torch_graph(T: int) -> float:
    """Microseconds of an update that is replayed from a CUDA graph."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        update = _network(T, capturable=True)
    return 1e3 * median_ms(captured(update))


def native_cpu(T: int, H: int = HIDDEN, B: int = BATCH) -> tuple[float, int] | None:
    """Microseconds of an update by the compiled kernel on this machine's CPU, and the best number of threads.

    None where the kernel was not built.
    """
    from irnn.kernels import native

    if not native.is_available():
        return None
    update = _native_update(T, H, B)
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2, 4, 8):
        torch.set_num_threads(threads)
        times = []
        for number in range(1, 40):
            begun = time.perf_counter()
            update(number)
            times.append(time.perf_counter() - begun)
        found.append((1e6 * statistics.median(times[10:]), threads))
    torch.set_num_threads(before)
    return min(found)


def _native_update(T: int, H: int, B: int) -> Callable[[int], object]:
    from irnn.kernels.descent import Descent
    from irnn.kernels.loss import Loss

    torch.manual_seed(0)
    layer, readout = torch.nn.RNN(2, H, nonlinearity="relu"), torch.nn.Linear(H, 1)
    torch.nn.init.eye_(layer.weight_hh_l0)
    own = [*layer.parameters(), readout.weight, readout.bias]
    vector = torch.cat([p.detach().reshape(-1) for p in own])
    gradient, pieces = torch.zeros_like(vector), [p.numel() for p in own]
    for p, value, slope in zip(own, vector.split(pieces), gradient.split(pieces), strict=True):
        p.data, p.grad = value.view_as(p), slope.view_as(p)
    step = Loss(*own, nonlinearity="relu")
    state = (torch.zeros_like(vector), torch.zeros_like(vector), None)
    descent = Descent(
        vector, gradient, 1.0, rule="adam", state=state, beta1=0.9, beta2=0.999, epsilon=1e-8
    )
    rates = torch.full_like(vector, 1e-4)
    inputs, targets = adding((B,), T, device="cpu")
    inputs = inputs.transpose(0, 1).contiguous()
    return lambda number: descent(step(inputs, targets), rates, number)
