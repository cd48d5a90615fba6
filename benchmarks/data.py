"""Time the data: a fixed set, and fresh batches, against a dataset that makes one sequence at a time.

The other side is what is usually written: a `torch.utils.data.Dataset` whose `__getitem__` draws one sequence
with NumPy, behind a `DataLoader`. It makes other numbers, of the same distribution.
"""

import argparse
import statistics
from pathlib import Path
from time import perf_counter

import numpy
import torch

import machine
from irnn.spec.choices import Data
from irnn.tasks.adding import Adding
from irnn.tasks.data import TaskData

STEPS, SIZE, COUNT = 150, 16, 100_000
SAMPLE = 5_000  # sequences that the slow side makes; its time is scaled up


class OneByOne(torch.utils.data.Dataset):
    """A sequence at a time: inputs (T, 2), target ()."""

    def __init__(self, count: int, steps: int) -> None:
        self.count, self.steps = count, steps

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        random = numpy.random.default_rng(index)
        values = random.random(self.steps, dtype=numpy.float32)
        marks = random.choice(self.steps, 2, replace=False)
        inputs = numpy.zeros((self.steps, 2), dtype=numpy.float32)
        inputs[:, 0] = values
        inputs[marks, 1] = 1
        return torch.from_numpy(inputs), torch.tensor(values[marks].sum())


def problem(data: Data) -> TaskData:
    task = Adding(seq_len=STEPS, train_size=COUNT, test_size=1, data=data)
    cpu = torch.device("cpu")
    return TaskData(task, seed=0, batch_size=SIZE, device=cpu, dtype=torch.float32)


def fixed_set() -> float:
    """Seconds to make the whole fixed set."""
    begun = perf_counter()
    problem(Data.fixed)
    return perf_counter() - begun


def batch(data: Data) -> float:
    """Seconds for a training batch, over as many as a few thousand."""
    made = problem(data)
    made.batch(0)
    begun = perf_counter()
    for number in range(2000):
        made.batch(number)
    return (perf_counter() - begun) / 2000


def one_by_one() -> float:
    """Seconds for a batch from the other side."""
    loader = torch.utils.data.DataLoader(OneByOne(SAMPLE, STEPS), batch_size=SIZE)
    begun = perf_counter()
    count = sum(1 for _ in loader)
    return (perf_counter() - begun) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    chosen = parser.parse_args()
    contenders = {
        "fixed set": fixed_set,
        "fresh batch": lambda: batch(Data.fresh),
        "fixed batch": lambda: batch(Data.fixed),
        "one by one, batch": one_by_one,
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(chosen.rounds):
        for name, measure in contenders.items():
            seconds[name].append(measure())
    print(f"T={STEPS} B={SIZE}, {COUNT:,} sequences in the fixed set")
    for name, times in seconds.items():
        print(f"  {name:18} {machine.spread(times, 'ms')}")
    median = {name: statistics.median(times) for name, times in seconds.items()}
    ratio = median["one by one, batch"] / median["fresh batch"]
    print(f"  one by one / fresh batch {ratio:.0f} x")
    machine.write(chosen.out, "data", {"seconds": seconds})


if __name__ == "__main__":
    main()
