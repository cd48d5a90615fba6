"""What a sweep's command asks for, and what it is called."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from irnn.runs.identity import run_id
from irnn.spec.composition import Composer
from irnn.spec.config import ConfigError
from irnn.spec.groups import Groups, conf_dir
from irnn.sweeps import record
from irnn.sweeps.launch import make_jobs
from irnn.sweeps.naming import in_sweep
from irnn.sweeps.request import left_open, read_request
from irnn.sweeps.task import SweepTask
from tests.tasks.idx_files import SIDE, write_files

SWEEPS = sorted(path.stem for path in (conf_dir() / "sweep").glob("*.yaml"))


def name(*overrides: str) -> str:
    return read_request(overrides, Composer()).name


@pytest.mark.parametrize("sweep", SWEEPS)
def test_every_job_of_every_file_of_a_sweep_can_work(
    sweep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    words = [f"sweep={sweep}", "seq_len=200"]
    if "pixels" in sweep:  # of images whose pixels are as many
        monkeypatch.setenv("IRNN_DATA", str(write_files(tmp_path, 96, 64, rows=200 // SIDE)))
        words += ["task.train_size=96", "task.test_size=64"]
    assert read_request(words, Composer()).name.split("-")[0] == sweep


@pytest.mark.parametrize(
    ("sweep", "axes"), [("paper_grid", [9, 4]), ("paper_grid_lstm", [9, 4, 4])]
)
def test_the_papers_grids_are_the_papers(sweep: str, axes: list[int]) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    from irnn.spec.hydra_composition import composed as compose
    from irnn.sweeps.grid import axes as found

    composed = compose([f"sweep={sweep}"], with_hydra=True)
    params = [f"{key}={value}" for key, value in composed.hydra.sweeper.params.items()]
    values = found(OverridesParser.create().parse_overrides(params))
    assert [len(each) for each in values.values()] == axes
    assert values["optim.lr"][0] == "optim.lr=1e-09"
    assert float(values["optim.lr"][-1].partition("=")[2]) == 0.1
    assert composed.optim.name == "sgd"
    assert composed.budget.epochs == 440


def test_asking_for_more_values_is_asking_for_the_same_sweep() -> None:
    first = name("seq_len=20,30", "seed=0", "batch_size=8")
    assert first.startswith("seq_len-")
    assert (
        name("seed=range(5)", "seq_len=20,30,40", "batch_size=8").split("-")[-1]
        == (first.split("-")[-1])
    )
    assert name("seq_len=20,30", "batch_size=8") == first


def test_how_a_sweep_is_run_does_not_name_it() -> None:
    plain = name("seq_len=20,30")
    for how in (
        "sweep.jobs=1",
        "sweep.fail_fast=true",
        "tracker=none",
        "runs_dir=elsewhere",
        "force=true",
        "runtime.threads=1",
        "hydra/launcher=joblib",
    ):
        assert name("seq_len=20,30", how) == plain
    assert name("seq_len=20,30", "batch_size=8") != plain
    assert name("seq_len=20,30", "sweep.name=mine") == "mine"


def test_a_sweep_is_no_part_of_a_runs_identity_and_groups_its_tracker() -> None:
    composer = Composer()
    alone = composer.compose(["seed=1"])
    job = in_sweep(composer.compose(["seed=1", "sweep.name=mine", "sweep.jobs=3"]))
    assert run_id(job) == run_id(alone)
    assert job.tracker.group == "mine"
    assert in_sweep(composer.compose(["sweep.name=mine", "tracker.group=x"])).tracker.group == "x"


@pytest.mark.parametrize(
    "words", [["clip=1"], ["clip=none"], ["clip.max_norm=1"], ["++clip.max_norm=1"]]
)
def test_a_file_of_many_runs_is_one_run_where_all_that_it_varies_is_given_by_any_name(
    words: list[str],
) -> None:
    words = ["sweep=suite_keller_grid", "optim.lr=1e-4", "seed=77", *words]
    assert left_open(words, Groups()) is None
    assert left_open(["seed=3"], Groups()) is None
    assert left_open(["sweep=none"], Groups()) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["sweep=suite_keller_grid", "optim.lr=1e-4"],
            "sweep=suite_keller_grid: varies clip and seed, for which irnn-train needs -m (--multirun); "
            "one run has one value of each, as in clip=none seed=0",
        ),
        (["sweep=paper_grid", "seq_len=200", "clip=1"], "as in optim.lr=1e-09"),
        (["sweep=search"], "as in optim.lr=1e-05 clip.max_norm=0.1 init.gain=0.9"),
    ],
)
def test_a_file_of_many_runs_without_m_says_what_it_leaves_open(
    words: list[str], said: str
) -> None:
    told = left_open(words, Groups())
    assert told is not None
    assert told.endswith(said)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("clip=none", "null"),
        ("clip=null", "null"),
        ("clip=10", "10"),
        ("clip.max_norm=10", "10"),
        ("++clip.max_norm=10", "10"),
        ("clip=choice(10)", "10"),
    ],
)
def test_the_command_s_word_takes_the_place_of_the_file_s_by_any_name(
    word: str, value: str
) -> None:
    jobs = read_request(["sweep=clip_adam", word], Composer()).jobs
    assert [job[:2] for job in jobs] == [
        (f"clip.max_norm={value}", f"seed={seed}") for seed in range(5)
    ]


@pytest.mark.parametrize(
    ("word", "values"), [("clip=tight", [0.25]), ("clip=tight,5,none", [0.25, 5.0, None])]
)
def test_an_option_of_ones_own_takes_the_place_of_the_file_s_numbers_and_may_be_among_numbers(
    tmp_path: Path, word: str, values: list[float | None]
) -> None:
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "tight.yaml").write_text("# @package clip\nmax_norm: 0.25\n")
    composer = Composer(Groups(folders=(f"file://{tmp_path}",)))
    jobs = read_request(["sweep=clip_adam", word, "seed=0"], composer).jobs
    assert [composer.compose(job).clip.max_norm for job in jobs] == values
    with pytest.raises(ConfigError, match=r"^clip=-5: must be a number above 0"):
        read_request(["clip=tight,-5"], composer)


@pytest.mark.parametrize(
    "words",
    [
        (["clip=none"], ["clip=null"], ["clip.max_norm=null"]),
        (["sweep=clip_adam", "clip=10"], ["clip.max_norm=10", "sweep=clip_adam"]),
        (["batch_size=8"], ["batch_size=4", "batch_size=8"]),
        (["optim=sgd"], ["optim.name=sgd"]),
    ],
)
def test_other_names_of_the_same_settings_make_the_same_sweep(words: Sequence[list[str]]) -> None:
    assert len({name(*each, "seed=0,1") for each in words}) == 1


def test_asking_again_for_a_larger_sweep_adds_its_jobs_to_the_record(tmp_path: Path) -> None:
    record.add(tmp_path, "mine", ["first"], [("a", ["seed=0"]), ("b", ["seed=1"])])
    created = json.loads((tmp_path / "sweep.json").read_text())["created"]
    record.add(tmp_path, "mine", ["second"], [("b", ["seed=1"]), ("c", ["seed=2"])])
    content = json.loads((tmp_path / "sweep.json").read_text())
    assert content["schema"] == 1
    assert content["name"] == "mine"
    assert content["command"] == ["second"]
    assert content["created"] == created
    assert content["jobs"] == [
        {"run_id": "a", "overrides": ["seed=0"]},
        {"run_id": "b", "overrides": ["seed=1"]},
        {"run_id": "c", "overrides": ["seed=2"]},
    ]


@pytest.mark.parametrize(
    "jobs", ["", '{"a": 1}', "[1]", '[{"run_id": "a"}]', '[{"run_id": "a", "overrides": 5}]']
)
def test_a_damaged_record_is_refused_with_a_remedy(tmp_path: Path, jobs: str) -> None:
    (tmp_path / "sweep.json").write_text(f'{{"schema": 1, "name": "mine", "jobs": {jobs}}}')
    with pytest.raises(ConfigError, match=r"sweep\.json is damaged.*remove it"):
        record.read(tmp_path)


def test_a_range_that_goes_nowhere_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"^seed=range\(1,5,0\): "):
        name("seed=range(1,5,0)")


def test_jobs_are_called_by_the_shorter_names_of_settings() -> None:
    """As they are typed, and as reports have them."""
    words = ["seq_len=20", "clip=none,10", "init.gain=0.9,1", "optim.lr=1e-3,1e-2"]
    jobs = make_jobs(read_request(words, Composer()).jobs, Composer())
    assert [job.label for job in jobs[:2]] == [
        "clip=none init_scale=0.9 optim.lr=0.001",
        "clip=none init_scale=0.9 optim.lr=0.01",
    ]
    assert {Composer().compose(job.label.split()).clip.max_norm for job in jobs} == {None, 10.0}


def test_the_command_of_the_report_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    task = SweepTask([], Composer())
    for words, where in (
        (["runs_dir='my runs'"], "'my runs' "),
        (["runs_dir=-r"], "./-r "),
        ([], ""),
    ):
        task.jobs = make_jobs([[*words, "sweep.name=mine"]], Composer())
        task.conclude()
        said = f"\nnext: irnn-report {where}--sweep mine --out report\n"
        assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["clip=interval(1,2)"], "clip=interval(1,2): an interval is for a search"),
        (
            ["sweep=paper_grid", "clip=-1"],
            "clip=-1: must be a number above 0 (largest norm of the whole gradient; null: no clipping)",
        ),
        (["clip=1,inf"], "clip=inf: must be a number above 0"),
    ],
)
def test_a_sweep_s_refusal_names_a_number_as_it_was_typed(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_request(words, Composer())
    assert str(refusal.value).startswith(said)
    assert "clip.max_norm" not in str(refusal.value)


@pytest.mark.parametrize(
    "words",
    [
        ["task.marks=null", "hydra/sweeper=optuna"],
        ["task.symbols=3", "divergence.policy=${over:1,2}", "seq_len=20,30"],
        ["task.root=true", "batch_size=8", "init.gain=0.5,1"],
    ],
)
def test_a_sweeps_refusal_names_what_was_typed_and_nothing_innocent(words: list[str]) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_request(words, Composer())
    assert str(refusal.value).startswith(f"{words[0]}: task=adding ")
