"""Links in the documentation lead somewhere, every page is in the site, made pages are up to date."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("*/*.md"), *DOCS.glob("*/*/*.md")]
)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_CODE_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"^```.*?^```|^ {4}\S.*?$|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The targets of a page's links within the checkout, and the anchors there."""
    for target in _LINK.findall(_CODE.sub("", page.read_text())):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """What headings of a page are linked by, as GitHub and the site make it."""
    found = re.findall(r"^#+ (.*)$", _CODE_BLOCK.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", text).strip().lower() for text in found]
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(target), f"{target} has no heading #{anchor}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.is_relative_to(DOCS)], ids=lambda page: page.stem
)
def test_a_page_of_the_site_links_to_files_of_the_site(page: Path) -> None:
    for target, _ in links(page):
        assert target.is_relative_to(DOCS), f"{target} is not in docs/: name it without a link"
        assert target.is_file(), f"{target} is a folder: link to its README.md"


def test_every_page_has_its_place_in_the_navigation() -> None:
    navigation = set(re.findall(r'"([\w/]+\.md)"', (ROOT / "zensical.toml").read_text()))
    pages = {path.name for path in DOCS.glob("*.md")}
    assert navigation == pages | {"decisions/README.md", "records/README.md", "records/reports.md"}


def test_made_pages_are_what_the_schema_and_the_decisions_say() -> None:
    """In a process of its own, in which no test has registered a plug-in."""
    checked = subprocess.run([sys.executable, str(DOCS / "reference.py"), "--check"], timeout=60)
    assert checked.returncode == 0, "run `make reference`"


def test_the_readme_is_read_to_its_end() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
