"""The command as its users meet it: in a process of its own, from a folder that is not the checkout."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irnn.config import Config, ConfigError
from irnn.kernels import native
from irnn.runs.metrics import read_records
from irnn.train import DIVERGED_OBJECTIVE, objective
from irnn.training.session import run
from tests.conftest import SMALL, Cli
from tests.training.test_divergence import EXPLODING

LONG = (*SMALL, "budget.updates=2000", "evaluate.every=50", "stop.test_mse=null")


def folders(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "runs").glob("irnn*"))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def start(tmp_path: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "irnn.train", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_step(tmp_path: Path, step: int) -> None:
    """Wait until the only run of the folder has a record of an update >= step."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for folder in folders(tmp_path):
            if any(record["step"] >= step for record in read_records(folder / "metrics.jsonl")):
                return
        time.sleep(0.01)
    raise AssertionError("the run did not get that far in a minute")


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


def test_a_bad_configuration_is_answered_without_torch(cli: Cli) -> None:
    script = (
        "import sys; from irnn.train import main; status = main(['optim.lr=-1']);"
        "assert not {'torch', 'wandb'} & set(sys.modules); sys.exit(status)"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert finished.returncode == 2, finished.stderr


def test_training_without_a_tracker_never_imports_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wandb.py").write_text("raise RuntimeError('imported')")
    finished = cli("train", *SMALL, env={"PYTHONPATH": str(tmp_path)})
    assert finished.returncode == 0, finished.stderr
    (folder,) = folders(tmp_path)
    assert not (folder / "wandb").exists()


def test_hydra_can_print_the_composed_settings(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", "seq_len=175", "--cfg", "job")
    assert "seq_len: 175" in finished.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_after_its_update_and_the_command_continues(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with start(tmp_path, *LONG) as process:
        wait_for_step(tmp_path, 100)
        process.send_signal(number)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == status, output
    assert "interrupted at update" in output
    assert "Traceback" not in output
    (folder,) = folders(tmp_path)
    assert not (folder / "result.json").exists()
    with start(tmp_path, *LONG, "budget.updates=2000") as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "from update" in output


def test_a_run_killed_again_and_again_ends_bitwise_as_one_that_was_not(tmp_path: Path) -> None:
    for step in (50, 400, 950, 1600):
        with start(tmp_path, *LONG) as process:
            wait_for_step(tmp_path, step)
            process.kill()
    with start(tmp_path, *LONG) as process:
        process.communicate(timeout=120)
    with start(tmp_path, *LONG, "runs_dir=undisturbed") as process:
        process.communicate(timeout=120)
    (killed,) = folders(tmp_path)
    undisturbed = tmp_path / "undisturbed" / killed.name
    assert len(json.loads((killed / "provenance.json").read_text())["sessions"]) == 5
    assert not list(killed.rglob("*.part"))
    readings = []
    for folder in (killed, undisturbed):
        records = read_records(folder / "metrics.jsonl")
        for record in records:
            del record["seconds"], record["steps_per_second"]
        readings.append(records)
    assert readings[0] == readings[1]
    assert len(readings[0]) == 41
    import torch

    weights = [
        torch.load(folder / "checkpoints" / "last.pt", weights_only=True)["weights"]["model"]
        for folder in (killed, undisturbed)
    ]
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name


def test_two_processes_cannot_train_one_run(cli: Cli, tmp_path: Path) -> None:
    with start(tmp_path, *LONG) as process:
        wait_for_step(tmp_path, 50)
        second = cli("train", *LONG)
        process.terminate()
        process.communicate(timeout=120)
    assert second.returncode == 1
    assert f"is being trained by process {process.pid}" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"may not mount a file system here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_a_clear_error_and_leaves_the_last_checkpoint_good(
    cli: Cli, tiny_disk: Path
) -> None:
    arguments = (*LONG, "model.hidden_size=64", f"runs_dir={tiny_disk}", "budget.updates=300")
    filled = tiny_disk / "filler"
    filled.write_bytes(b"x" * 250_000)
    full = cli("train", *arguments)
    assert full.returncode == 1, full.stdout + full.stderr
    assert "No space left on device" in full.stderr
    assert "free some space" in full.stderr
    assert "Traceback" not in full.stderr
    (folder,) = tiny_disk.glob("irnn*")
    assert not (folder / "result.json").exists()
    assert not list(folder.rglob("*.part"))
    filled.unlink()
    finished = cli("train", *arguments)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_a_multirun_of_two_jobs_makes_two_folders_and_two_wandb_runs(
    cli: Cli, tmp_path: Path
) -> None:
    finished = cli("train", "-m", *SMALL, "tracker=wandb", "seq_len=12,13", "clip=5")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    both = folders(tmp_path)
    assert [json.loads((f / "result.json").read_text())["seq_len"] for f in both] == [12, 13]
    offline = [list((folder / "wandb").glob("offline-run-*")) for folder in both]
    assert [len(runs) for runs in offline] == [1, 1]
    assert offline[0][0].name.split("irnn")[1] != offline[1][0].name.split("irnn")[1]
    for folder in both:
        mirrored = json.loads(next((folder / "wandb").glob("*.mirrored.json")).read_text())[
            "records"
        ]
        assert mirrored == len(read_records(folder / "metrics.jsonl"))


def test_a_diverged_run_exits_with_3_whatever_is_said_to_hydra(cli: Cli) -> None:
    assert cli("train", *SMALL, *EXPLODING, "hydra.verbose=false").returncode == 3


def test_a_busy_job_does_not_stop_the_others_of_a_sweep(cli: Cli, tmp_path: Path) -> None:
    with start(tmp_path, *LONG, "budget.updates=100000") as process:
        wait_for_step(tmp_path, 50)
        sweep = cli("train", "-m", *LONG, "budget.updates=100000,60")
        process.terminate()
        process.communicate(timeout=120)
    assert sweep.returncode == 1
    assert "is being trained by process" in sweep.stderr
    assert "1 of 2 jobs failed" in sweep.stderr
    assert "Traceback" not in sweep.stderr
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 1


def test_a_sweep_ends_when_one_of_its_jobs_is_interrupted(tmp_path: Path) -> None:
    with start(tmp_path, "-m", *LONG, "budget.updates=100000,100001") as process:
        wait_for_step(tmp_path, 50)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 143, output
    assert "Traceback" not in output
    assert len(folders(tmp_path)) == 1


def test_a_diverged_job_is_a_result_of_a_sweep(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", "-m", *SMALL, *EXPLODING, "clip=100,1e-3")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    results = [json.loads((f / "result.json").read_text()) for f in folders(tmp_path)]
    assert {result["status"] for result in results} == {"diverged", "exhausted"}


def test_a_sweeper_is_told_a_finite_number_whatever_happened() -> None:
    assert objective({"status": "solved", "best_test_mse": 0.001}) == 0.001
    assert objective({"status": "diverged", "best_test_mse": 0.1}) == DIVERGED_OBJECTIVE
    assert objective({"status": "exhausted", "best_test_mse": None}) == DIVERGED_OBJECTIVE
