"""Images read pixel by pixel, one pixel a step, and then classified.

Le, Jaitly & Hinton 2015 (arXiv 1504.00941), section 4.2: the 784 pixels of a digit of MNIST (LeCun, Cortes
& Burges), scaled to [0, 1], row by row, or in one permutation that is the same for all images. The images
are a user's own files (see `irnn.tasks.idx`); nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from irnn.spec.choices import Data
from irnn.spec.options import option
from irnn.spec.registry import task
from irnn.system.paths import expanded
from irnn.tasks import idx
from irnn.tasks.base import Task
from irnn.tasks.input_file import Cells, InputFile
from irnn.tasks.metric import Metric, accuracy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor

    from irnn.models.heads import Head
    from irnn.seeding import StreamKey
    from irnn.spec.config import Config
    from irnn.tasks.base import Drawn

CLASSES = 10
FILES = {
    "training images": ("train-images-idx3-ubyte", "images-idx3-ubyte"),
    "training labels": ("train-labels-idx1-ubyte", "labels-idx1-ubyte"),
    "test images": ("t10k-images-idx3-ubyte",),
    "test labels": ("t10k-labels-idx1-ubyte",),
}
"""The names that files may have, without endings."""
SOURCE = (
    "MNIST's four files are had from yann.lecun.com/exdb/mnist, and torchvision.datasets.MNIST "
    "keeps them in MNIST/raw"
)


class HeldOut(Enum):
    """Which images of a finite set are held out."""

    test = "test"
    validation = "validation"


@task("pixels")
class Pixels(Task):
    """Images pixel by pixel; the compact form is pixels (N, T) and classes (N,) uint8, rows (N,) int64.

    Sequences are images of a finite set: the first `train_size` of the training files, and the first
    `test_size` of the test files, or of the training files the last.
    """

    title = "Images pixel by pixel"
    learned = "the network recognizes images"
    input_size = 1
    described = ("image",)

    root: str | None = option(None, "folder with MNIST's four files (IDX, plain or gzipped)")
    permutation: int | None = option(
        None,
        "seed of the one order in which the pixels of all images are read; null: row by row",
        at_least=0,
        below=2**63,
    )
    held_out: HeldOut = option(
        HeldOut.test,
        "test: the test files; validation: the last test_size images of the training files",
    )
    digest: str | None = option(
        None, "SHA-256 of the files' content, filled in; if given, other files are refused"
    )

    def refusal(self, config: Config) -> tuple[str, str] | None:
        """Refuse what no files can give."""
        if self.data is Data.fresh:
            return "data", "there are only so many images; use task.data=fixed"
        if self.root is None:
            return "root", f"needs the folder with the images; {SOURCE}"
        return None

    def data_refusal(self) -> tuple[str, str] | None:
        """Refuse files that are missing, damaged or other than the settings say."""
        try:
            files = self._files()
        except idx.IdxError as error:
            return "root", str(error)
        steps = {math.prod(each.shape[1:]) for name, each in files.items() if "images" in name}
        if len(steps) > 1:
            return "root", "the images of both sets have to be of one size"
        if (pixels := steps.pop()) != self.seq_len:
            shape = " x ".join(map(str, files["training images"].shape[1:]))
            return "seq_len", f"images of {shape} pixels have {pixels} steps: seq_len={pixels}"
        if self.digest not in (None, found := _digest(files)):
            return "digest", f"the files in task.root={self.root} have {found}"
        return self._size_refusal(files)

    def _size_refusal(self, files: dict[str, idx.IdxFile]) -> tuple[str, str] | None:
        train, test = self.train_size, self.test_size
        path, there = files["training images"].path, files["training images"].shape[0]
        if self.held_out is HeldOut.validation and train + test > there:
            both = f"{path} has {there:,} images for it and task.test_size ({test:,}) together"
            return "train_size", both
        if train > there:
            return "train_size", f"at most {there:,}, which {path} has"
        if self.held_out is HeldOut.test:
            path, there = files["test images"].path, files["test images"].shape[0]
        if test > there:
            return "test_size", f"at most {there:,}, which {path} has"
        return None

    def settled(self) -> Pixels:
        """Fill in the digest of the files."""
        return replace(self, digest=_digest(self._files()))

    def facts(self) -> dict[str, str]:
        """Say which files are read, and in which order pixels are."""
        return {
            "files": f"{self.root}, SHA-256 {self.digest}",
            "permutation": "none: row by row"
            if self.permutation is None
            else f"seed {self.permutation}, SHA-256 {permutation_digest(self._order())}",
        }

    @property
    def metric(self) -> Metric:
        """Score by the share of right answers: guessing one of ten classes is right in 1/10."""
        thresholds = ("0.5", "0.9", "0.95", "0.98")
        return accuracy(math.log(CLASSES), 1 / CLASSES, "guessing", thresholds)

    @property
    def head(self) -> Head:
        """Answer once, after the last pixel, with a class."""
        from irnn.models.heads import Classification

        return Classification(1, CLASSES)

    @property
    def available(self) -> int | None:
        """Give the held-out images."""
        return self.test_size

    def draw(self, key: StreamKey, positions: Tensor) -> Drawn:
        """Take the images at `positions` (N,) of a set, which the name of the key's stream says.

        "train" and "test" have them in the files' order, "predict" has the held-out ones in one that the
        key makes, and other streams draw from the training set with replacement.
        """
        import torch

        from irnn.tasks.random import integers

        device = positions.device
        held_out = key.stream in ("test", "predict")
        if key.stream == "predict":
            shuffler = torch.Generator().manual_seed(key)
            rows = torch.randperm(self.test_size, generator=shuffler).to(device)[positions]
        elif key.stream in ("train", "test"):
            rows = positions
        else:
            rows = integers(key, positions, 1, self.train_size)[:, 0]
        which = "test" if held_out and self.held_out is HeldOut.test else "training"
        files = self._files()
        images = _images(files[f"{which} images"], self._order(), device)
        labels = _labels(files[f"{which} labels"], device)
        if held_out and self.held_out is HeldOut.validation:
            rows = rows + (len(labels) - self.test_size)
        return images[rows], labels[rows], rows

    def draws_in_place(self, positions: Tensor) -> bool:
        """Images are only copied."""
        return True

    def encode(self, drawn: Drawn, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Lay images out: inputs (T, N, 1) in [0, 1], and classes (N,)."""
        pixels, classes, _ = drawn
        return pixels.T.to(dtype).div_(255).unsqueeze(2), classes.long()

    def describe(self, inputs: Tensor, drawn: Drawn | None) -> list[Cells]:
        """Say which image of its file it is, from 0."""
        if drawn is None:
            return [{"image": None} for _ in range(inputs.shape[1])]
        return [{"image": row} for row in drawn[2].tolist()]

    @property
    def input_file(self) -> InputFile:
        """Say that files hold whole images, row by row, in the grey values that image files have."""
        meaning = "grey values 0 to 255, row by row"
        return InputFile(("pixel",), bounds=(0, 255), steps=self.seq_len, meaning=meaning)

    def from_file(self, sequences: Sequence[Tensor]) -> list[Tensor]:
        """Scale grey values to [0, 1] and put them into the order in which pixels are read."""
        largest = max(float(each.max()) for each in sequences)
        if 0 < largest <= 1:
            raise ValueError(
                f"no pixel is above {largest:.3g}; grey values go from 0 to 255: multiply scaled ones by 255"
            )
        order = self._order()
        return [(each if order is None else each[list(order)]) / 255 for each in sequences]

    def _order(self) -> tuple[int, ...] | None:
        """Give the order in which pixels are read; None is row by row."""
        seed = self.permutation
        return None if seed is None else permutation(seed, self.seq_len)

    def _files(self) -> dict[str, idx.IdxFile]:
        """Find and check the files that are needed.

        Raises:
            IdxError: One is missing or damaged.
        """
        assert self.root is not None
        try:
            root = expanded(self.root)
            there = root.is_dir()
        except (OSError, ValueError) as error:  # no user's home, too long for a file, a null byte
            raise idx.IdxError(getattr(error, "strerror", None) or str(error)) from error
        if not there:
            raise idx.IdxError(f"{root} is not a folder; {SOURCE}")
        files = {}
        for name, stems in FILES.items():
            if name.startswith("test") and self.held_out is HeldOut.validation:
                continue
            path = next(filter(None, (idx.find(root, stem) for stem in stems)), None)
            if path is None:
                raise idx.IdxError(
                    f"{root / stems[0]} is missing (.gz will do); {self._remedy(name)}"
                )
            files[name] = idx.inspect(path, 3 if "images" in name else 1)
        for which in {name.split()[0] for name in files}:
            _check_pair(files[f"{which} images"], files[f"{which} labels"])
        return files

    def _remedy(self, name: str) -> str:
        if name.startswith("test"):
            return f"task.held_out=validation does without; {SOURCE}"
        return SOURCE


def permutation(seed: int, size: int) -> tuple[int, ...]:
    """Make the permutation of a seed: step t reads pixel p[t].

    Pixels are sorted by the hash of (seed, pixel), which is the same for ever and everywhere.
    """

    def word(pixel: int) -> bytes:
        return hashlib.sha256(f"{seed}/pixel/{pixel}".encode()).digest()

    return tuple(sorted(range(size), key=word))


def permutation_digest(order: tuple[int, ...] | None) -> str:
    """Give the SHA-256 of a permutation, written in decimal numbers with commas between."""
    assert order is not None
    return hashlib.sha256(",".join(map(str, order)).encode()).hexdigest()


def _check_pair(images: idx.IdxFile, labels: idx.IdxFile) -> None:
    if images.shape[0] != labels.shape[0]:
        raise idx.IdxError(
            f"{images.path} has {images.shape[0]:,} images and {labels.path} {labels.shape[0]:,} labels"
        )
    if labels.largest >= CLASSES:
        raise idx.IdxError(
            f"{labels.path} has the label {labels.largest}; 0 to {CLASSES - 1} can be"
        )


def _digest(files: dict[str, idx.IdxFile]) -> str:
    """Hash what files hold, whatever they are called."""
    return hashlib.sha256(" ".join(each.digest for each in files.values()).encode()).hexdigest()


@lru_cache(maxsize=2)
def _images(file: idx.IdxFile, order: tuple[int, ...] | None, device: torch.device) -> Tensor:
    """Load images as rows of pixels in the order in which they are read: (N, T) uint8."""
    import torch

    pixels = torch.frombuffer(file.numbers(), dtype=torch.uint8).view(file.shape[0], -1)
    return (pixels if order is None else pixels[:, list(order)]).to(device)


@lru_cache(maxsize=2)
def _labels(file: idx.IdxFile, device: torch.device) -> Tensor:
    import torch

    return torch.frombuffer(file.numbers(), dtype=torch.uint8).to(device)
