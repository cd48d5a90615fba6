"""Build what metadata alone cannot say: the configuration inside the package, the native kernel.

`conf/` lives at the repository's top and is copied into the built package as `irnn/conf`. The native
kernel is one shared library without Python's or PyTorch's headers, `irnn/kernels/_native.so`, so that
a wheel serves every Python version of its platform. It is optional: where it cannot be built the
install succeeds, and a file beside it keeps what the compiler said, for every run to repeat.

Environment variables:
    CXX: the compiler; else the first of c++, g++ and clang++ that there is.
    CXXFLAGS, LDFLAGS: added to its command lines.
    IRNN_REQUIRE_KERNEL: any text makes a kernel that cannot be built an error.
"""

import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
CONF = ROOT / "conf"
KERNEL = Path("src/irnn/kernels/cpp")
LIBRARY = "irnn.kernels._native"
FAILURE = "_native.failed.txt"  # as in irnn.kernels.loading

# No -march: each instruction set is chosen in its own source file, and at run time.
FLAGS = [
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-fno-math-errno",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    "-pthread",
    "-g0",
]


class NotBuiltError(Exception):
    """One line that says why the kernel could not be built, then all that the compiler said."""


class BuildWithConf(build_py):  # type: ignore[misc]  # it has no types
    """Copy the configuration next to the modules; an editable install reads the checkout's."""

    def run(self) -> None:
        """Build the modules, then the configuration."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "irnn" / "conf"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(CONF, target)


class BuildKernel(build_ext):  # type: ignore[misc]
    """Build the shared library that `irnn.kernels.loading` loads with ctypes, or note why not."""

    def get_ext_filename(self, fullname: str) -> str:
        """Name the file; no Python version is part of it."""
        return str(Path(*fullname.split("."))) + ".so"

    def build_extension(self, ext: Extension) -> None:
        """Compile all sources side by side and link them."""
        library, note = self.products()
        for stale in (library, note):
            stale.unlink(missing_ok=True)
        try:
            build_kernel(ext.sources, library, Path(self.build_temp))
        except NotBuiltError as error:
            if os.environ.get("IRNN_REQUIRE_KERNEL"):
                raise SystemExit(f"irnn: the native kernel was not built: {error}") from None
            print(f"\nWARNING: irnn: the native kernel was not built: {error}\n", file=sys.stderr)
            note.write_text(f"{error}\n")

    def copy_extensions_to_source(self) -> None:
        """Give the checkout of an editable install what was built, or why nothing was."""
        for built in self.products():
            there = ROOT / "src" / built.relative_to(self.build_lib)
            if not built.exists():
                there.unlink(missing_ok=True)
                continue
            # In one move: nobody loads half a file, and a process that has loaded the old one keeps it.
            beside = there.with_name(f"{there.name}.new")
            shutil.copy(built, beside)
            beside.replace(there)

    def products(self) -> tuple[Path, Path]:
        """Name the library, and the note that is written in its place."""
        library = Path(self.build_lib, self.get_ext_filename(LIBRARY))
        return library, library.with_name(FAILURE)

    def is_built(self) -> bool:
        """Whether the library was built."""
        return bool(self.extensions) and self.products()[0].exists()


class PlatformWheel(bdist_wheel):  # type: ignore[misc]
    """Tag the wheel for its platform and any Python 3; one without the kernel for any platform."""

    def get_tag(self) -> tuple[str, str, str]:
        """Give the tags; the name of a wheel without the kernel says so where pip shows it."""
        if self.get_finalized_command("build_ext").is_built():
            return "py3", "none", super().get_tag()[2]
        self.root_is_pure, self.build_number = True, "0_native_kernel_not_built"
        return "py3", "none", "any"


def build_kernel(sources: list[str], library: Path, objects: Path) -> None:
    """Compile and link the shared library.

    Raises:
        NotBuiltError: There is no compiler, or it failed.
    """
    compiler = find_compiler()
    library.parent.mkdir(parents=True, exist_ok=True)
    objects.mkdir(parents=True, exist_ok=True)
    flags = [*FLAGS, *shlex.split(os.environ.get("CXXFLAGS", ""))]
    compiled = [str(objects / f"{Path(source).stem}.o") for source in sources]

    def compile_one(source: str, result: str) -> None:
        run([*compiler, *flags, "-c", source, "-o", result])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources, compiled))
    link = ["-shared", "-pthread", *shlex.split(os.environ.get("LDFLAGS", ""))]
    run([*compiler, *compiled, *link, "-o", str(library)])


def find_compiler() -> list[str]:
    """Give the words that start the C++ compiler."""
    wanted = os.environ.get("CXX")
    if wanted:
        return shlex.split(wanted)
    found = next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    if found is None:
        raise NotBuiltError("there is no C++ compiler here (c++, g++ or clang++)")
    return [found]


def run(command: list[str]) -> None:
    """Run the compiler, and pass on what it says."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise NotBuiltError(f"{command[0]}: {error.strerror}") from error
    said = done.stdout.decode(errors="replace").strip()
    if done.returncode:
        lines = said.splitlines()
        named = [line for line in lines if "error" in line.lower()] or lines
        first = named[0].strip() if named else f"exit status {done.returncode}"
        raise NotBuiltError(f"{command[0]}: {first}\n\n{shlex.join(command)}\n{said}")
    if said:
        print(said, file=sys.stderr)


def native_kernel() -> Extension:
    """Describe the shared library to setuptools."""
    return Extension(
        LIBRARY,
        sources=sorted(str(path.relative_to(ROOT)) for path in (ROOT / KERNEL).glob("*.cpp")),
        depends=sorted(str(path.relative_to(ROOT)) for path in (ROOT / KERNEL).glob("*.hpp")),
        language="c++",
        optional=True,
    )


setup(
    cmdclass={
        "build_py": BuildWithConf,
        "build_ext": BuildKernel,
        "bdist_wheel": PlatformWheel,
    },
    ext_modules=[] if sys.platform == "win32" else [native_kernel()],
)
