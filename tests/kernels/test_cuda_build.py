"""The CUDA kernels compile for every kind of GPU that NVRTC knows, and their weights stay in registers."""

import re
import shutil
import subprocess

import pytest

from irnn.kernels.cuda.plan import SOURCE, choose, choose_layer

PLANS = {
    "alone": choose(100, 2),
    "packed": choose(100, 2, packed=True),
    "128": choose(128, 2),
    "tanh": choose(20, 1, tanh=True),
    "layer": choose_layer(128, tanh=False),
    "tanh layer": choose_layer(20, tanh=True),
}


@pytest.mark.slow
def test_nvrtc_compiles_for_every_gpu_that_it_knows(tmp_path, monkeypatch):
    pytest.importorskip("cuda.bindings")
    pytest.importorskip("nvidia")
    from irnn.kernels.cuda import compiler

    monkeypatch.setenv("IRNN_CACHE", str(tmp_path))
    for plan in (PLANS["tanh"], PLANS["tanh layer"]):
        for capability in (*compiler.supported(), 999):
            code = compiler.compiled(plan, capability)
            assert (code[:4] == b"\x7fELF") is (capability != 999)
            assert compiler.compiled(plan, capability) == code
    assert len(list(tmp_path.rglob("*.cubin"))) == 2 * (len(compiler.supported()) + 1)


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
@pytest.mark.skipif(not shutil.which("nvcc"), reason="there is no nvcc")
def test_no_register_of_an_inner_loop_is_spilled(plan, tmp_path):
    command = ["nvcc", "-cubin", "-std=c++17", "-Xptxas", "-v", "-arch=sm_90", *plan.defines()]
    done = subprocess.run(
        [*command, str(SOURCE / plan.source), "-o", str(tmp_path / "kernels.cubin")],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    compiled = re.findall(
        r"entry function '(\w+)'.*?(\d+) bytes spill stores", done.stderr, re.DOTALL
    )
    assert {name for name, _ in compiled} == set(plan.kernels)
    for name, spilled in compiled:  # `sum_products` keeps a pointer there between its inner loops
        assert int(spilled) <= (16 if name == "sum_products" else 0), done.stderr
