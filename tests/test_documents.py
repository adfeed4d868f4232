"""The documents hold to the project: every link, file, make target and `reports` command that they name exists."""

import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import markdown
import pytest
from markdown_it import MarkdownIt

from functions.shared.records.dead_letter import DeadLetterState
from functions.shared.records.delivery import DeliveryState
from functions.shared.records.subscription import ADDRESS_LISTS
from functions.shared.settings import MailProviderName
from functions.worker.destinations.email.provider import parts_of
from tests.documents.commands import unknown_commands
from tests.documents.markdown import BLOCK_OF_CODE, anchor, without_blocks

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "emulators/**/*.md",
        "proof/**/*.md",
        "local_pipeline/*.md",
    )
    for path in ROOT.glob(pattern)
    # An entry of a change log keeps the names of its time.
    if path.name != "CHANGELOG.md"
)
PAGES = sorted((ROOT / "docs").rglob("*.md"))

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_NOT_HERE = {
    # Google's own, whose tests the local cloud passes.
    "tests/system/test_system.py",
    "tests/system/test_system_async.py",
    "tests/system.py",
    # What `make results` makes.
    "proof/results/",
    "proof/results/faults.md",
    # What `./reports new team_notes` and `make catalogs LOCALE=fr` make.
    "kinds/sales/report.yaml",
    "kinds/sales/needs.yaml",
    "kinds/sales/sample.sql",
    "kinds/sales/test_sales.py",
    "kinds/team_notes/",
    "kinds/team_notes/__init__.py",
    "kinds/team_notes/templates/report.mjml",
    "kinds/team_notes/test_team_notes.py",
    "functions/worker/reports/",
}
_NOT_PLAIN = re.compile(
    r"(?i:\b(?:nobody|whoever|anew|somebody|thereby|utilize|leverages?|in order to|please|simply|easily|obviously|via"
    r"|and/or|allows? you to|in a timely manner|blacklist|whitelist|sanity check|master/slave|native feature"
    r"|should be able to|for instance|desire[ds]?|it is recommended"
    # What the project's own authors like to write.
    r"|likewise|an own|for ever|no person|asks no|stops no one|as its last word|at the worst|gives? way"
    # The thing is an email; servers and programs are of email.
    r"|mails|e-mails?|mail providers?"
    r"|(?:a|the|each|every|no|one|of) mail(?= (?:is|was|to|from|that|in|with|and|or|of)\b|[.,;:]))\b"
    r"|\be\.g\.|\bi\.e\.|\betc\.)"
)
_FOLDERS = (
    *("functions", "report_kit", "kinds", "operations", "local_pipeline", "emulators"),
    *("deployment", "tests", "proof", "examples", "docs"),
)


def parameters(documents: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("document", documents, ids=lambda path: str(path.relative_to(ROOT)))


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+)$", without_blocks(document.read_text()), re.MULTILINE):
        slug = anchor(heading)
        number, unique = 0, slug
        while unique in found:
            number += 1
            unique = f"{slug}-{number}"
        found.add(unique)
    return found


def code(document: Path) -> list[str]:
    """Every inline code and every line of a code block, without its comment."""
    text = document.read_text()
    lines = [line for fence in BLOCK_OF_CODE.findall(text) for line in fence.splitlines()[1:-1]]
    return [*_CODE.findall(without_blocks(text)), *(re.sub(r"(^|\s)# .*", "", line).strip() for line in lines)]


@parameters(DOCUMENTS)
def test_relative_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in ("".join(groups) for groups in _LINK.findall(without_blocks(document.read_text()))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_and_anchor_that_the_code_names_exists() -> None:
    """In error messages, alerts and docstrings."""
    files = (
        file for folder in _FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in {".py", ".json", ".yaml"}
    )
    missing = []
    for file in (*files, ROOT / "deploy.env.example", ROOT / "queue.yaml", ROOT / "scheduler.yaml"):
        for page, fragment in re.findall(
            r"(?<![\w/])(docs/[\w/-]+\.md)(?:#([\w-]*))?", file.read_text(encoding="utf-8")
        ):
            where = file.parent if file.is_relative_to(ROOT / "emulators") else ROOT
            named = next((parent / page for parent in (where, *where.parents) if (parent / page).exists()), ROOT / page)
            if not named.exists() or (fragment and fragment not in anchors(named)):
                missing.append(f"{file.relative_to(ROOT)}: {page}#{fragment}")
    assert missing == []


@parameters(DOCUMENTS)
def test_a_link_that_is_the_name_of_a_file_leads_to_that_file(document: Path) -> None:
    named = re.findall(r"\[`?([\w./-]+\.\w+)`?\]\(([^)#\s]+)[^)]*\)", without_blocks(document.read_text()))
    assert [
        link for name, link in named if Path(name).suffix == Path(link).suffix and Path(name).name != Path(link).name
    ] == []


@parameters(PAGES)
def test_a_page_says_first_for_whom_it_is(document: Path) -> None:
    title, _, first = document.read_text(encoding="utf-8").splitlines()[:3]
    assert title.startswith("# ")
    assert re.fullmatch(r"For [^.]+\.", first)


@parameters(PAGES)
def test_the_site_makes_the_same_lists_and_blocks_as_github(document: Path) -> None:
    """Python-Markdown, which the site has, takes what stands in a list's item only at four spaces."""
    text = document.read_text(encoding="utf-8")
    parts = re.compile(r"<(ul|ol|li|pre|table|tr|h\d)\b")
    in_site = markdown.markdown(text, extensions=["tables", "sane_lists", "pymdownx.superfences"])
    on_github = MarkdownIt("commonmark").enable("table").render(text)
    assert Counter(parts.findall(in_site)) == Counter(parts.findall(on_github))


def prose(document: Path) -> Iterator[str]:
    """The lines outside tables, headings, blocks of code, and generated parts, with code and links blanked."""
    for line in by_hand(document):
        if not line.lstrip().startswith("|"):
            yield re.sub(r"`[^`]*`|\[[^\]]*\]\([^)]*\)", "`code`", line)


def by_hand(document: Path) -> Iterator[str]:
    """The lines outside headings, blocks of code, and generated parts."""
    text = re.sub(r"<!-- made by .*?<!-- end -->", "", without_blocks(document.read_text()), flags=re.DOTALL)
    yield from (line for line in text.splitlines() if not line.startswith("#"))


@parameters(DOCUMENTS)
def test_each_sentence_has_a_line_of_its_own(document: Path) -> None:
    """So that a change of one sentence is a change of one line."""
    end = re.compile(r"(?<!^\d)(?<!^ {2}\d)(?<=[\w)`\]*\"'])[.?!]\*{0,2} (?=[A-Z`\[*\"])")
    assert [line for line in prose(document) if end.search(line)] == []


@parameters(DOCUMENTS)
def test_the_words_are_plain(document: Path) -> None:
    """Of the word list of https://developers.google.com/style/word-list, and of words that a reader stumbles over."""
    lines = (re.sub(r"`[^`]*`|\]\([^)]*\)|<http[^>]*>", "`code`", line) for line in by_hand(document))
    assert [line for line in lines if _NOT_PLAIN.search(line)] == []


@parameters(DOCUMENTS)
def test_files_that_are_named_exist(document: Path) -> None:
    named = {
        name
        for text in code(document)
        for name in re.findall(rf"(?<![\w./-])(?:{'|'.join(_FOLDERS)})/[\w./*-]*", text)
        if "…" not in text
    }
    assert {name for name in named if not any(ROOT.glob(name.rstrip("/.")))} <= _NOT_HERE


@parameters(DOCUMENTS)
def test_make_targets_that_are_named_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for text in code(document) for name in re.findall(r"^make ([a-z-]+)", text)}
    assert named <= targets


@parameters(DOCUMENTS)
def test_commands_and_options_that_are_named_exist(document: Path) -> None:
    assert unknown_commands(code(document)) == []


@parameters(DOCUMENTS)
def test_a_line_that_names_two_lists_of_addresses_names_all(document: Path) -> None:
    # The row of a list in a table compares it with the lists above it.
    own_rows = tuple(f"| `{name}` |" for name in ADDRESS_LISTS)
    for line in document.read_text().splitlines():
        named = {name.removeprefix("--") for name in _CODE.findall(line)} & set(ADDRESS_LISTS)
        if len(named) > 1 and not line.startswith(own_rows):
            assert named == set(ADDRESS_LISTS), line


def state_diagram(heading: str) -> list[tuple[str, str]]:
    """The transitions of the state diagram under a heading of docs/explanation/how-it-works.md."""
    section = (ROOT / "docs/explanation/how-it-works.md").read_text().partition(f"\n{heading}\n")[2].partition("\n#")[0]
    (diagram,) = re.findall(r"^```mermaid\nstateDiagram-v2\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return re.findall(r"^ *(\S+) --> ([^\s:]+)", diagram.replace("_", "-"), re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "states"),
    [("## The states of a delivery", DeliveryState), ("## The states of a dead letter", DeadLetterState)],
)
def test_a_state_diagram_has_every_state_of_the_code(heading: str, states: type[StrEnum]) -> None:
    assert {state for pair in state_diagram(heading) for state in pair} - {"[*]"} == set(states)


def test_the_diagram_of_the_delivery_ends_where_the_code_says_that_it_is_final() -> None:
    ends = {source for source, target in state_diagram("## The states of a delivery") if target == "[*]"}
    assert ends == {state for state in DeliveryState if state.is_final}


def test_the_glossary_names_what_is_in_the_code() -> None:
    source = "\n".join(path.read_text() for path in (*ROOT.glob("functions/**/*.py"), *ROOT.glob("[rk]*/**/*.py")))
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/reference/glossary.md").read_text().splitlines()
        if line.startswith("| **")
    ]
    assert len(rows) > 20
    named = {name for _word, _meaning, in_code in rows for name in _CODE.findall(in_code)}
    assert {name for name in named if not re.search(rf"\b{re.escape(name)}\b", source, re.IGNORECASE)} == set()


def test_the_glossary_gives_each_word_once() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\*", (ROOT / "docs/reference/glossary.md").read_text(), re.MULTILINE)
    assert words == sorted(set(words), key=str.lower)


def provider_facts() -> dict[str, dict[str, str]]:
    """The table of docs/guides/providers.md: by provider, then by what each row is about, without links."""
    lines = (
        (ROOT / "docs/guides/providers.md")
        .read_text()
        .partition("\n| | SendGrid |")[2]
        .partition("\n\n")[0]
        .splitlines()
    )
    rows = [[re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell).strip() for cell in line.split("|")] for line in lines[2:]]
    return {
        name: {row[1]: row[column] for row in rows}
        for column, name in enumerate(("sendgrid", "resend", "smtp"), start=2)
    }


@pytest.mark.parametrize("name", MailProviderName)
def test_what_a_provider_can_do_is_in_the_table(name: MailProviderName) -> None:
    abilities, facts = parts_of(name).ABILITIES, provider_facts()[name]
    hours = "none" if abilities.keys_hold is None else f"{abilities.keys_hold.total_seconds() / 3600:g} hours"
    assert facts["idempotency keys"] == hours
    for row, ability in (
        ("records that the worker can ask", abilities.has_records),
        ("events", abilities.has_events),
        ("calling an accepted email back", abilities.can_cancel),
    ):
        assert facts[row].startswith("yes" if ability else "no"), row
    assert facts["largest email"].startswith(f"{abilities.most_bytes // 1_000_000} MB")
    assert re.match(rf"{abilities.most_recipients}\b", facts["recipients of a request"])
    rate = abilities.requests_a_second
    assert facts["requests a second of a new account"].startswith(f"{rate:g} " if rate else ("none", "the server's"))
    assert ("**exactly once**" in facts["what is promised"]) == (abilities.keys_hold is not None)


def figures(document: str, *, above: str) -> list[list[str]]:
    """The rows of the first table below a line that begins so, without the head."""
    below = (ROOT / document).read_text().partition(f"\n{above}")[2]
    rows = re.search(r"^\|.*\n\| ---.*\n((?:\|.*\n)+)", below, re.MULTILINE)
    assert rows is not None
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1].splitlines()]


def test_the_readme_compares_by_the_figures_of_the_document() -> None:
    compared = figures("proof/README.md", above="- *reported*: ")
    shown = figures("README.md", above="`make bench ARGS=peers`")
    # Each is a row there and a column here: once, doubled, lost, reported.
    assert [row[1:] for row in shown] == [list(column) for column in zip(*(row[1:5] for row in compared), strict=True)]


def summary_of_a_run(document: str) -> str:
    """What `make run` shows at its end, without the times."""
    shown = re.search(r"^Run  .*?as it should be\.$", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    assert shown is not None
    return re.sub(r"\d{8}T\d{4}Z|\d+\.\d s", "…", shown[0])


def test_the_readme_shows_the_run_of_the_tutorial_that_a_test_follows() -> None:
    assert summary_of_a_run("README.md") == summary_of_a_run("docs/start/run-it.md")


def test_every_picture_is_shown_and_made_by_a_command() -> None:
    shown = {
        name for path in DOCUMENTS for name in re.findall(r"!\[[^\]]*\]\([^)]*images/([\w-]+)\.png\)", path.read_text())
    }
    assert shown == {path.stem for path in (ROOT / "docs" / "images").iterdir()}
    makers = ("tests/mails/pictures.py", "tests/browser/pictures.py")
    made = "".join((ROOT / maker).read_text() for maker in makers)
    assert [name for name in sorted(shown) if not re.search(rf'"{name}(\.png)?"', made)] == []


def test_the_readme_is_short() -> None:
    words = (ROOT / "README.md").read_text(encoding="utf-8").split()
    assert len(words) < 1200, "what a newcomer needs first; the rest belongs in docs/"
