"""The site that `make docs` builds: whole, and without a request to another host."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.record_scripts import script

pytest.importorskip("zensical")

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.slow
_QUIET = (
    *(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--virtual-time-budget=4000",
    ),
    *("--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
_LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site from a copy of the sources."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs")
    script("reports").write(folder / "docs" / "records")
    shutil.copy(ROOT / "zensical.toml", folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "site"


class Page(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if (target := values.get(_LOADED.get(tag, ""))) and values.get("rel") != "canonical":
            self.loaded.append(target)
        if tag == "a" and (target := values.get("href")):
            self.linked.append(target)


def pages(site: Path) -> Iterator[tuple[Path, Page]]:
    for path in sorted(site.rglob("*.html")):
        if path.name != "404.html" and not path.match("records/*/report.html"):
            yield path, Page(path)


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    found = [target for _, page in pages(site) for target in page.loaded if urlsplit(target).netloc]
    assert found == []
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?https?:|@import", sheet.read_text()), sheet


def test_every_link_and_picture_of_the_site_is_there(site: Path) -> None:
    for path, page in pages(site):
        for target in (*page.loaded, *page.linked):
            parts = urlsplit(target)
            if not parts.scheme and parts.path:
                there = (path.parent / unquote(parts.path)).resolve()
                assert there.exists(), f"{path.relative_to(site)}: {target}"


def test_the_site_lists_a_report_of_every_record_with_all_its_runs(site: Path) -> None:
    listed = Page(site / "records" / "reports.html").linked
    for results in (ROOT / "docs" / "records").glob("*/results.jsonl"):
        place = f"{results.parent.name}/report.html"
        assert place in listed
        report = (site / "records" / place).read_text()
        runs = [json.loads(line)["run_id"] for line in results.read_text().splitlines()]
        assert [run for run in runs if run not in report] == []


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or chrome is installed")
@pytest.mark.parametrize("page", ["index", "settings", "reproduction"])
def test_a_browser_asks_no_other_host_and_has_nothing_to_say(
    site: Path, page: str, tmp_path: Path
) -> None:
    assert CHROMIUM is not None
    command = [CHROMIUM, *_QUIET, f"--user-data-dir={tmp_path}", "--dump-dom"]
    shown = subprocess.run(
        [*command, (site / f"{page}.html").as_uri()], capture_output=True, text=True, timeout=100
    )
    console = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
    assert "<h1" in shown.stdout
    assert [line for line in console if "ERR_NAME_NOT_RESOLVED" in line or "http" in line] == []
