"""What runs on a pull request exists, and covers the versions of Python that the package is for."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
TEMPLATES = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def test_every_step_runs_a_target_or_a_script_that_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in [step["run"] for step in STEPS if "run" in step]:
        made = re.fullmatch(r"make ([a-z-]+)", command)
        if made:
            assert re.search(rf"^{made[1]}:", makefile, re.MULTILINE), command
        else:
            assert (ROOT / command).stat().st_mode & 0o100, command


def test_the_tests_run_on_every_python_that_the_package_is_for() -> None:
    needs = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', _pyproject())
    assert needs
    versions = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert versions == [f"3.{minor}" for minor in range(int(needs[1]), int(needs[2]))]


def _pyproject() -> str:
    return (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_an_issue_template_is_a_form(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        assert form == {"blank_issues_enabled": True}
        return
    assert {"name", "description", "body"} <= set(form)
    for field in form["body"]:
        assert field["type"] == "textarea"
        assert field["attributes"]["label"]


def test_the_version_is_the_same_everywhere_and_has_its_changes() -> None:
    (version,) = re.findall(r'^version = "(.*)"$', _pyproject(), re.MULTILINE)
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version} (" in (ROOT / "CHANGELOG.md").read_text()
