"""What docs/reproduction.md, docs/suite.md and the README say can be recomputed from the records."""

import json
import re
import shlex
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from irnn.runs.identity import NOT_SCIENCE, run_id
from irnn.spec.command import read_command
from irnn.spec.composition import Composer
from irnn.spec.rewriting import rewritten
from irnn.spec.typed import config_of
from irnn.sweeps.grid import axes, combinations
from tests.forgetting import registrations_forgotten
from tests.record_scripts import RECORDS, script
from tests.tasks.idx_files import write_pair

ROOT = Path(__file__).parents[1]


COMPOSER = Composer()
pages, claims = script("pages"), script("claims")
claim_tables = script("claim_tables")
RUNS: dict[str, list[dict[str, Any]]] = {
    name: claim.runs() for name, claim in claims.CLAIMS.items() if claim.runs()
}


@pytest.fixture(scope="module", autouse=True)
def plug_in() -> Iterator[None]:
    """What one claim's runs were made with."""
    with registrations_forgotten():
        read_command([f"plugins={RECORDS / 'turns'}"])
        yield


def page_of(name: str) -> str:
    """The page that a claim stands on."""
    return (ROOT / "docs" / f"{claims.CLAIMS[name].page}.md").read_text()


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_every_table_is_what_the_records_say(page: Path) -> None:
    text = page.read_text()
    assert "<!-- end -->" in text
    assert pages.filled(text, pages.blocks()) == text


@pytest.mark.parametrize("name", RUNS)
def test_every_record_is_on_its_page(name: str) -> None:
    assert f"<!-- {name} -->\n" in page_of(name)


@pytest.mark.parametrize("name", RUNS)
def test_a_records_page_is_made_of_it(name: str) -> None:
    claim = claims.CLAIMS[name]
    page = (RECORDS / claim.record / "README.md").read_text()
    assert page == pages.record_page(name, claim)


@pytest.mark.parametrize("name", RUNS)
def test_the_recorded_runs_have_the_ids_of_their_configurations(name: str) -> None:
    for run in RUNS[name]:
        assert run_id(config_of(run["config"])) == run["run_id"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many images as a record of them was made with, of the same size; what they show is other."""
    root: Path = tmp_path_factory.mktemp("images")
    write_pair(root, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 10_000, rows=196)
    return root


def composed_id(words: list[str], like: dict[str, Any], images: Path) -> str:
    """The id of a composed run; of images that a record was made with, only the digest is kept."""
    words = [word for word in words if not word.startswith("plugins=")]
    digest = like["config"]["task"].get("digest")
    if digest is None:
        return str(run_id(COMPOSER.compose(words)))
    config = COMPOSER.compose([*words, f"task.root={images}"])
    return str(run_id(replace(config, task=replace(config.task, digest=digest))))


def without_seed(run: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = run["config"]
    return {key: value for key, value in config.items() if key not in (*NOT_SCIENCE, "seed")}


@pytest.mark.parametrize("name", RUNS)
def test_the_commands_of_today_make_the_recorded_runs(name: str, images: Path) -> None:
    """One seed of each group is composed; its other seeds must have been the same but for the seed."""
    for group in claims.groups(RUNS[name], claims.CLAIMS[name].keys).values():
        words = group[0]["command"].removeprefix("python -m irnn.train ").split()
        assert composed_id(words, group[0], images) == group[0]["run_id"], words
        for run in group:
            assert without_seed(run) == without_seed(group[0])


@pytest.mark.parametrize("name", RUNS)
def test_a_run_says_what_its_curve_shows(name: str) -> None:
    """The tables count what `result.json` said; this counts the curve itself."""
    for run in RUNS[name]:
        scored, goal = claims.scoring(run), claims.goal(run)
        finite = {step for step, loss in run.get("loss_curve", run["curve"]) if loss is not None}
        scores = [(step, score) for step, score in run["curve"] if score is not None]
        known = [(step, score) for step, score in scores if step in finite]
        for threshold, said in run["solved_at"].items():
            past = [step for step, score in known if scored.is_past(score, float(threshold))]
            assert (past[0] if past else None) == said, (run["run_id"], threshold)
        if run["status"] == "solved":
            assert not scored.is_past(goal, run["curve"][-1][1])


@pytest.mark.parametrize("name", RUNS)
def test_no_seed_is_left_out(name: str) -> None:
    claim = claims.CLAIMS[name]
    for values, group in claims.groups(RUNS[name], claim.keys).items():
        seeds = sorted(run["seed"] for run in group)
        if values[-1] in ("rollback", "restart"):  # only what exploded
            stopped = [run for run in RUNS[name] if claims.setting(run, claims.POLICY) == "stop"]
            same = [run for run in stopped if run["seq_len"] == values[0]]
            exploded = sorted(run["seed"] for run in same if run["status"] == "diverged")
            assert seeds == exploded, values
        else:
            assert seeds == list(range(len(seeds))), values


def test_a_run_that_never_exploded_counts_under_every_policy_and_no_other_does() -> None:
    claim = claims.CLAIMS["paper-sgd"]
    keys = ("task.seq_len", claims.POLICY)
    pooled = claims.groups(claim.pooled(), keys)
    for (length, policy), runs in claims.groups(claim.runs(), keys).items():
        if policy == "stop":
            for other in ("rollback", "restart"):
                again = pooled.get((length, other), [])
                seeds = [run["seed"] for run in again]
                assert len(set(seeds)) == len(seeds)
                same = [run["run_id"] for run in again if "as_stop" in run]
                assert same == [run["run_id"] for run in runs if not run["divergences"]]


def test_a_median_counts_those_that_never_crossed_as_latest() -> None:
    def run(at: int | None) -> dict[str, Any]:
        return {"solved_at": {"0.01": at}}

    assert claim_tables.median_of([run(5), run(7), run(None)], "solved_at", "0.01") == "7"
    assert claim_tables.median_of([run(5), run(None), run(None)], "solved_at", "0.01") == "never"


def test_a_table_that_no_record_fills_is_an_error() -> None:
    with pytest.raises(KeyError):
        pages.filled("<!-- nobody -->\n<!-- end -->", {})


def test_the_readmes_figures_for_the_default_follow_from_its_curves() -> None:
    """One row, from the curves alone and by other means than the tables are made."""
    runs = [
        run
        for run in RUNS["default"]
        if run["seq_len"] == 150 and run["config"]["optim"]["lr"] == 0.001
    ]
    first = [next((s for s, mse in run["curve"] if mse <= 0.001), None) for run in runs]
    solved = [step for step in first if step is not None]
    (row,) = [
        line
        for line in (ROOT / "docs" / "reproduction.md").read_text().splitlines()
        if line.startswith("| 150 | 0.001 |")
    ]
    assert f"| {len(solved)} of {len(runs)} |" in row
    assert len(solved) == len(runs)
    assert re.search(rf"\| {statistics.median(solved):,.0f} \(\d+ s\) \| {max(solved):,} \|", row)


@pytest.mark.parametrize(("page", "least"), [("reproduction", 9), ("suite", 5)])
def test_every_claim_names_a_command_whose_files_exist(page: str, least: int) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    named = set(re.findall(r"sweep=(\w+)", text))
    assert len(named) >= least
    for sweep in named:
        assert (ROOT / "conf" / "sweep" / f"{sweep}.yaml").is_file(), sweep
    for path in re.findall(r"`(conf/[\w/]+\.yaml)`", text):
        assert (ROOT / path).is_file(), path
    for name in re.findall(r"\]\((images/[\w.]+)\)", text):
        assert (ROOT / "docs" / name).is_file(), name


def sweep_axes(name: str) -> dict[str, str]:
    """What a sweep's file varies, with what it takes from the file it builds on."""
    content = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "sweep" / f"{name}.yaml"))
    found: dict[str, str] = {}
    for base in content["defaults"]:
        if isinstance(base, str) and base != "_self_":
            found.update(sweep_axes(base))
    return {**found, **content["hydra"]["sweeper"]["params"]}


def asked_runs(command: str, like: dict[str, Any], images: Path) -> set[str]:
    """The ids of the runs that a command for a sweep asks for."""
    elsewhere = ("task.root=", "plugins=")
    words = [word for word in shlex.split(command)[4:] if not word.startswith(elsewhere)]
    sweep, others = words[0].removeprefix("sweep="), words[1:]
    given = {word.split("=")[0] for word in others}
    params = [f"{key}={value}" for key, value in sweep_axes(sweep).items() if key not in given]
    parsed = OverridesParser.create().parse_overrides(rewritten([*params, *others]))
    jobs = combinations(axes(parsed))
    return {composed_id([words[0], *job], like, images) for job in jobs}


@pytest.mark.parametrize("name", RUNS)
def test_the_commands_on_the_page_ask_for_exactly_the_recorded_runs(
    name: str, images: Path
) -> None:
    page = page_of(name)
    above = page[: page.index(f"<!-- {name} -->")]
    since = max(above.rindex("<!-- end -->") if "<!-- end -->" in above else 0, above.rindex("## "))
    commands = re.findall(r"^    (python -m irnn\.train -m sweep=.*)$", above[since:], re.MULTILINE)
    like = RUNS[name][0]
    asked = set().union(*(asked_runs(command, like, images) for command in commands))
    recorded = {run["run_id"] for run in RUNS[name]}
    assert recorded == asked


def test_the_records_are_small() -> None:
    for folder in RECORDS.iterdir():
        if folder.is_dir():
            size = sum(path.stat().st_size for path in folder.iterdir())
            assert size < 3_000_000, folder


def refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def test_records_are_strict_json() -> None:
    for path in RECORDS.glob("*/results.jsonl"):
        for line in path.read_text().splitlines():
            json.loads(line, parse_constant=refuse)


def test_what_is_said_of_one_rate_for_all_weights_is_recorded() -> None:
    again = script("tables").read(RECORDS / "2026-11-24-default-again" / "results.jsonl")
    rate = script("tables").read(RECORDS / "2026-11-24-default-rate" / "results.jsonl")
    of_200 = [run for run in rate if claims.setting(run, "optim.recurrent_lr_scale") == 1]
    assert [len(again), len(of_200)] == [10, 10]
    solved = [sum(run["status"] == "solved" for run in runs) for runs in (again, of_200)]
    page = " ".join((ROOT / "docs" / "reproduction.md").read_text().split())
    decision = " ".join((ROOT / "docs" / "decisions" / "0011-default-rate.md").read_text().split())
    said = f"{solved[0]} of 10 seeds solve T = 150 too, and {solved[1]} of 10 T = 200, in medians"
    assert said in page
    medians = [statistics.median(run["steps"] for run in runs) for runs in (again, of_200)]
    assert "in medians of {:,.0f} and {:,.0f} updates".format(*medians) in page
    said = f"10 of 10 at T = 150, in a median of {medians[0]:,.0f} updates"
    assert said in decision
    assert f"10 of 10 at T = 200, in {medians[1]:,.0f} (" in decision
    tenth = claims.groups(RUNS["default"], ("task.seq_len", "optim.lr"))
    known = [statistics.median(run["steps"] for run in tenth[n, 1e-3]) for n in (150, 200)]
    assert "the tenth needs {:,.0f} and {:,.0f}".format(*known) in decision


def test_the_table_of_the_decision_on_the_rate_follows_from_its_record() -> None:
    text = (ROOT / "docs" / "decisions" / "0011-default-rate.md").read_text()
    runs = script("tables").read(RECORDS / "2026-11-24-default-rate" / "results.jsonl")
    tuned = [run for run in runs if run["seed"] >= 100]
    keys = ("task.seq_len", "optim.recurrent_lr_scale", "optim.lr")
    groups = claims.groups(tuned, keys)
    rows = [
        line.strip("| ").split(" | ")
        for line in text.splitlines()
        if line[:3] in ("| 1", "| 2", "| 3", "| 4")
    ]
    assert len(rows) == len(groups)
    for length, scale, lr, seeds, solved, diverged in rows:
        group = groups[int(length), float(scale), float(lr)]
        low, high = map(int, seeds.split("-"))
        assert sorted(run["seed"] for run in group) == list(range(low, high + 1))
        assert solved == f"{sum(run['status'] == 'solved' for run in group)} of {len(group)}"
        assert int(diverged) == sum(run["status"] == "diverged" for run in group)


def test_every_record_has_a_page_and_is_in_the_list() -> None:
    listed = re.findall(r"\[(20[\w-]+)\]\(\1/README\.md\)", (RECORDS / "README.md").read_text())
    folders = {path.name for path in RECORDS.iterdir() if (path / "README.md").is_file()}
    assert folders == {path.name for path in RECORDS.iterdir() if path.name.startswith("20")}
    assert folders == set(listed)
