"""However long or strange a word is, its refusal is short and any screen can show it; a path is a path."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from irnn.spec.composition import compose_config
from irnn.spec.config import ConfigError
from irnn.system.quoting import short
from tests.conftest import SMALL

LONG = "x" * 6000
NOBODY = "~nosuchuser"
PIXELS = ("train", "task=pixels", "task.seq_len=784")


def said(capsys: pytest.CaptureFixture[str], command: str, *words: str) -> str:
    """Give what a command refuses some words with."""
    assert importlib.import_module(f"irnn.{command}").main([*words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IRNN_RUNS", raising=False)


@pytest.mark.parametrize(
    "words",
    [
        ("train", LONG),
        ("train", f"{LONG}=1"),
        ("train", f"seed={LONG}"),
        ("train", f"seed={'1' * 6000}"),
        ("train", f"optim={LONG}"),
        ("train", f"runs_dir={LONG}"),
        ("train", f"tracker.project={LONG}"),
        ("train", f"tracker.tags=[{LONG}]"),
        ("train", "stop.min_updates=9", f"stop.test_loss={'1' * 6000}"),
        ("train", f"plugins={LONG}"),
        ("train", f"plugins=[{LONG},]"),
        ("train", f"hydra.searchpath=[{LONG}]"),
        ("train", f"--{LONG}"),
        ("train", "--cfg", LONG),
        ("train", "--config-dir", LONG),
        ("train", "--config-name", LONG),
        ("train", "-m", "seed=0,1", f"sweep.name={LONG}"),
        ("train", "-m", f"seed={'1,' * 3000}a b"),
        ("train", "-m", "seed=0", f"hydra.launcher.submitit_folder={LONG}"),
        (*PIXELS, f"task.root={LONG}"),
        ("predict", LONG),
        ("predict", "--seed", LONG),
        ("report", LONG),
        ("report", f"@{LONG}"),
        ("report", "--sweep", LONG),
        ("report", "--threshold", LONG),
        ("report", "--watch", LONG),
        ("report", f"--{LONG}"),
        ("report", "a " * 3000),
    ],
    ids=lambda words: " ".join(word[:24] for word in words),
)
def test_a_refusal_of_six_thousand_letters_is_short(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert 20 < len(said(capsys, *words)) < 2500


@pytest.mark.parametrize("value", ["\x1b[31m", "a\u202eb", "\u200b1"])
def test_a_refusal_moves_no_cursor(capsys: pytest.CaptureFixture[str], value: str) -> None:
    for words in (("train", f"sweep={value}"), ("predict", value), ("report", value)):
        told = said(capsys, *words)
        assert all(line.isprintable() for line in told.splitlines()), told


def test_what_python_raises_is_short_too() -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config([f"runs_dir=x{LONG}", "optim.lr=-1", f"task.data={LONG}"])
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", ["", "a b", "two\nlines", "a path of /" + "d/" * 110, "ü 数"])
def test_what_is_short_already_stays_as_it_is(text: str) -> None:
    assert short(text) == text


def test_of_what_is_long_both_ends_stay() -> None:
    word = short(f"sweep.name={LONG}: must be letters")
    assert word.startswith("sweep.name=xxx")
    assert word.endswith("xxx: must be letters")
    assert "(6,012 characters)" in word
    line = short("seed=" + "1, " * 3000 + "; a remedy")
    assert line.startswith("seed=1, ")
    assert line.endswith("; a remedy")
    assert len(line) < 2000
    assert short(word) == word
    assert short(line) == line


@pytest.mark.parametrize(
    "words",
    [
        ("train", f"runs_dir='{NOBODY}/r'"),
        ("train", f"plugins={NOBODY}/p"),
        ("train", "--config-dir", f"{NOBODY}/conf"),
        ("train", f"hydra.searchpath=['{NOBODY}/conf']"),
        (
            "train",
            "-m",
            "seed=0",
            "hydra/launcher=slurm",
            f"hydra.launcher.submitit_folder='{NOBODY}'",
        ),
        (*PIXELS, f"task.root='{NOBODY}/mnist'"),
        ("predict", NOBODY),
        ("predict", f"{NOBODY}/r"),
        ("predict", "r", "--input", f"{NOBODY}/x.csv"),
        ("predict", "r", "--output", f"{NOBODY}/x.csv"),
        ("report", f"{NOBODY}/r"),
        ("report", f"@{NOBODY}/r"),
        ("report", "--plugins", f"{NOBODY}/p"),
        ("report", "--out", f"{NOBODY}/r"),
    ],
    ids=" ".join,
)
def test_a_home_of_nobody_is_refused_and_nothing_is_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    told = said(capsys, *words)
    assert NOBODY in told
    assert "home" in told or "no such folder" in told
    assert not [*tmp_path.iterdir()]


def test_a_tilde_that_a_shell_leaves_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from irnn.prediction.command import parse
    from irnn.reporting.arguments import parser
    from irnn.spec.command import read_command

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "conf").mkdir()
    assert read_command(["--config-dir=~/conf"]).groups.folders == (f"file://{tmp_path}/conf",)
    assert parser().parse_args(["--out=~/r"]).out == tmp_path / "r"
    asked = parse(["r", "--input=~/x.csv", "--output=~/y.csv"])
    assert (asked.input, asked.output) == (tmp_path / "x.csv", tmp_path / "y.csv")


@pytest.mark.parametrize(
    "word", ["-model.name=irnn", "-init.gain=3", "-runtime.threads=1", "-clip=5"]
)
def test_a_setting_with_one_dash_is_no_flag_of_its_first_letter(
    capsys: pytest.CaptureFixture[str], word: str
) -> None:
    told = said(capsys, "train", *SMALL, word)
    assert told == f"irnn-train: {word}: no such flag; settings have no dashes: {word[1:]}\n"


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--lr", "0.01"], "settings have no dashes: optim.lr=0.01"),
        (["--lr=0.01"], "settings have no dashes: optim.lr=0.01"),
        (["--batch-size", "8"], "settings have no dashes: batch_size=8"),
        (["--optim", "adam"], "settings have no dashes: optim=adam"),
        (["--epochs", "seed=3"], "settings have no dashes: budget.epochs=VALUE"),
        (["--resume"], "see --help"),
    ],
)
def test_a_setting_typed_as_a_flag_is_answered_with_how_it_is_written(
    capsys: pytest.CaptureFixture[str], words: list[str], remedy: str
) -> None:
    told = said(capsys, "train", *words)
    assert told == f"irnn-train: {words[0]}: no such flag; {remedy}\n"


def test_an_empty_word_and_a_glob_are_refused_with_a_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert said(capsys, "train", "").startswith("irnn-train: '': cannot be read as key=value")
    for words in (["model=glob(*)"], ["-m", "model=glob(*)"], ["-m", "seed=glob(*)"]):
        key = words[-1].partition("=")[0]
        assert f"write the values out: {key}=A,B" in said(capsys, "train", *words)


@pytest.mark.parametrize(
    ("words", "varied"),
    [
        (["sweep=paper_lengths", "optim.eps=3"], "; sweep=paper_lengths varies experiment"),
        (["experiment=paper_t150,paper_t200", "optim.eps=3"], "has it"),
    ],
)
def test_what_a_sweep_s_file_brings_in_is_said_to_be_of_it(
    capsys: pytest.CaptureFixture[str], words: list[str], varied: str
) -> None:
    assert said(capsys, "train", "-m", *words).endswith(f"{varied}\n")


@pytest.mark.slow
@pytest.mark.parametrize("flags", ["-m {}", "-m{}", "-um {}", "-um{}", "-W ignore -m {}"])
def test_a_module_of_the_working_folder_is_not_imported_however_python_is_called(
    tmp_path: Path, flags: str
) -> None:
    for name in ("random", "json", "argparse"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('of the working folder')")
    words = flags.format("irnn.train").split()
    ended = subprocess.run(
        [sys.executable, *words, "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.stdout.startswith("irnn "), ended.stderr


def test_a_module_is_found_in_python_s_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import irnn

    leave: Callable[[], Any] = irnn._leave_out_working_folder
    for words in (["-m", "irnn.train"], ["-mirnn.train"], ["-um", "irnn.train"], ["-umirnn.train"]):
        monkeypatch.setattr(sys, "argv", ["-m", "seed=1", "-m"])
        monkeypatch.setattr(sys, "orig_argv", ["python", *words, "seed=1", "-m"])
        monkeypatch.setattr(sys, "path", [str(Path.cwd()), "elsewhere"])
        leave()
        assert sys.path == ["elsewhere"], words
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "mine.irnn.train", "seed=1", "-m"])
    monkeypatch.setattr(sys, "path", [str(Path.cwd()), "elsewhere"])
    leave()
    assert sys.path == [str(Path.cwd()), "elsewhere"]
