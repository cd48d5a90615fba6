"""What a run may use of the machine: who decides about cores, threads and memory."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from irnn.spec.composition import compose_config
from irnn.spec.config import ConfigError
from irnn.system import machine
from irnn.system.machine import asked_threads, available_cores, available_memory, default_threads
from irnn.training.memory import check_memory, parts


@pytest.fixture(autouse=True)
def no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put this process into a control group that says so; eight cores otherwise."""

    def put(own: str, **files: str) -> None:
        listed = tmp_path / "cgroup"
        listed.write_text(own)
        for name, content in files.items():
            path = tmp_path / "sys" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "sys")
        monkeypatch.setattr(machine, "_OWN_CGROUPS", listed)

    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    put("0::/\n")
    return put


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "5000 100000\n"}, 1),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
        (
            "4:cpu,cpuacct:/d\n",
            {
                "cpu,cpuacct/d/cpu.cfs_quota_us": "400000",
                "cpu,cpuacct/d/cpu.cfs_period_us": "100000",
            },
            4,
        ),
        (
            "4:cpu,cpuacct:/gone\n",
            {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"},
            1,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ("nonsense", {"cpu.max": "one two three\n"}, 8),
    ],
)
def test_a_containers_quota_counts_as_cores(
    cgroup: Callable[..., None], own: str, files: dict[str, str], cores: int
) -> None:
    cgroup(own, **files)
    assert available_cores() == cores


def test_the_affinity_mask_and_slurm_decide_where_they_give_less(
    cgroup: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "6")
    assert available_cores() == 6
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert available_cores() == 2
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "nonsense")
    assert available_cores() == 2


@pytest.mark.parametrize(
    ("asked", "threads"),
    [("3", 3), ("4,2", 4), (" 2 ", 2), ("99", 8), ("0", 8), ("-1", 8), ("x", 8), ("", 8)],
)
def test_omp_num_threads_is_what_a_run_gets_up_to_the_cores(
    cgroup: Callable[..., None], monkeypatch: pytest.MonkeyPatch, asked: str, threads: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert default_threads() == threads


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, int | None]]:
    """Fit jobs, one for each list of overrides, to this machine: how many at once, with how many threads."""
    from irnn.sweeps import launch
    from irnn.sweeps.job import Job

    class Silent:
        def slow(self, _: object) -> None: ...
        def say(self, _: object) -> None: ...

    def fit(*overrides: str, wanted: int | None = None) -> tuple[int, int | None]:
        jobs = []
        for words in overrides or ("",):
            config = compose_config(["tracker=none", *words.split()])
            jobs.append(Job.__new__(Job))
            jobs[-1].config = replace(config, runtime=replace(config.runtime, threads=None))
        at_once = launch.fit(jobs, wanted, False, Silent())  # type: ignore[arg-type]
        return at_once, jobs[0].config.runtime.threads

    return fit


def test_a_job_of_a_sweep_gets_the_threads_that_omp_num_threads_asks_for(
    cgroup: Callable[..., None],
    fitted: Callable[..., tuple[int, int | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert fitted() == (8, 1)
    assert fitted(wanted=1) == (1, 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert fitted() == (2, 4)
    assert asked_threads() == 4


def test_a_sweep_with_a_job_that_cannot_fit_is_refused_whole_and_names_its_key_once(
    cgroup: Callable[..., None], fitted: Callable[..., tuple[int, int | None]]
) -> None:
    with pytest.raises(ConfigError, match="this run needs about") as refused:
        fitted("", "model.hidden_size=100000")
    assert str(refused.value).startswith("model.hidden_size=100000: ")
    assert str(refused.value).count("model.hidden_size") == 1


def test_no_more_jobs_train_at_a_time_than_fit_into_memory_together(
    cgroup: Callable[..., None],
    fitted: Callable[..., tuple[int, int | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from irnn.sweeps import launch

    monkeypatch.setattr(launch, "available_memory", lambda: 3_000_000_000)
    assert fitted("model.hidden_size=3000", "seed=1")[0] == 2
    monkeypatch.setattr(launch, "available_memory", lambda: 8_000_000_000)
    assert fitted("seed=0", "seed=1")[0] == 8


def test_openmp_is_not_left_to_pin_a_run_and_its_jobs_to_one_core() -> None:
    code = (
        "import os, sys; from irnn.train import main; main(['--version']); import torch; "
        "print(len(os.sched_getaffinity(0)), [n for n in os.environ if n.startswith(('OMP_P', 'GOMP'))])"
    )
    surroundings = {**os.environ, "OMP_PROC_BIND": "close", "GOMP_CPU_AFFINITY": "0"}
    finished = subprocess.run(
        [sys.executable, "-c", code], env=surroundings, capture_output=True, text=True, timeout=120
    )
    assert finished.stdout.splitlines()[-1] == f"{len(os.sched_getaffinity(0))} []", finished.stderr


def test_memory_is_the_machines_or_the_containers(cgroup: Callable[..., None]) -> None:
    whole = available_memory()
    assert whole is not None
    cgroup("0::/d\n", **{"d/memory.max": "500000000\n"})
    assert available_memory() == 500_000_000
    cgroup("7:memory:/e\n", **{"memory/e/memory.limit_in_bytes": "9223372036854771712"})
    assert available_memory() == whole


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["model.hidden_size=100000"], "model.hidden_size=100000"),
        (["batch_size=10000000", "task.data=fresh"], "batch_size=10000000"),
        (["model=lstm", "init=pytorch", "task.seq_len=10000000"], "batch_size=16"),
        (["model=lstm", "init=pytorch", "task.seq_len=10000000", "batch_size=1"], "task.seq_len"),
        (["model.hidden_size=30000", "optim=sgd"], "model.hidden_size=30000"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_run_that_cannot_fit_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], key: str
) -> None:
    from irnn.training.session import run

    monkeypatch.setattr(machine, "available_memory", lambda: 8_000_000_000)
    config = compose_config(["tracker=none", f"runs_dir={tmp_path}/runs", *overrides])
    with pytest.raises(ConfigError, match=rf"^{key}.*needs about [\d.,]+ [GT]B.*8 GB here"):
        run(config)
    assert list(tmp_path.iterdir()) == []


def test_the_presets_need_less_than_a_gigabyte() -> None:
    presets = ("", "experiment=fast", "experiment=long", "experiment=paper_t400", "model=lstm")
    for preset in presets:
        words = [preset, "init=pytorch"] if preset == "model=lstm" else [preset] if preset else []
        assert sum(part.size for part in parts(compose_config(words))) < 1e9, preset


@pytest.mark.parametrize("model", ["irnn", "lstm"])
def test_a_batch_of_one_takes_the_memory_of_the_eight_rows_that_the_kernel_walks(
    model: str,
) -> None:
    words = [f"model={model}", "init=pytorch", "seq_len=1000000", "runtime.threads=1"]
    room = {
        rows: next(
            part.size
            for part in parts(compose_config([*words, f"batch_size={rows}"]))
            if part.name == "states for backward"
        )
        for rows in (1, 8)
    }
    assert room[1] == room[8]
    if model == "lstm":  # what the kernel asked for, measured
        assert 21.5e9 <= room[1] <= 2 * 21.5e9


def test_without_a_limit_nothing_is_refused() -> None:
    check_memory(compose_config(["model.hidden_size=100000"]), 10**15)


def test_sizes_are_written_in_three_digits() -> None:
    assert [machine.shown_bytes(n) for n in (999, 1234, 5.6e10, 2e18)] == [
        "999 bytes",
        "1.23 kB",
        "56 GB",
        "2,000 PB",
    ]


@pytest.mark.parametrize(
    "override",
    [
        "runtime.threads=100000",
        "runtime.takeover_seconds=1e12",
        "tracker.timeout=1e12",
        "init.readout_bias=1e39",
        "init.readout_bias=-1e39",
        "init.readout_std=1e39",
        "init.gain=1e39",
        "optim.lr=1e39",
        "optim.weight_decay=1e39",
        "optim.eps=1e39",
        "budget.updates=1000000000000000000",
        "budget.seconds=1e30",
        "evaluate.every=1000000000000000000000",
        "checkpoint.every=1000000000000000000000",
        "divergence.grace=1000000000000000000000",
        "divergence.max_recoveries=1000000000000000000000",
    ],
)
def test_numbers_that_nothing_can_hold_are_refused_by_name(override: str) -> None:
    with pytest.raises(ConfigError, match=f"^{override.partition('=')[0]}="):
        compose_config([override])
