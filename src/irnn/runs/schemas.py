"""What the files of a run's folder hold, one schema each; a file is held to its schema when it is read.

What a schema does not name may be there too. Nothing here imports torch.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from irnn.runs.layout import UNNAMED_TASK
from irnn.runs.reading import UnreadableError, read_json
from irnn.spec.errors import ConfigError

START_OVER = "force=true starts this run over"

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Beyond 2^53 a float, and so a script in a page, cannot tell numbers apart."""
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_LARGEST = sys.float_info.max
Number = Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Threshold = Annotated[str, msgspec.Meta(pattern=r"^\d{1,20}(\.\d{1,20})?$")]
Token = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{1,32}$")]


T = TypeVar("T")
_PREPARED: set[type] = set()


def prepared(schema: type[T]) -> type[T]:
    """Let msgspec learn a class that content is held to, where it is defined.

    It learns one when it is first used otherwise, and two threads that use it first crash (msgspec 0.22).
    """
    msgspec.json.Decoder(schema)
    _PREPARED.add(schema)
    return schema


def held_to(content: Any, schema: type[T]) -> T:
    """Make what a schema describes of plain values.

    Raises:
        msgspec.ValidationError: They do not fit it.
    """
    assert schema in _PREPARED, f"{schema.__name__} lacks @prepared"
    return msgspec.convert(content, schema)


class Event(msgspec.Struct):
    """A divergence: at which update, why, and what was done about it."""

    step: Count
    reason: str
    action: str


class Metric(msgspec.Struct):
    """How a run's task is scored."""

    name: Literal["mse", "cross_entropy", "accuracy"]
    goal: Number | None
    better: Literal["lower", "higher"]
    baseline: Number
    baseline_meaning: str


@prepared
class Result(msgspec.Struct):
    """`result.json`."""

    run_id: Name
    schema: Count
    status: Literal["solved", "exhausted", "diverged"]
    seed: Seed
    seq_len: Count
    model: str
    steps: Count
    epochs: Seconds
    solved_at: dict[Threshold, Count | None]
    seconds: Seconds
    steps_per_second: Seconds | None
    restarts: Count
    divergences: list[Event]
    config: dict[str, Any]
    task: Name = UNNAMED_TASK
    metric: Metric | None = None  # irnn 0.1 knew the MSE alone
    value: Number | None = None
    best_value: Number | None = None
    test_mse: Number | msgspec.UnsetType | None = msgspec.UNSET
    best_test_mse: Number | msgspec.UnsetType | None = msgspec.UNSET
    test_loss: Number | None = None
    test_accuracy: Number | None = None

    def __post_init__(self) -> None:
        """Hold a result without a metric to what irnn 0.1 wrote."""
        if self.metric is None and msgspec.UNSET in (self.test_mse, self.best_test_mse):
            raise ValueError("it has neither metric nor test_mse and best_test_mse")


@prepared
class Record(msgspec.Struct):
    """One line of `metrics.jsonl`. A number that was not finite is null."""

    step: Count
    epoch: Seconds | None = None
    train_mse: Number | None = None
    test_mse: Number | None = None
    train_loss: Number | None = None
    test_loss: Number | None = None
    test_accuracy: Number | None = None
    grad_norm: Number | None = None
    grad_norm_max: Number | None = None
    clip_fraction: Number | None = None
    lr: Number | None = None
    spectral_radius: Number | None = None
    identity_distance: Number | None = None
    steps_per_second: Number | None = None
    seconds: Number | None = None
    event: Event | None = None


@prepared
class Provenance(msgspec.Struct):
    """`provenance.json`. The token is part of file names and of W&B's id."""

    token: Token
    sessions: list[dict[str, Any]]


@prepared
class Mirrored(msgspec.Struct):
    """How many records the tracker has passed on."""

    records: Count


class SweepJob(msgspec.Struct):
    """A job of a sweep."""

    run_id: Name
    overrides: list[str]


@prepared
class SweepRecord(msgspec.Struct):
    """`sweep.json`."""

    schema: Count
    name: Name
    jobs: list[SweepJob]
    command: list[str] = []
    created: str = ""
    updated: str = ""


class DamagedError(ConfigError):
    """A file of a run that cannot be used: which, why, and what to do about it.

    Args:
        path: the file.
        reason: why.
        remedy: what to do, where that is not to start the run over.
        trouble: what is wrong with it, in two or three words.
    """

    def __init__(
        self, path: Path, reason: object, remedy: str = START_OVER, trouble: str = "is damaged"
    ) -> None:
        self.path, self.remedy, self.trouble = path, remedy, trouble
        self.reason = " ".join(str(reason).split())[:300] or type(reason).__name__
        super().__init__(f"{path} {trouble} ({self.reason}); {remedy}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.reason, self.remedy, self.trouble)

    def with_remedy(self, remedy: str) -> "DamagedError":
        """Say something else about what to do."""
        return DamagedError(self.path, self.reason, remedy, self.trouble)


def unreadable(path: Path, error: OSError) -> DamagedError:
    """Say that the system does not give a file."""
    return DamagedError(path, error.strerror or error, "see that it can be read", "cannot be read")


UPDATE = "update irnn"


def newer(content: object, known: int) -> str | None:
    """Say that a file's content is of a newer irnn than this one, by its schema number; None: it is not."""
    schema = content.get("schema") if isinstance(content, dict) else None
    is_newer = type(schema) is int and known < schema <= _LARGEST
    return f"schema {schema}; this one knows {known}" if is_newer else None


def read_as(
    path: Path, schema: type[msgspec.Struct], known: int | None = None
) -> dict[str, Any] | None:
    """Read a JSON object with all its keys, those too that its schema does not name; None: no file.

    Args:
        path: of the file.
        schema: what it is held to.
        known: the highest number of a schema that is known, of a file that has such a number.

    Raises:
        DamagedError: It does not fit the schema, is of a newer irnn, or may not be read.
    """
    try:
        content: dict[str, Any] = read_json(path)
        if known is not None and (reason := newer(content, known)):
            raise DamagedError(path, reason, UPDATE, "was written by a newer irnn")
        held_to(content, schema)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    except (UnreadableError, msgspec.ValidationError) as error:
        raise DamagedError(path, error) from error
    return content
