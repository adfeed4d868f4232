"""The site of the documents: built strictly, read from files, without a network."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.documents.site import DOCS, ROOT, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser


pytestmark = pytest.mark.thorough


def in_folder(folder: Path, docs: Path = DOCS) -> Path:
    """The site, built in a folder of its own."""
    shutil.copyfile(ROOT / "zensical.toml", folder / "zensical.toml")
    build(folder, docs)
    return folder / "site"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_folder(tmp_path_factory.mktemp("site"))


@pytest.fixture
def small_docs(tmp_path: Path) -> Path:
    """A page for each place in the contents: what a strict build refuses is found without the real ones."""
    docs = tmp_path / "docs"
    for page in DOCS.rglob("*.md"):
        copy = docs / page.relative_to(DOCS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("# A page\n")
    return docs


def test_the_site_has_every_page(site: Path) -> None:
    pages = {page.relative_to(DOCS).with_suffix("") for page in DOCS.rglob("*.md")}
    assert pages <= {page.relative_to(site).with_suffix("") for page in site.rglob("*.html")}


def test_a_language_model_finds_every_page_in_one_file(site: Path) -> None:
    listed = re.findall(
        r"^- \[[^\]]+\]\(([^)]+)\): For ", (site / "llms.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {page.relative_to(DOCS).with_suffix(".html").as_posix() for page in DOCS.rglob("*.md")} == set(listed)
    assert [page for page in listed if not (site / page).exists()] == []


def test_every_link_to_a_file_leads_to_one(site: Path) -> None:
    dead = {
        f"{page.relative_to(site)}: {link}"
        for page in site.rglob("*.html")
        # The page for a wrong address has addresses from the root.
        if page.name != "404.html"
        for link in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:", link) and not (page.parent / link).exists()
    }
    assert dead == set()


@pytest.mark.everyday
def test_the_first_page_names_every_other() -> None:
    named = re.findall(r"\]\(([a-z-]+/[\w-]+\.md)\)", (DOCS / "index.md").read_text(encoding="utf-8"))
    assert {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - {"index.md"} == set(named)


def test_a_diagram_is_drawn_when_the_site_is_built(site: Path) -> None:
    blocks = sum(page.read_text(encoding="utf-8").count("\n```mermaid\n") for page in DOCS.rglob("*.md"))
    drawn = sum(page.read_text(encoding="utf-8").count('<div class="diagram"><svg') for page in site.rglob("*.html"))
    assert drawn == blocks > 0


@pytest.mark.parametrize(
    "text",
    [
        "[a page](no-such-page.md)",
        "[an anchor](start/deploy.md#no-such-anchor)",
        "[a file](../no-such-file.yaml)",
        "```mermaid\nsequenceDiagram\n    A->>B: one; two\n```",
    ],
)
def test_what_leads_nowhere_or_cannot_be_drawn_fails(small_docs: Path, text: str) -> None:
    (small_docs / "index.md").write_text(f"# Home\n\n{text}\n")
    with pytest.raises((subprocess.CalledProcessError, FileNotFoundError)):
        in_folder(small_docs.parent, small_docs)


def test_a_page_outside_the_contents_fails(small_docs: Path) -> None:
    (small_docs / "guides/forgotten.md").write_text("# Forgotten\n")
    with pytest.raises(ValueError, match=r"guides/forgotten\.md"):
        in_folder(small_docs.parent, small_docs)


def test_search_works_from_a_file_and_asks_no_server(site: Path, browser: "Browser") -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.locator("button.md-search__button").click()
    page.keyboard.type("unknown outcome")
    page.get_by_text("A report of unknown outcome", exact=True).first.wait_for()
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
