"""The command as its users meet it: in a process of its own, from a folder that is not the checkout."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.kernels import native
from irnn.spec.config import Config, ConfigError
from irnn.training.session import run
from tests.command import LONG, folders, names, start
from tests.conftest import SMALL, Cli
from tests.training.test_divergence import EXPLODING


def test_a_run_from_any_folder_exits_with_0_and_leaves_its_folder_there(
    cli: Cli, tmp_path: Path
) -> None:
    finished = cli("train", *SMALL)
    assert finished.returncode == 0, finished.stderr
    (folder,) = folders(tmp_path)
    assert json.loads((folder / "result.json").read_text())["status"] == "exhausted"
    assert "NOT SOLVED" in finished.stdout
    assert folder.name in finished.stdout
    assert "kernel" in finished.stdout
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["command"].startswith("python -m irnn.train task.seq_len=12")
    assert names(tmp_path) == {"runs"}
    assert names(tmp_path / "runs") == {folder.name}


def test_the_root_of_runs_comes_from_the_environment_or_the_command(
    cli: Cli, tmp_path: Path
) -> None:
    cli("train", *SMALL, env={"IRNN_RUNS": "here"})
    cli("train", *SMALL, "runs_dir=there", env={"IRNN_RUNS": "here"})
    assert names(tmp_path) == {"here", "there"}
    assert names(tmp_path / "here") == names(tmp_path / "there")


def test_a_run_goes_on_when_nobody_reads_along_any_more(tmp_path: Path) -> None:
    with start(tmp_path, *LONG) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
    assert process.returncode == 0
    (folder,) = folders(tmp_path)
    assert (folder / "result.json").is_file()
    assert "with its budget" in (folder / "train.log").read_text()


def test_an_exploding_run_exits_with_3(cli: Cli) -> None:
    finished = cli("train", *SMALL, *EXPLODING)
    assert finished.returncode == 3
    assert "DIVERGED" in finished.stdout
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["optim.lr=-1"],
        ["+typo=1"],
        ["nonsense"],
        ["-m", "seed=0,1", "clip=5,-1"],
        ["-m", "optim=adam,adamm"],
        ["-m", "init=pytorch,identity", "model=irnn,lstm"],
        ["-m", "seed=0,1", "nonsense"],
        ["clip=-1", "hydra.verbose=false"],
        ["+seed=3"],
        ["seq_len=[12,13]"],
        ["hydra.verbose=true", "seed=abc"],
        ["-m", "seed=range(0)"],
        ["runs_dir="],
        ["budget.updates=null", "stop.test_mse=null"],
        ["task.train_size=1000000000000"],
        ["budget.epochs=1e308"],
        ["model=lstm", "init=identity"],
        ["runtime.device=cuda"],
    ],
    ids=" ".join,
)
def test_no_bad_configuration_leaves_a_folder_behind(
    cli: Cli, tmp_path: Path, arguments: list[str]
) -> None:
    import torch

    if "runtime.device=cuda" in arguments and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    finished = cli("train", *arguments)
    assert finished.returncode == 2
    assert finished.stderr.startswith("irnn-train: ")
    assert "Traceback" not in finished.stderr
    assert len(finished.stderr.splitlines()) <= 4
    assert not list(tmp_path.iterdir())


def test_a_kernel_that_is_not_there_is_refused_with_a_remedy(
    small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "why_unavailable", lambda: "it was not built")
    config = small("runtime.kernel=native")
    with pytest.raises(
        ConfigError, match=r"runtime\.kernel is 'native', but it was not built; or use"
    ):
        run(config)
    assert not Path(config.runs_dir).exists()
    assert run(small())["status"] == "exhausted"  # auto falls through to PyTorch


@pytest.mark.skipif(not native.is_available(), reason="no native kernel")
def test_an_instruction_set_that_is_not_there_is_refused(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", *SMALL, env={"IRNN_NATIVE_ISA": "avx1024"})
    assert finished.returncode == 2
    assert "IRNN_NATIVE_ISA is 'avx1024'; this processor runs" in finished.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["optim=sgd", "--help"]], ids=" ".join)
def test_help_needs_no_torch_and_no_tracker(cli: Cli, arguments: list[str]) -> None:
    script = (
        "import sys; from irnn.train import main; status = main(sys.argv[1:]);"
        "assert not {'torch', 'wandb', 'matplotlib'} & set(sys.modules); sys.exit(status)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert "paper_t150" in finished.stdout


QUICK = """
import sys
from irnn.train import main as train
from irnn.report import main as report
from irnn.predict import main as predict
assert [train(["--version"]), report(["--threshold", "x"]), predict(["--seq-len", "x"])] == [0, 2, 2]
assert [each(["--help"]) for each in (report, predict)] == [0, 0]
print(sorted({"torch", "hydra", "omegaconf", "numpy", "rich", "jinja2", "wandb"} & set(sys.modules)))
"""


def test_what_needs_no_settings_and_no_runs_loads_nothing_for_them() -> None:
    finished = subprocess.run([sys.executable, "-c", QUICK], capture_output=True, text=True)
    assert finished.stdout.endswith("\n[]\n"), finished.stderr


def test_help_may_be_read_in_part() -> None:
    """As by `irnn-train --help | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "irnn.train", "--help"]
    finished = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert [finished.returncode, finished.stderr] == [0, b""]


def test_a_bad_configuration_is_answered_without_torch(cli: Cli) -> None:
    script = (
        "import sys; from irnn.train import main; status = main(['optim.lr=-1']);"
        "assert not {'torch', 'wandb'} & set(sys.modules); sys.exit(status)"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert finished.returncode == 2, finished.stderr


def test_training_without_a_tracker_never_imports_it(
    small: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # an import fails
    run(small())
    (folder,) = folders(tmp_path)
    assert not (folder / "wandb").exists()


def test_hydra_can_print_the_composed_settings(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", "seq_len=175", "--cfg", "job")
    assert "seq_len: 175" in finished.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "named"),
    [(["-m", "--info"], "--info"), (["--resolve"], "--resolve"), (["--run", "-i"], "--run")],
)
def test_flags_that_do_not_go_together_are_refused(
    cli: Cli, tmp_path: Path, flags: list[str], named: str
) -> None:
    finished = cli("train", *SMALL, *flags)
    assert finished.returncode == 2
    assert named in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not list(tmp_path.iterdir())


def test_a_diverged_run_exits_with_3_whatever_is_said_to_hydra(cli: Cli) -> None:
    assert cli("train", *SMALL, *EXPLODING, "hydra.searchpath=[]").returncode == 3
