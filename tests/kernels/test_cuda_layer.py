"""One layer by the CUDA kernels, run on the CPU: value, every gradient, layers, and runs of classifiers."""

import math
from functools import partial
from pathlib import Path

import pytest
import torch
from cuda_on_cpu import COMPILER
from cuda_runs import Machines
from kernel_problems import Problem, assert_solves, distance_from_kink, evaluate, results

from irnn import kernels
from irnn.kernels import Kernel, choose, native, reference, slow
from irnn.kernels.cuda import layer, plan
from irnn.kernels.cuda.layer import CudaKernel
from irnn.models.recurrent import IRNN, RNN
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.training import session, stretch
from irnn.training.captured import CapturedStretch

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
Exact = partial(Problem, dtype=torch.float32)


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    return Machines(tmp_path_factory.getbasetemp().parent / "cuda_on_cpu")


@pytest.fixture
def walk(machines):
    """Give a recurrence by the kernels on the CPU, with memory that is NaN wherever it was never written."""

    def given(*tensors, nonlinearity, last_only, **how):
        kernel = CudaKernel(lambda of, _: machines(of), poison=True, **how)
        return native.walk(tensors, nonlinearity, last_only, lambda: kernel)

    return given


SIZES = [
    (1, 1, 1, 1),
    (5, 3, 2, 7),
    (40, 17, 2, 100),
    (33, 1, 2, 113),
    (21, 3, 100, 33),  # more input features than the fused update takes
    (19, 2, 1, 200),
    (4, 3, 2, 256),
]


@pytest.mark.parametrize("place", range(len(SIZES)), ids=[str(size) for size in SIZES])
def test_value_and_every_gradient_match_the_reference(place, walk):
    for last_only in (True, False):
        problem = Exact(*SIZES[place], ("relu", "tanh")[place % 2], last_only)
        assert_solves(results(walk, problem), problem)


@pytest.mark.parametrize("seed", range(2))
def test_random_shapes_match_the_reference(seed, walk):
    draw = torch.Generator().manual_seed(seed)
    T, B, F, H = (int(torch.randint(1, most, (), generator=draw)) for most in (70, 9, 40, 60))
    problem = Exact(T, B, F, H, ("relu", "tanh")[seed], bool(seed))
    if problem.nonlinearity == "tanh" or distance_from_kink(problem) > 1e-6:
        assert_solves(results(walk, problem), problem)


@pytest.mark.parametrize("last_only", [True, False])
@pytest.mark.parametrize("h0", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_bias_and_initial_state_may_be_absent(bias, h0, last_only, walk):
    problem = Exact(9, 4, 2, 20, bias=bias, h0=h0, last_only=last_only)
    got = results(walk, problem)
    assert ("bias" in got, "h0" in got) == (bias, h0)
    assert_solves(got, problem)


def test_tensors_may_lie_in_memory_in_any_order(walk):
    problem = Exact(9, 4, 2, 20, last_only=False)
    plain = problem.tensors()
    strided = {
        name: tensor.detach().mT.contiguous().mT.requires_grad_()
        if tensor.dim() > 1
        else tensor.detach().repeat_interleave(2)[::2].requires_grad_()
        for name, tensor in plain.items()
    }
    assert not any(tensor.is_contiguous() for tensor in strided.values())
    assert_solves(evaluate(walk, problem, strided), problem)

    def negated(inputs, *others, **options):  # views that only say so, and a gradient of no strides
        states = walk(torch._neg_view(-inputs), *others, **options)
        return (states * torch.ones(()).expand_as(states)).flip(0).flip(0)

    assert_solves(evaluate(negated, problem, plain), problem)


@pytest.mark.parametrize("last_only", [True, False])
def test_a_sequence_walked_in_pieces_gives_the_same_bits(last_only, walk):
    problem = Exact(50, 3, 2, 20, last_only=last_only)
    whole = results(walk, problem)
    pieces = results(walk, problem, room=7 * 3 * 20 * 4)
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)


def test_a_gradient_that_nobody_wants_is_not_asked_for(walk):
    problem = Exact(9, 4, 2, 20)
    tensors = problem.tensors()
    for name in ("inputs", "bias", "h0"):
        tensors[name].requires_grad_(False)
    got = evaluate(walk, problem, tensors)
    whole = results(walk, problem)
    assert got.keys() == {"output", "w_ih", "w_hh"}
    assert all(torch.equal(got[name], whole[name]) for name in got)
    with torch.no_grad():
        alone = walk(*tensors.values(), nonlinearity="relu", last_only=True)
    assert torch.equal(alone, whole["output"])


def test_a_state_that_is_not_a_number_stays_so_until_the_end(walk):
    tensors = Exact(12, 2, 1, 20).tensors()
    tensors["inputs"].data[3, 0] = math.nan
    states = walk(*tensors.values(), nonlinearity="relu", last_only=False)
    assert states[3:, 0].isnan().all()
    assert states[:3].isfinite().all()
    assert states[:, 1].isfinite().all()


def test_second_derivatives_are_those_of_the_reference(walk):
    tensors = Exact(4, 2, 2, 7, "tanh").tensors()

    def penalty(recurrence, own):
        states = recurrence(*own, nonlinearity="tanh", last_only=False)
        slopes = torch.autograd.grad(states.square().sum(), own, create_graph=True)
        return torch.autograd.grad(sum(slope.square().sum() for slope in slopes), own)

    got = penalty(walk, list(tensors.values()))
    exact = [t.detach().double().requires_grad_() for t in tensors.values()]
    for own, true in zip(got, penalty(reference.recurrence, exact), strict=True):
        torch.testing.assert_close(own.double(), true, rtol=1e-4, atol=1e-5)


@pytest.fixture
def by_the_kernels(walk, monkeypatch):
    """Let layers on the CPU be computed by the CUDA kernels, as on a GPU."""
    used = []

    def counted(*tensors, **options):
        used.append(options["last_only"])
        return walk(*tensors, **options)

    chosen = Kernel("cuda", counted)
    monkeypatch.setattr(kernels, "choose", lambda name, **_: chosen if name == "auto" else None)
    return used


@pytest.mark.parametrize(
    "shape", [{"num_layers": 2}, {"bidirectional": True}, {"batch_first": True, "bias": False}]
)
def test_layers_and_directions_are_those_of_pytorch(shape, by_the_kernels):
    ours = RNN(3, 7, **shape)
    theirs = torch.nn.RNN(3, 7, **shape)
    theirs.load_state_dict(ours.state_dict())
    inputs, used = torch.randn(6, 4, 3, requires_grad=True), by_the_kernels
    states, final = ours(inputs)
    expected, last = theirs(inputs)
    assert used == [False] * (2 if len(shape) == 1 else 1)
    torch.testing.assert_close((states, final), (expected, last))
    got = torch.autograd.grad(states.square().sum(), [inputs, *ours.parameters()])
    wanted = torch.autograd.grad(expected.square().sum(), [inputs, *theirs.parameters()])
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_auto_takes_the_kernels_on_cuda_where_they_fit(monkeypatch):
    monkeypatch.setattr(plan, "why_unavailable", lambda: "")
    on = partial(choose, "auto", device="cuda:1", dtype=torch.float32)
    assert on(hidden=256).name == "cuda"
    assert on(hidden=256).loss is on(hidden=256).descent is on(hidden=256).lstm is None
    assert on(hidden=257) is None
    assert choose("auto", device="cuda", dtype=torch.float64) is None
    monkeypatch.setattr(plan, "why_unavailable", lambda: "the CUDA kernels need cuda-bindings")
    assert on(hidden=100) is None


RUNS = {
    ("task=temporal_order", "model=irnn", "model.num_layers=2"): "cuda",
    ("task=copy_memory", "model=rnn_tanh"): "cuda",
    ("task=copy_memory", "model=irnn", "model.hidden_size=257"): "torch",
    ("task=copy_memory", "model=irnn", "runtime.dtype=float64"): "torch",
    ("task=copy_memory", "model=irnn", "runtime.kernel=torch"): "torch",
    ("task=copy_memory", "model=lstm"): "torch",
}


@pytest.mark.parametrize(("settings", "name"), RUNS.items(), ids=["-".join(r) for r in RUNS])
def test_a_run_says_by_what_its_layers_are_computed_on_a_gpu(settings, name, small, monkeypatch):
    monkeypatch.setattr(plan, "why_unavailable", lambda: "")
    config = small("runtime.kernel=auto", *settings)
    assert session.kernel_name(config, torch.device("cuda")) == name
    assert slow.reasons(config, "cuda") == []
    monkeypatch.setattr(plan, "why_unavailable", lambda: "there is nothing")
    assert session.kernel_name(config, torch.device("cuda")) == "torch"
    said = ["slow: PyTorch trains this run, since there is nothing"] if name == "cuda" else []
    assert slow.reasons(config, "cuda") == said


def test_autocast_on_a_gpu_is_left_to_pytorch(by_the_kernels, monkeypatch):
    chosen = Kernel("cuda", kernels.choose("auto").recurrence, refuses=layer.refuses)
    monkeypatch.setattr(kernels, "choose", lambda *_, **__: chosen)
    own, inputs = IRNN(2, 20), torch.randn(4, 3, 2)
    torch.set_autocast_enabled("cuda", True)
    try:
        assert "autocast" in layer.refuses()
        with torch._subclasses.FakeTensorMode():
            assert own._recurrence(torch.empty(4, 3, 2, device="cuda")) is None
        assert native.refuses() == ""
    finally:
        torch.set_autocast_enabled("cuda", False)
    own(inputs)
    assert by_the_kernels == [False]


def test_a_tensor_that_the_kernels_do_not_take_is_refused_by_name():
    with pytest.raises(ValueError, match=r"up to 256 units in float32 on CUDA devices, not 7"):
        layer.recurrence(*Exact().tensors().values(), nonlinearity="relu", last_only=True)


def test_a_compiler_sees_the_shapes_of_the_operator_on_cuda():
    with torch._subclasses.FakeTensorMode():
        tensors = [torch.empty(*s, device="cuda") for s in ((5, 3, 2), (7, 2), (7, 7))]
        for last_only, shape in ((True, (3, 7)), (False, (5, 3, 7))):
            arguments = (*tensors, None, None, False, last_only)
            output, history = native.recurrence_operator(*arguments, True)
            assert output.shape == shape
            assert output.device.type == "cuda"
            assert history.shape == (4 * 6 * 3 * 7,)
            assert native.recurrence_operator(*arguments, False)[1].shape == (0,)
            grads = native.backward_operator(
                output, history, *tensors, False, last_only, True, False, True
            )
            assert [tuple(g.shape) for g in grads] == [(5, 3, 2), (7, 2), (7, 7), (0,), (3, 7)]


@pytest.mark.slow
def test_the_operator_s_benchmark_measures_what_trains(by_the_kernels, walk, machines, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    benchmark = pytest.importorskip("gpu_operator")
    monkeypatch.setattr(benchmark, "DEVICE", "cpu")
    monkeypatch.setattr(benchmark, "HIDDEN", 20)
    monkeypatch.setattr(benchmark, "median_ms", lambda work: work() or 1.0)
    monkeypatch.setattr(benchmark.contenders, "captured", lambda work: work)
    monkeypatch.setattr(layer, "recurrence", walk)
    monkeypatch.setattr(layer, "default", lambda: CudaKernel(lambda of, _: machines(of)))
    monkeypatch.setattr(stretch, "of", CapturedStretch)
    own, by_pytorch = benchmark._errors((9, 4, 2, 20), False, True)
    assert max(own) < 1e-6
    assert by_pytorch < 1e-6
    used = len(by_the_kernels)
    assert benchmark._stretch("nn.RNN", 6) > 0
    assert len(by_the_kernels) == used
    assert benchmark._stretch("irnn", 6) > 0
    assert len(by_the_kernels) >= used + 32  # twice sixteen updates
    assert benchmark._parts(6).keys() == {"forward", "backward"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "task", [("task=temporal_order", "seq_len=20"), ("task=copy_memory", "seq_len=5")], ids=str
)
def test_a_classifier_learns_what_it_learns_on_the_cpu(task, small, by_the_kernels, monkeypatch):
    monkeypatch.setattr(session.curve, "draw", lambda *_: None)
    settings = (*task, "model=irnn", "optim=adam", "clip.max_norm=1", "budget.updates=24",
                "runtime.kernel=auto")  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(stretch, "of", CapturedStretch)
        session.run(small(*settings))
        on_gpu = read_records(RunDirectory.of(small(*settings)).metrics)
    assert by_the_kernels
    monkeypatch.setattr(kernels, "choose", choose)
    session.run(small(*settings, "force=true"))
    on_cpu = read_records(RunDirectory.of(small(*settings)).metrics)
    assert len(on_gpu) == len(on_cpu) > 1
    for ours, theirs in zip(on_gpu, on_cpu, strict=True):
        for key in ("train_loss", "test_loss", "grad_norm"):
            assert ours[key] == (theirs[key] and pytest.approx(theirs[key], rel=1e-3)), key
    assert theirs["grad_norm"]
