"""What the numbers were measured on, and how fast it multiplies matrices."""

import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

RESULTS = Path(__file__).parent / "results"
SCALES = {"ms": 1e3, "s": 1.0, "MiB": 1.0}
PACKAGES = ("torch", "numpy", "jax", "jaxlib", "optax")


def processor() -> str:
    """Name the processor as the system does."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """List the installed versions of everything that takes part."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def describe() -> dict[str, object]:
    """Describe the machine."""
    from irnn.kernels import compiled

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "kernel": compiled.default().variant,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
    }


def spread(readings: list[float], unit: str) -> str:
    """Show the median with the smallest and the largest."""
    low, middle, high = (
        SCALES[unit] * value
        for value in (min(readings), statistics.median(readings), max(readings))
    )
    return f"{middle:9.3f} {unit}  [{low:.3f} .. {high:.3f}]"


def write(path: Path | None, kind: str, content: dict[str, object]) -> None:
    """Write what was measured as JSON, with the machine, and say where."""
    path = path or RESULTS / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": describe(), **content}, indent=1))
    print(f"written to {path}")


def product_rate(
    seconds: float = 0.3, size: int = 1024, clock: Callable[[], float] = perf_counter
) -> float:
    """Measure PyTorch's float32 rate in one large product, in flops per second: the best run."""
    import torch

    a, b = torch.rand(size, size), torch.rand(size, size)
    best, end = float("inf"), clock() + seconds
    while clock() < end:
        begun = clock()
        a @ b
        best = min(best, clock() - begun)
    return 2 * size**3 / best
