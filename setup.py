"""Build what metadata alone cannot say: the configuration inside the package, the native kernel.

`conf/` lives at the repository's top and is copied into the built package as `irnn/conf`. The
native kernel is optional: without a C++ compiler the install succeeds, setuptools prints a
warning, and `irnn.kernels.native.why_unavailable()` says what is lost.
"""

import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
CONF = ROOT / "conf"
KERNEL = Path("src/irnn/kernels/cpp")

# No -march: each instruction set is chosen in its own source file, and at run time.
FLAGS = [
    "-std=c++17",
    "-O3",
    "-fno-math-errno",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    "-pthread",
    "-g0",
]


class BuildWithConf(build_py):  # type: ignore[misc]  # it has no types
    """Copy the configuration next to the modules; an editable install reads the checkout's."""

    def run(self) -> None:
        """Build the modules, then the configuration."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "irnn" / "conf"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(CONF, target)


def native_kernel() -> Extension:
    """Describe the shared library that `irnn.kernels.loading` loads with ctypes."""
    return Extension(
        "irnn.kernels._native",
        sources=sorted(str(path.relative_to(ROOT)) for path in (ROOT / KERNEL).glob("*.cpp")),
        depends=sorted(str(path.relative_to(ROOT)) for path in (ROOT / KERNEL).glob("*.hpp")),
        language="c++",
        extra_compile_args=FLAGS,
        extra_link_args=["-pthread"],
        optional=True,
    )


setup(
    cmdclass={"build_py": BuildWithConf},
    ext_modules=[] if sys.platform == "win32" else [native_kernel()],
)
