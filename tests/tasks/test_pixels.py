"""Images read pixel by pixel: files, permutations, sets, and what they have to do with a run's identity."""

import gzip
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from irnn.runs.identity import run_id
from irnn.seeding import stream_key
from irnn.spec.composition import compose_config
from irnn.spec.config import Config, ConfigError
from irnn.tasks import idx
from irnn.tasks.base import Task
from irnn.tasks.data import TaskData
from irnn.tasks.pixels import permutation
from tests.tasks.conftest import WORDS, Pixels
from tests.tasks.idx_files import write_files, write_pair

IMAGES = "train-images-idx3-ubyte"


def data_of(config: Config) -> TaskData:
    return TaskData(
        config.task,
        seed=0,
        batch_size=8,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def test_a_step_reads_one_pixel_in_0_to_1_and_the_class_is_asked_after_the_last(
    pixels: Pixels, root: Path
) -> None:
    inputs, targets = next(data_of(pixels()).held_out(40))
    content = (root / "t10k-images-idx3-ubyte").read_bytes()[16:]
    expected = torch.tensor(list(content), dtype=torch.float32).view(40, 16).T / 255
    assert torch.equal(inputs, expected[:, :, None])
    assert targets.tolist() == list((root / "t10k-labels-idx1-ubyte").read_bytes()[8:])
    assert torch.equal((inputs[0, :, 0] * 255).round().long() // 25, targets)


def test_a_permutation_is_one_for_all_images_and_both_sets_and_holds_for_ever(
    pixels: Pixels,
) -> None:
    order = list(permutation(3, 16))
    assert sorted(order) == list(range(16))
    assert order == [2, 15, 9, 3, 13, 8, 1, 14, 4, 11, 7, 12, 10, 6, 0, 5]
    plain, permuted = data_of(pixels()), data_of(pixels("task.permutation=3"))
    held_out = zip(plain.held_out(9), permuted.held_out(9), strict=True)
    for one, other in ((plain.batch(0), permuted.batch(0)), *held_out):
        assert torch.equal(one[0][order], other[0])
        assert torch.equal(one[1], other[1])


def test_every_epoch_walks_over_every_image_of_the_training_set_once(pixels: Pixels) -> None:
    data = data_of(pixels("task.train_size=96"))
    task, key = data.task, stream_key(0, "train")
    (first, *_) = task.draw(key, torch.arange(96))
    seen = torch.cat([data.batch(n)[0] for n in range(12)], dim=1)[:, :, 0].T
    assert sorted(seen.mul(255).round().tolist()) == sorted(first.tolist())


def test_validation_holds_out_the_last_images_of_the_training_files(
    tmp_path: Path, pixels: Pixels
) -> None:
    one = tmp_path / "one"
    write_pair(one, "images-idx3-ubyte.gz", "labels-idx1-ubyte.gz", 136)
    words = (f"task.root={one}", "task.held_out=validation")
    config = pixels(*words)
    rows = config.task.draw(stream_key(0, "test"), torch.arange(40))[2]
    assert rows.tolist() == list(range(96, 136))
    with pytest.raises(ConfigError, match=r"task\.train_size=97: .*136 images for it and"):
        pixels(*words, "task.train_size=97")
    with pytest.raises(ConfigError, match=r"t10k-images.* is missing.*held_out=validation"):
        pixels(f"task.root={one}")


def test_guessing_is_right_in_a_tenth_and_loses_ln_10(pixels: Pixels) -> None:
    task: Task = pixels().task
    targets = torch.arange(10_000) % 10
    loss, right, count = task.head.sums(torch.zeros(10_000, 10), targets).tolist()
    assert loss / count == pytest.approx(math.log(10)) == task.metric.loss_baseline
    assert right / count == pytest.approx(0.1) == task.metric.baseline


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_identity_is_of_what_files_hold_not_of_their_place_or_packing(
    pixels: Pixels, tmp_path: Path, ending: str
) -> None:
    elsewhere = write_files(tmp_path / "data" / "MNIST" / "raw", ending=ending)
    config = pixels(f"task.root={tmp_path}/data")
    assert run_id(config) == run_id(pixels())
    assert run_id(config).startswith("pixels-irnn-")
    label = elsewhere / f"train-labels-idx1-ubyte{ending}"
    unpacked = gzip.decompress(label.read_bytes()) if ending else label.read_bytes()
    changed = unpacked[:-1] + bytes([(unpacked[-1] + 1) % 10])
    label.write_bytes(gzip.compress(changed) if ending else changed)
    os.utime(label, ns=(1, 1))
    other = pixels(f"task.root={tmp_path}/data")
    assert other.task.digest != config.task.digest
    assert run_id(other) != run_id(config)
    with pytest.raises(ConfigError, match=f"task.digest={config.task.digest}: the files in"):
        pixels(f"task.root={tmp_path}/data", f"task.digest={config.task.digest}")


def test_many_runs_read_the_files_once(pixels: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    read, calls = idx._read, []
    monkeypatch.setattr(idx, "_read", lambda *given: (calls.append(given), read(*given))[1])
    for seed in range(5):
        pixels(f"seed={seed}")
    assert len(calls) <= 4


def cut(content: bytes) -> bytes:
    return content[:-1]


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut short": (cut, r"is damaged \(it says to hold 1,920 numbers, and holds 1,919\)"),
    "too long": (lambda content: content + b"a", "holds more"),
    "empty": (lambda content: b"", "begins with nothing"),
    "a page": (lambda content: b"<!DOCTYPE html>" * 9, "begins with 3c 21 44 4f"),
    "labels": (lambda content: b"\0\0\x08\x01\0\0\0\1a", "with 3 axes: it begins with"),
    "huge": (lambda content: b"\0\0\x08\x03" + b"\xff" * 99, "is damaged"),
    "no images": (lambda content: b"\0\0\x08\x03" + b"\0" * 12, "to hold 0 numbers"),
    "gzip cut": (lambda content: gzip.compress(content)[:-9], "is damaged"),
    "gzip flipped": (
        lambda content: (packed := gzip.compress(content))[:40] + b"flip" + packed[44:],
        "is damaged|cannot be read",
    ),
    "gzip only": (lambda content: b"\x1f\x8b", "is damaged|cannot be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_file_is_refused_by_its_name(pixels: Pixels, root: Path, name: str) -> None:
    make, said = BROKEN[name]
    path = root / IMAGES
    path.write_bytes(make(path.read_bytes()))
    with pytest.raises(ConfigError, match=f"task.root=.*{IMAGES}.*({said})") as error:
        pixels()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("task.root=null",), "needs the folder with the images; MNIST's four files are had from"),
        (("task.root=/nowhere",), "/nowhere is not a folder; MNIST's four files are had from"),
        (("task.data=fresh",), "only so many images; use task.data=fixed"),
        (("task.train_size=121",), "task.train_size=121.* at most 120, which .*train-images"),
        (("task.test_size=41",), "task.test_size=41.* at most 40, which .*t10k-images"),
        (("task.seq_len=784",), "images of 4 x 4 pixels have 16 steps: seq_len=16"),
        (("task.permutation=-1",), "at least 0"),
    ],
)
def test_what_the_files_cannot_give_is_refused(
    pixels: Pixels, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        pixels(*words)


def test_a_refusal_names_the_size_that_was_typed(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"^task.train_size=121 \(with .*\): at most 120, which "):
        compose_config([*WORDS, f"task.root={root}", "task.train_size=121"])


def test_files_that_do_not_belong_together_are_refused(pixels: Pixels, root: Path) -> None:
    write_pair(root, "a", "train-labels-idx1-ubyte", 7)
    with pytest.raises(ConfigError, match=r"has 120 images and .*train-labels.* 7 labels"):
        pixels()
    write_files(root)
    labels = root / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(ConfigError, match=r"t10k-labels.* has the label 10"):
        pixels()


def test_the_option_reads_28_by_28_pixels_and_the_variable_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRNN_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match=f"{tmp_path}/train-images-idx3-ubyte is missing"):
        compose_config(["task=pixels"])
    write_files(tmp_path, 60_000 // 500, 10_000 // 250)
    sizes = ["task.train_size=120", "task.test_size=40"]
    with pytest.raises(ConfigError, match=r"seq_len=784.*: images of 4 x 4 pixels"):
        compose_config(["task=pixels", *sizes])
    assert compose_config(["task=pixels", *sizes, "seq_len=16"]).task.seq_len == 16


def test_images_are_refused_without_loading_pytorch(tmp_path: Path) -> None:
    code = (
        "import sys; from irnn.train import main; "
        f"print(main(['task=pixels', 'task.root={tmp_path}']), 'torch' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.split() == ["2", "False"]
