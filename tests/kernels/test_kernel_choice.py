"""Which kernel a name gives, and what is said when it cannot be had."""

import subprocess
import sys

import pytest
import torch

from irnn.kernels import choose, compiled, instruction_set, loading, native, reference
from irnn.kernels.loss import Loss


def test_auto_is_native_on_the_processor_and_pytorch_elsewhere():
    if not native.is_available():
        pytest.skip(native.why_unavailable())
    chosen = choose("auto", device="cpu", dtype=torch.float32)
    assert chosen is not None
    assert (chosen.name, chosen.recurrence) == ("native", native.recurrence)
    assert chosen.loss is Loss
    assert choose("auto", device="mps", dtype=torch.float32) is None
    assert choose("auto", device="cpu", dtype=torch.bfloat16) is None


def test_reference_and_torch_are_always_there():
    chosen = choose("reference", device="cuda", dtype=torch.float16)
    assert chosen is not None
    assert (chosen.name, chosen.recurrence) == ("reference", reference.recurrence)
    assert chosen.loss is None
    assert choose("torch", device="cpu", dtype=torch.float32) is None


@pytest.fixture
def nothing_built(monkeypatch):
    monkeypatch.setattr(loading, "LIBRARY", "no-such-file")
    loading.load.cache_clear()
    compiled.default.cache_clear()
    yield
    loading.load.cache_clear()
    compiled.default.cache_clear()


def test_without_a_compiled_kernel_auto_falls_through_and_native_says_the_remedy(nothing_built):
    assert choose("auto", device="cpu", dtype=torch.float32) is None
    assert not native.is_available()
    with pytest.raises(ValueError, match=r"runtime\.kernel is 'native', but .*C\+\+17 compiler"):
        choose("native", device="cpu", dtype=torch.float32)


@pytest.mark.parametrize(("device", "dtype"), [("cuda", torch.float32), ("cpu", torch.float16)])
def test_native_by_name_where_it_cannot_compute_is_an_error(device, dtype):
    with pytest.raises(ValueError, match=r"runtime\.kernel is 'native'.*'auto' or 'torch'"):
        choose("native", device=device, dtype=dtype)


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="'fast'; expected one of auto, native, torch, reference"):
        choose("fast", device="cpu", dtype=torch.float32)


def test_an_instruction_set_that_is_not_there_is_refused():
    if not native.is_available():
        pytest.skip(native.why_unavailable())
    with pytest.raises(ValueError, match="IRNN_NATIVE_ISA is 'mmx'; this processor runs"):
        compiled.Compiled("mmx")


def test_importing_the_package_does_not_import_torch():
    code = "import sys, irnn.kernels; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


def test_a_run_records_the_instruction_set_it_computes_with(forced):
    assert instruction_set("native", torch.device("cuda")) is None
    if not native.is_available():
        pytest.skip(native.why_unavailable())
    names = list(loading.load().variants)
    assert instruction_set("native", torch.device("cpu")) == names[0]
    forced(names[-1])
    assert instruction_set("native", torch.device("cpu")) == names[-1]
    assert len(set(names)) == len(names)
