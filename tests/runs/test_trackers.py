import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.runs.directory import RunDirectory
from irnn.runs.identity import group_name, run_id
from irnn.runs.metrics import MetricsFile, read_records
from irnn.runs.trackers import tracked, wandb_settings
from irnn.spec.composition import compose_config
from irnn.spec.config import Config, ConfigError

Small = Callable[..., Config]

RECORDING = """
import json, pathlib
class Run:
    def __init__(self, settings):
        self.out = pathlib.Path(settings["dir"], "fake.jsonl").open("a")
        self.summary = {}
        self.put({"init": settings})
    def put(self, what):
        self.out.write(json.dumps(what) + "\\n"); self.out.flush()
    def log(self, record, step):
        self.put({"step": step, "record": record})
    def __enter__(self): return self
    def __exit__(self, *_): self.put({"finished": True})
def init(**settings): return Run(settings)
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a module of our own in wandb's place, for the process that mirrors."""

    def install(source: str) -> None:
        place = tmp_path / "fake"
        place.mkdir(exist_ok=True)
        (place / "wandb.py").write_text(source)
        monkeypatch.setattr(sys, "path", [str(place), *sys.path])

    return install


def session(config: Config, *steps: int) -> tuple[list[str], float]:
    """Write some records while a tracker looks on; give its warnings and how long closing took."""
    directory = RunDirectory.of(config)
    warnings: list[str] = []
    with directory.locked():
        start = {"started": "", "pid": 0, "hostname": "", "command": ""}
        directory.describe(config, start)
        with tracked(config, run_id(config), directory, warnings.append):
            for step in steps:
                MetricsFile(directory.metrics).append({"step": step, "test_mse": 1.0})
            ended = time.monotonic()
    return warnings, time.monotonic() - ended


def seen(config: Config) -> list[dict[str, object]]:
    path = RunDirectory.of(config).path / "fake.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_tracker_gets_every_record_once_over_several_sessions(
    small: Small, fake: Callable[[str], None]
) -> None:
    fake(RECORDING)
    config = small("tracker=wandb")
    assert session(config, 0, 10)[0] == []
    assert session(config, 20)[0] == []
    log = seen(config)
    assert [entry["step"] for entry in log if "step" in entry] == [0, 10, 20]
    starts = [entry["init"] for entry in log if "init" in entry]
    assert len({start["id"] for start in starts}) == 1  # type: ignore[index]
    assert starts[0]["resume"] == "allow"  # type: ignore[index]
    records = read_records(RunDirectory.of(config).metrics)
    assert [entry["record"] for entry in log if "record" in entry] == records


def test_a_tracker_that_cannot_be_started_is_a_warning(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    warnings, _ = session(small("tracker=wandb"), 0)
    assert "could not be started" in warnings[0]


@pytest.mark.parametrize(
    "source",
    [
        "raise ImportError('no wandb')",
        "def init(**_): raise RuntimeError('unreachable')",
        "import os\ndef init(**_): os.abort()",
    ],
)
def test_a_tracker_that_fails_is_a_warning(
    small: Small, fake: Callable[[str], None], source: str
) -> None:
    fake(source)
    config = small("tracker=wandb")
    warnings, _ = session(config, 0, 10)
    assert len(warnings) == 1
    assert "metrics.jsonl has everything" in warnings[0]
    assert len(read_records(RunDirectory.of(config).metrics)) == 2
    fake(RECORDING)
    session(config, 20)
    assert [entry["step"] for entry in seen(config) if "step" in entry] == [0, 10, 20]


def test_a_log_of_the_tracker_that_cannot_be_written_is_a_warning(small: Small) -> None:
    config = small("tracker=wandb")
    (RunDirectory.of(config).path / "wandb.log").mkdir(parents=True)
    warnings, _ = session(config, 0)
    assert "could not be started" in warnings[0]


def test_a_tracker_that_hangs_is_left_after_its_time(
    small: Small, fake: Callable[[str], None]
) -> None:
    fake("import time\ndef init(**_): time.sleep(600)")
    warnings, closing = session(small("tracker=wandb", "tracker.timeout=0.5"), 0)
    assert "did not finish within 0.5 s" in warnings[0]
    assert closing < 10


def test_seeds_share_a_group_and_no_run_shares_an_id(small: Small) -> None:
    settings = []
    for seed in (0, 1):
        config = small("tracker=wandb", f"seed={seed}")
        directory = RunDirectory.of(config)
        with directory.locked():
            start = {"started": "", "pid": 0, "hostname": "", "command": ""}
            directory.describe(config, start)
        settings.append(wandb_settings(config, run_id(config), directory))
    assert settings[0]["group"] == settings[1]["group"] == group_name(small())
    assert settings[0]["id"] != settings[1]["id"]
    assert settings[0]["config"]["seed"] == 0


def settings_of(config: Config) -> dict[str, object]:
    directory = RunDirectory.of(config)
    with directory.locked():
        directory.describe(config, {"started": "", "pid": 0, "hostname": "", "command": ""})
    return wandb_settings(config, run_id(config), directory)


def test_what_wandb_shows_is_set_without_making_another_run(small: Small) -> None:
    shown = ["tracker.name=n", "tracker.tags=[a,1e5]", "tracker.notes='b c'", "tracker.job_type=d"]
    plain, config = small("tracker=wandb"), small("tracker=wandb", *shown)
    assert run_id(config) == run_id(plain)
    settings = settings_of(config)
    assert [settings[key] for key in ("name", "tags", "notes", "job_type")] == [
        "n",
        ["a", "1e5"],
        "b c",
        "d",
    ]
    assert not {"tags", "notes", "job_type"} & {*settings_of(plain)}
    assert settings_of(plain)["name"] == run_id(plain)


def test_wandbs_variables_count_unless_a_setting_is_given(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"PROJECT": "p", "NAME": "n", "RUN_GROUP": "1_0", "ENTITY": "e", "MODE": "online"}
    for name, value in names.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    settings = settings_of(small("tracker=wandb"))
    found = [settings[key] for key in ("project", "name", "group", "entity", "mode")]
    assert found == ["p", "n", "1_0", "e", "online"]
    given = small("tracker=wandb", "tracker.project=q", "tracker.mode=offline")
    assert (given.tracker.project, given.tracker.mode.value) == ("q", "offline")
    with pytest.raises(ConfigError, match=r"tracker=none is tracker\.mode=disabled"):
        small("tracker=wandb", "tracker=none", "tracker.mode=offline")  # the last one counts
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert small("tracker=wandb").tracker.mode.value == "disabled"
    monkeypatch.setenv("WANDB_MODE", "sideways")
    with pytest.raises(ConfigError, match=r"WANDB_MODE=sideways: .*tracker\.mode"):
        small("tracker=wandb")


def test_wandb_is_told_the_command_that_was_typed(
    small: Small, fake: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeing = (
        "import sys, os; self.put({'argv': sys.argv[1:], 'program': os.environ['WANDB_PROGRAM']})"
    )
    fake(RECORDING.replace('self.put({"init": settings})', seeing))
    monkeypatch.setattr("sys.argv", ["/bin/irnn-train", "-m", "seed=1,2"])
    config = small("tracker=wandb")
    session(config, 0)
    (start,) = [entry for entry in seen(config) if "argv" in entry]
    assert start["argv"] == ["-m", "seed=1,2"]
    assert start["program"] == "irnn-train"


def test_a_run_that_starts_over_is_a_new_wandb_run(small: Small) -> None:
    config = small("tracker=wandb")
    directory = RunDirectory.of(config)
    ids = set()
    with directory.locked():
        for _ in range(2):
            directory.clear()
            start = {"started": "", "pid": 0, "hostname": "", "command": ""}
            directory.describe(config, start)
            ids.add(wandb_settings(config, run_id(config), directory)["id"])
    assert len(ids) == 2


def test_offline_is_the_default_mode() -> None:
    assert compose_config([]).tracker.mode.value == "offline"
