"""The skeleton of a kind of report."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from functions.shared import needs
from functions.shared.project_files import PIPELINE as ROOT
from operations.errors import OperatorError
from operations.kinds.catalogs import updated_catalogs
from operations.kinds.kind_source import Source
from operations.kinds.new_kind import write_kind
from report_kit.sql.report_file import read_report_file
from tests.forked_python import run_python
from tests.support import PATIENCE_SECONDS

pytestmark = pytest.mark.starts_process


def run(tree: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python(*arguments, directory=tree, environment={**os.environ, "PYTHONPATH": str(tree), **environment})


@pytest.mark.parametrize(
    ("options", "file", "subject"),
    [
        ([], "kinds/team_notes/templates/report.mjml", "Team notes: Tuesday 24 November"),
        (["--sql", "--source", "postgresql"], "kinds/team_notes/report.yaml", "Team notes: Revenue €"),
    ],
)
def test_a_new_kind_holds_what_every_kind_has_to_and_can_be_looked_at(
    tree: Path, options: list[str], file: str, subject: str
) -> None:
    made = run(tree, "-m", "operations", "new", "team_notes", *options)
    assert (made.returncode, made.stderr) == (0, "")
    assert file in made.stdout
    tested = run(tree, "-m", "operations", "test", "team_notes")
    assert (tested.returncode, "5 passed" in tested.stdout) == (0, True), tested.stdout
    shown = run(tree, "-m", "operations", "preview", "--sample", "--kind", "team_notes", "--period", "2026-11-24")
    assert subject in shown.stdout


def test_a_kind_says_what_a_template_of_trigger_email_says(tree: Path) -> None:
    export = ROOT / "examples/trigger-email.json"
    made = run(tree, "-m", "operations", "new", "following", "--trigger-email", str(export))
    assert (made.returncode, made.stderr) == (0, "")
    assert "--cadence weekly --hour 8." in made.stdout
    assert "attachments are left out" in made.stdout
    # Nothing of the people in the export is in the kind.
    assert "Lovelace" not in "".join(file.read_text() for file in (tree / "kinds/following").rglob("*.*"))
    tested = run(tree, "-m", "operations", "test", "following")
    assert (tested.returncode, "5 passed" in tested.stdout) == (0, True), tested.stdout
    shown = run(tree, "-m", "operations", "preview", "--sample", "--kind", "following", "--amount", "little")
    assert "@Username is now following you!" in shown.stdout
    other = run(tree, "-m", "operations", "new", "welcome", "--trigger-email", str(export))
    assert (other.returncode, "has no template welcome, but: following." in other.stderr) == (1, True)


@pytest.mark.parametrize("source", [None, Source.SQLITE])
def test_a_new_kind_passes_its_own_test_whatever_settings_it_declares(tree: Path, source: Source | None) -> None:
    write_kind("team_notes", tree, source=source)
    kind = tree / "kinds" / "team_notes"
    declared = """
settings:
  TEAM_NOTES_COLOR: {about: What they are written in., default: blue}
  TEAM_NOTES_SIZE: {about: How large they are.}
"""
    with (kind / "needs.yaml").open("a") as file:
        file.write(declared)
    other = kind.parent / "usage" / "needs.yaml"
    other.write_text("settings:\n  USAGE_PLACE: {about: Of another kind.}\n")
    if source is None:
        asked = "    request.setting('TEAM_NOTES_COLOR'), request.setting('TEAM_NOTES_SIZE')\n"
        edit(kind / "__init__.py", "    period = request.period\n", "    period = request.period\n" + asked)
    tested = run(tree, "-m", "operations", "test", "team_notes")
    assert tested.returncode == 0, tested.stdout


def test_a_sample_asks_a_database_for_the_user_that_is_named_and_comes_as_often_as_its_period_says(
    tree: Path, tmp_path: Path
) -> None:
    write_kind("tea_sales", tree, source=Source.SQLITE)
    database = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    database.execute("CREATE TABLE orders (user_id INTEGER, ordered_at TEXT, product TEXT, total NUMERIC)")
    database.execute("INSERT INTO orders VALUES (4711, '2026-11-24 12:00:00', 'Tea', 12.5)")
    database.close()
    asked = ("-m", "operations", "preview", "--sample", "--kind", "tea_sales", "--period", "2026-W48", "--json")
    environment = {"TEA_SALES_DATABASE_URL": f"sqlite:///{tmp_path}/shop.db"}
    shown = run(tree, *asked, "--user", "4711", **environment)
    assert (shown.returncode, shown.stderr) == (0, "")
    told = json.loads(shown.stdout)
    assert told["subject"].startswith("Tea sales: Revenue €12.50")
    assert "You get this report every week." in " ".join((tree / told["text"]).read_text().split())
    made_up = json.loads(run(tree, *asked, **environment).stdout)
    assert made_up["subject"].startswith("Tea sales: Revenue €3,312.17"), "nobody was named"
    refused = run(tree, *asked, "u1", "--user", "4711")
    assert (refused.returncode, "--user" in refused.stderr) == (2, True)


def test_only_a_kind_from_sql_has_a_source(tree: Path) -> None:
    made = run(tree, "-m", "operations", "new", "tea_sales", "--source", "sqlite")
    assert made.returncode == 2
    assert "add --sql" in made.stderr
    assert not (tree / "kinds" / "tea_sales").exists()


@pytest.mark.parametrize("source", Source)
def test_a_new_kind_from_sql_declares_what_its_source_needs(tree: Path, source: Source) -> None:
    write_kind("tea__sales", tree, source=source)
    reports = tree / "kinds"
    found = needs.load(reports)["tea__sales"]
    assert read_report_file(reports / "tea__sales").source == "TEA_SALES_DATABASE_URL"
    assert found.secrets["TEA_SALES_DATABASE_URL"].local == "sqlite://"
    # What is tested is what is deployed, also after a release has raised a version.
    own = {line.partition("==")[0] for line in (ROOT / "requirements-run.in").read_text().splitlines()}
    assert set(found.packages) <= own
    drivers = {
        Source.POSTGRESQL: "psycopg[binary]",
        Source.BIGQUERY: "sqlalchemy-bigquery",
        Source.SQLITE: "sqlalchemy",
    }
    assert drivers[source] in found.packages
    assert bool(found.roles) is (source is Source.BIGQUERY)


@pytest.mark.parametrize("source", [None, Source.SQLITE])
@pytest.mark.parametrize("kind", ["x", "team_notes", "k" * 60])
def test_a_new_kind_is_as_clean_as_the_others_however_long_its_name(
    tree: Path, kind: str, source: Source | None
) -> None:
    files = [str(file) for file in write_kind(kind, tree, source=source) if file.suffix == ".py"]
    for command in (["check"], ["format", "--check"]):
        checked = run(tree, "-m", "ruff", *command, "--no-cache", *files)
        assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("kind", ["", "Team", "9lives", "a-b", "../evil", "a/b", "class", "a" * 64, "é"])
def test_what_no_document_can_name_is_refused(tree: Path, kind: str) -> None:
    with pytest.raises(OperatorError, match="cannot be a kind"):
        write_kind(kind, tree)


def test_nothing_is_written_over(tree: Path) -> None:
    mine = tree / "kinds" / "mine" / "test_mine.py"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(OperatorError, match="kinds/mine exists"):
        write_kind("mine", tree)
    assert mine.read_text() == "mine"
    assert list(mine.parent.iterdir()) == [mine]


@pytest.mark.parametrize(("name", "text"), [("needs.yaml", "settings: 7"), ("__init__.py", "_(")])
def test_nothing_is_left_of_a_kind_that_mistakes_of_others_keep_from_being_made(
    tree: Path, name: str, text: str
) -> None:
    (tree / "kinds" / "usage" / name).write_text(text)
    with pytest.raises(OperatorError, match=r"cannot be written: .*usage"):
        write_kind("team_notes", tree)
    assert not (tree / "kinds" / "team_notes").exists()


def test_a_new_kinds_texts_are_in_the_catalogs(tree: Path) -> None:
    write_kind("menu_of_the_day", tree)
    locales = tree / "kinds" / "menu_of_the_day" / "locales"
    assert {file.name for file in locales.iterdir()} == {
        file.name for file in (tree / "report_kit" / "locales").iterdir()
    }
    for file in locales.iterdir():
        assert 'msgid "Menu of the day: {period}"\nmsgstr ""\n' in file.read_text()
    assert updated_catalogs(tree) == {}


TITLE_OF = """
import sys
from functions.preferences.kinds import offered_times, title_of
for kind in sys.argv[1:]:
    print(*(title_of(kind, locale) for locale in ("en", "de-AT", "fr", "pl")), *offered_times(kind).cadences)
"""


def test_the_recipients_page_calls_a_report_as_its_kind_does(tree: Path) -> None:
    write_kind("tea_sales", tree, source=Source.SQLITE)
    write_kind("team_notes", tree)
    report = tree / "kinds" / "tea_sales" / "report.yaml"
    edit(report, 'title: {en: "Tea sales", de: "Tea sales"}', "title: {en: Tea, de: Tee, fr: Thé}")
    german = tree / "kinds" / "team_notes" / "locales" / "de.po"
    edit(german, 'msgid "Team notes"\nmsgstr ""', 'msgid "Team notes"\nmsgstr "Teamnotizen"')
    made = run(tree, "-m", "operations", "catalogs")
    assert made.stdout.split() == ["kinds/kinds.json"]
    (tree / "titles.py").write_text(TITLE_OF)
    asked = run(tree, "-m", "titles", "tea_sales", "team_notes", "usage", "gone")
    assert asked.stdout.splitlines() == [
        "Tea Tee Thé Tea daily weekly monthly quarterly",
        "Team notes Teamnotizen Team notes Team notes hourly daily weekly biweekly monthly quarterly",
        "Usage Nutzung Usage Usage hourly daily weekly biweekly monthly quarterly",
        "Gone Gone Gone Gone hourly daily weekly biweekly monthly quarterly",
    ]


def test_a_preview_that_is_watched_follows_code_templates_and_mistakes(tree: Path) -> None:
    write_kind("team_notes", tree)
    kind = tree / "kinds" / "team_notes"
    command = [sys.executable, "-m", "operations", "preview", "--kind", "team_notes", "--amount", "little", "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    with subprocess.Popen(command, cwd=tree, env=environment, stderr=subprocess.PIPE, text=True) as watching:
        try:
            assert watching.stderr is not None
            line = next(line for line in watching.stderr if "http://" in line)
            [url] = re.findall(r"http://\S+/", line)

            def next_page(page: str) -> str:
                """The page that follows one, once it is there."""
                asked, deadline = (
                    page.partition('EventSource("/')[2].partition('"')[0],
                    time.monotonic() + PATIENCE_SECONDS,
                )
                while "changed" not in read(url + asked):
                    assert watching.poll() is None
                    assert time.monotonic() < deadline
                return read(url)

            page = read(url)
            page = page if "Note 1" in page else next_page(page)
            assert "Note 1" in page
            edit(kind / "__init__.py", 'str(fields.get("text", ""))', 'str(fields.get("text", "")).upper()')
            page = next_page(page)
            assert "NOTE 1" in page
            edit(kind / "templates" / "report.mjml", "{{ note }}", "{{ nota }}")
            page = next_page(page)
            assert "kinds/team_notes/templates/report.mjml:" in page
            assert "nota" in page
            edit(kind / "templates" / "report.mjml", "{{ nota }}", "<b>{{ note }}</b>")
            page = next_page(page)
            assert "<b>NOTE 1</b>" in page
            edit(kind / "__init__.py", ".upper()", ".capitalise()")
            page = next_page(page)
            assert "team_notes/__init__.py:25: AttributeError" in page
            edit(kind / "__init__.py", ".capitalise()", "[::-1]")
            edit(kind / "sample.py", "Note {number + 1}", "Word {number + 1}")
            while "1 droW" not in page:
                page = next_page(page)
        finally:
            watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=PATIENCE_SECONDS) == 130


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    # As an editor does: whoever watches the file never finds half of it.
    edited = file.with_name(f"{file.name}.edited")
    edited.write_text(text.replace(old, new))
    edited.replace(file)


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310  the preview's own server
        return str(answer.read().decode())


def test_a_preview_of_nothing_says_that_nothing_would_be_sent_and_one_that_fails_is_one_line(tree: Path) -> None:
    write_kind("team_notes", tree)
    preview = ("-m", "operations", "preview", "--sample", "--kind", "team_notes")
    shown = run(tree, *preview, "--amount", "nothing")
    assert (shown.returncode, shown.stdout) == (0, "Nothing would be sent: no notes.\n")
    edit(tree / "kinds/team_notes/__init__.py", "MOST_NOTES\n", "MOST_NOTS\n")
    shown = run(tree, *preview)
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr == ("kinds/team_notes/__init__.py:22: NameError: name 'MOST_NOTS' is not defined\n")
    assert "Traceback (most recent call last)" in run(tree, *preview, "--verbose").stderr
