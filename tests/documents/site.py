"""`make docs`: builds the site of the documents, which zensical.toml describes."""

import hashlib
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pymdownx.superfences import SuperFencesException

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_LINK = re.compile(r"(?<=\]\()(\.\./[^)\s#]*)(#[^)\s]*)?(?=\))")


def build(folder: Path, docs: Path = DOCS) -> None:
    """Build the site in `site/` of a folder that has a zensical.toml.

    Raises:
        subprocess.CalledProcessError: a link or an anchor leads nowhere, or a diagram cannot be drawn.
        FileNotFoundError: a link to a file outside the documents leads nowhere.
        ValueError: the contents lack a page.
    """
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    project = tomllib.loads((folder / "zensical.toml").read_text(encoding="utf-8"))["project"]
    if missing := pages - set(_in_contents(project["nav"])):
        raise ValueError(f"zensical.toml has no place in `nav` for {', '.join(sorted(missing))}")
    prepared = folder / project["docs_dir"]
    shutil.rmtree(prepared, ignore_errors=True)
    shutil.copytree(docs, prepared)
    for page in pages:
        _bring_linked_files(prepared, page)
    # Zensical imports `diagram` from here.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=folder, env=environment, check=True)
    (folder / project["site_dir"] / "llms.txt").write_text(contents(project, docs), encoding="utf-8")


def contents(project: Mapping[str, Any], docs: Path = DOCS) -> str:
    """The pages of the site for a language model, as https://llmstxt.org has it: in the order of `nav`, each with the
    line that says for whom it is."""
    lines = [f"# {project['site_name']}", "", f"> {project['site_description']}", ""]
    for entry in project["nav"]:
        ((part, pages),) = entry.items()
        for target in _in_contents([{part: pages}]):
            title, _, readers = (docs / target).read_text(encoding="utf-8").splitlines()[:3]
            if part:
                lines += [f"## {part}", ""]
                part = ""
            lines.append(f"- [{title.removeprefix('# ')}]({target.removesuffix('.md')}.html): {readers}")
        lines.append("")
    return "\n".join(lines)


def _in_contents(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        for target in entry.values():
            yield from [target] if isinstance(target, str) else _in_contents(target)


def _bring_linked_files(prepared: Path, page: str) -> None:
    """Copy the files outside docs/ that a page links, and link the copies.

    GitHub serves these files; a copy is there wherever the site is. It is a text, which every browser shows.
    """

    def link(match: re.Match[str]) -> str:
        target = (DOCS / page).parent.joinpath(match[1]).resolve()
        if target.is_relative_to(DOCS):
            return match[0]
        if target.is_dir():
            target = target / "README.md"
        copy = f"repository/{target.relative_to(ROOT).as_posix()}.txt"
        (prepared / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target, prepared / copy)
        return posixpath.relpath(copy, posixpath.dirname(page))

    path = prepared / page
    path.write_text(_LINK.sub(link, path.read_text(encoding="utf-8")), encoding="utf-8")


def diagram(source: str, _language: str, css_class: str, _options: object, _md: object, **_: Any) -> str:
    """Draw a diagram as the site is built, so that a reader needs no script. Superfences calls it for each.

    Raises:
        SuperFencesException: Mermaid cannot draw it. Any other error would leave the block as it is.
    """
    import mermaidx  # only where diagrams are drawn: its native code reports at exit what a test process still holds

    try:
        drawn = mermaidx.render(source).svg()
    except RuntimeError as error:
        raise SuperFencesException(str(error)) from error
    # The styles of a diagram name its id, and a page has several.
    unique = f"diagram-{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    return f'<div class="{css_class}">{drawn.replace("my-svg", unique)}</div>'


if __name__ == "__main__":
    build(ROOT)
