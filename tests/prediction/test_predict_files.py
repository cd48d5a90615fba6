"""Files of sequences are answered for every task, as it describes them, or refused by row and column."""

import csv
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from irnn.predict import main
from irnn.prediction.trained import load_run
from irnn.runs.directory import RunDirectory
from irnn.seeding import stream_key
from irnn.spec.composition import compose_config
from irnn.tasks.base import Task
from irnn.training.session import run
from tests.conftest import SMALL
from tests.forgetting import registrations_forgotten
from tests.tasks.idx_files import SIDE, write_files

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each task whose answers are classes, read only; the images of pixels are gone."""
    place = tmp_path_factory.mktemp("runs")
    folders = {}
    for task in ("temporal_order", "copy_memory"):
        config = compose_config(
            [*SMALL, f"task={task}", "budget.updates=5", f"runs_dir={place}/runs"]
        )
        run(config)
        folders[task] = RunDirectory.of(config).path
    images = write_files(place / "images")
    words = ["task=pixels", *SMALL, f"task.seq_len={SIDE * SIDE}", "task.test_size=40"]
    words += [f"task.root={images}", "task.permutation=3", "budget.updates=5"]
    config = compose_config([*words, f"runs_dir={place}/runs"])
    run(config)
    task = config.task
    held_out = task.draw(stream_key(0, "test"), torch.arange(40))
    inputs, _ = task.encode(held_out, torch.float32)
    np.save(place / "inputs.npy", inputs.numpy())
    shutil.copy(images / "t10k-images-idx3-ubyte", place / "images.idx")
    shutil.rmtree(images)
    folders["pixels"] = RunDirectory.of(config).path
    return folders


@pytest.fixture
def ask(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.chdir(tmp_path)

    def run_it(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        return main([*map(str, words)]), *capsys.readouterr()

    return run_it


def drawn(folder: Path, count: int) -> tuple[Any, Any, torch.Tensor, torch.Tensor]:
    """The run's task and network, and inputs (T, N, F) with what the network gives for them."""
    config, model = load_run(folder)
    task = config.task
    inputs, _ = task.encode(
        task.draw(stream_key(0, "predict"), torch.arange(count)), model.readout.weight.dtype
    )
    with torch.no_grad():
        return task, model, inputs, model(inputs)


def table(task: Task, inputs: torch.Tensor) -> str:
    names = task.input_file.features
    lines = [
        f"s{n},{step},{names[int(inputs[step, n].argmax())]}\n"
        for n in range(inputs.shape[1])
        for step in range(inputs.shape[0])
    ]
    return "sequence,step,symbol\n" + "".join(lines)


def answers(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_orders_of_a_file_are_answered_as_by_the_network(
    runs: dict[str, Path], ask: Ask, tmp_path: Path
) -> None:
    """From names of symbols and from an array of zeros and ones, to the same bytes but for the names."""
    task, _, inputs, given = drawn(runs["temporal_order"], 3)
    (tmp_path / "x.csv").write_text(table(task, inputs))
    np.save(tmp_path / "x.npy", inputs.transpose(0, 1).numpy())
    for name in ("x.csv", "x.npy"):
        status, shown, errors = ask(
            runs["temporal_order"], "--input", name, "--output", f"{name}.out.csv"
        )
        assert (status, errors) == (0, "")
        assert "probability" in shown
    rows = answers(tmp_path / "x.csv.out.csv")
    assert [row["predicted"] for row in rows] == [
        task.spell([each]) for each in given.argmax(1).tolist()
    ]
    assert [row["sequence"] for row in rows] == ["s0", "s1", "s2"]
    assert [float(row["probability"]) for row in rows] == pytest.approx(
        given.double().softmax(1).max(1).values.tolist(), rel=1e-5
    )
    others = answers(tmp_path / "x.npy.out.csv")
    assert [{**row, "sequence": ""} for row in rows] == [{**row, "sequence": ""} for row in others]


def test_answers_at_every_step_are_written_and_the_last_are_shown(
    runs: dict[str, Path], ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, _, inputs, given = drawn(runs["copy_memory"], 2)
    (tmp_path / "x.csv").write_text(table(task, inputs))
    monkeypatch.setattr("irnn.prediction.forward.STATES", 1)  # one sequence at a time
    status, shown, _ = ask(runs["copy_memory"], "--input", "x.csv", "--output", "y.csv")
    assert status == 0
    rows, classes = answers(tmp_path / "y.csv"), given.argmax(2).T.tolist()
    assert [row["predicted"] for row in rows] == [task.spell([c]) for each in classes for c in each]
    assert [int(row["step"]) for row in rows] == [*range(task.steps)] * 2
    for number, each in enumerate(classes):
        assert re.search(rf"s{number} +{task.steps} +{re.escape(task.spell(each[-10:]))}\n", shown)


def test_lengths_of_a_file_may_differ_and_longer_ones_are_told(
    runs: dict[str, Path], ask: Ask, tmp_path: Path
) -> None:
    rows = [*("a,c\n" for _ in range(24)), "b,A\n", "b,B\n", "c,B\n", "c,A\n"]
    (tmp_path / "x.csv").write_text("sequence,symbol\n" + "".join(rows))
    _, shown, _ = ask(runs["temporal_order"], "--input", "x.csv")
    assert re.findall(r"^ +([abc]) +(\d+) ", shown, re.MULTILINE) == [
        ("a", "24"),
        ("b", "2"),
        ("c", "2"),
    ]
    assert "1 of them are longer than the 12 steps of training, up to 24 or 2 times" in shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sequence,symbol\na,c\na,Z\n", "x.csv, row 3, column symbol: 'Z' is none of A B c d e f"),
        ("sequence,symbol\na,a\n", "row 2, column symbol: 'a' is none of A B c d e f"),
        ("sequence,symbol\n", "holds no sequence"),
        ("", "no column sequence, symbol; the header must name sequence, symbol, and is empty"),
        ("sequence,value,mask\na,1,1\n", "no column symbol; the header must name sequence, symbol"),
        ("sequence,symbol\na,c,d\n", "row 2: not 2 columns as in the header"),
    ],
)
def test_a_wrong_file_of_symbols_is_refused_and_nothing_is_written(
    runs: dict[str, Path], ask: Ask, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "x.csv").write_text(content)
    status, shown, errors = ask(runs["temporal_order"], "--input", "x.csv", "--output", "y.csv")
    assert (status, shown) == (2, "")
    assert message in errors
    assert not (tmp_path / "y.csv").exists()


def test_images_of_a_file_are_grey_values_row_by_row_whatever_the_order_of_reading(
    runs: dict[str, Path], ask: Ask, tmp_path: Path
) -> None:
    """The bytes of an image file, permuted and scaled by the task; the run's own images are not needed."""
    folder, place = runs["pixels"], runs["pixels"].parent.parent
    grey = np.frombuffer((place / "images.idx").read_bytes()[16:], np.uint8).reshape(40, -1)
    np.save(tmp_path / "x.npy", grey)
    lines = [f"{n},{value}\n" for n, image in enumerate(grey) for value in image]
    (tmp_path / "x.csv").write_text("sequence,pixel\n" + "".join(lines))
    config, model = load_run(folder)
    inputs = torch.from_numpy(np.load(place / "inputs.npy"))
    read = config.task.from_file([torch.tensor(image)[:, None].double() for image in grey])
    assert torch.equal(torch.stack(read, dim=1).float(), inputs)
    with torch.no_grad():
        given = model(inputs)
    for name in ("x.npy", "x.csv"):
        assert ask(folder, "--input", name, "--output", f"{name}.out.csv")[::2] == (0, "")
        rows = answers(tmp_path / f"{name}.out.csv")
        assert [int(row["predicted"]) for row in rows] == given.argmax(1).tolist()
        assert [float(row["probability"]) for row in rows] == pytest.approx(
            given.double().softmax(1).max(1).values.tolist(), rel=1e-5
        )


def test_scaled_pixels_are_refused_with_the_remedy(
    runs: dict[str, Path], ask: Ask, tmp_path: Path
) -> None:
    """They would be answered as images that are all but black."""
    np.save(tmp_path / "x.npy", np.full((2, SIDE * SIDE), 0.9))
    status, _, errors = ask(runs["pixels"], "--input", "x.npy")
    assert status == 2
    assert "x.npy: no pixel is above 0.9; grey values go from 0 to 255: multiply scaled" in errors


STATIONS = """
from irnn.extend import InputFile, Regression, Task, squared_error, task, uniforms


@task("stations")
class Stations(Task):
    input_size = 2
    input_file = InputFile(("Wind", "Rain"), bounds=(0, 100), meaning="per cent")
    metric = squared_error(1 / 12, "answering 0.5", ("0.05",))
    head = Regression()

    def draw(self, key, positions):
        return (uniforms(key, positions, self.steps * 2),)

    def encode(self, drawn, dtype):
        inputs = drawn[0].view(len(drawn[0]), self.steps, 2).transpose(0, 1).to(dtype)
        return inputs, inputs[0, :, 0]

    def from_file(self, sequences):
        return [each / 100 for each in sequences]
"""


def test_a_plug_ins_regression_reads_files_as_it_says(ask: Ask, tmp_path: Path) -> None:
    """Trained, then asked by the command: percentages of a file are what the network reads as shares."""
    (tmp_path / "stations.py").write_text(STATIONS)
    with registrations_forgotten():
        config = compose_config(
            ["plugins=stations.py", "task=stations", *SMALL, "budget.updates=5", "runs_dir=runs"]
        )
        run(config)
        folder = RunDirectory.of(config).path
        _, model = load_run(folder)
        steps = [[[10, 20], [30, 40], [5.5, 60]], [[100, 0], [0, 7], [1, 2]]]
        with torch.no_grad():
            given = model(torch.tensor(steps, dtype=torch.float32).transpose(0, 1) / 100).tolist()
    rows = [f"s{n},{step[1]},{step[0]}\n" for n, each in enumerate(steps) for step in each]
    (tmp_path / "x.csv").write_text("sequence,rain,wind\n" + "".join(rows))
    np.save(tmp_path / "x.npy", np.array(steps))
    asked = [folder, "--plugins", "stations.py", "--input"]
    for name in ("x.csv", "x.npy"):
        with registrations_forgotten():
            status, shown, errors = ask(*asked, name, "--output", f"{name}.out.csv")
        assert (status, errors) == (0, "")
        found = answers(tmp_path / f"{name}.out.csv")
        assert [float(row["predicted"]) for row in found] == pytest.approx(given, rel=1e-5)
        assert {row["steps"] for row in found} == {"3"}
        assert f"{given[0]:.4f}" in shown
    (tmp_path / "x.csv").write_text("sequence,rain,wind\ns,1,101\n")
    with registrations_forgotten():
        status, shown, errors = ask(*asked, "x.csv")
    assert (status, shown) == (2, "")
    assert "x.csv, row 2, column Wind: 101 is not between 0 and 100" in errors


def test_sequences_with_fewer_steps_than_are_answered_are_refused(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(STATIONS.replace("Regression()", "Regression(3)").replace(
        "return inputs, inputs[0, :, 0]", "return inputs, inputs[:3, :, 0].T"))  # fmt: skip
    with registrations_forgotten():
        words = ["plugins=echo.py", "task=stations", *SMALL, "budget.updates=5", "runs_dir=runs"]
        config = compose_config(words)
        run(config)
    folder = RunDirectory.of(config).path
    (tmp_path / "x.csv").write_text("sequence,rain,wind\n" + "a,1,2\n" * 3 + "b,1,2\n" * 2)
    with registrations_forgotten():
        status, _, errors = ask(folder, "--plugins", "echo.py", "--input", "x.csv")
    assert status == 2
    assert "sequence b has 2 steps; it needs 3 at least, which are answered" in errors
