"""Put `conf/`, which lives at the repository's top, inside the built package as `irnn/conf`."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONF = Path(__file__).parent / "conf"


class BuildWithConf(build_py):
    """Copy the configuration groups next to the modules; an editable install reads the checkout's."""

    def run(self) -> None:
        """Build the modules, then the configuration."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "irnn" / "conf"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(CONF, target)


setup(cmdclass={"build_py": BuildWithConf})
