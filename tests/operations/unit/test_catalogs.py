"""The catalogs of the reports' words: whether they are whole, and how they are brought up to date."""

import re
import shutil
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from functions.worker.reports.kinds import kinds
from operations.errors import OperatorError
from operations.kinds.catalogs import PREFERENCES, REPORTS, texts_of, update_catalogs, updated_catalogs, updated_titles

MENU = "menu"
"""A kind that the tests make in a copy of the reports."""
CATALOGS = sorted(REPORTS.glob("locales/*.po"))
PAGES = sorted(PREFERENCES.glob("locales/*.po"))

MessageKey = tuple[object, str | None]


def read(file: Path) -> dict[MessageKey, Message]:
    with file.open("rb") as source:
        return messages(read_po(source))


def messages(catalog: Catalog) -> dict[MessageKey, Message]:
    return {(message.id, message.context): message for message in catalog if message.id}


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def is_translated(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)


def test_the_catalogs_have_every_text_of_the_code_and_no_other() -> None:
    """`make catalogs` brings them up to date."""
    assert [file for folder in (REPORTS, PREFERENCES) for file in updated_catalogs(folder)] == []
    assert updated_titles(PREFERENCES.parent) == {}


@pytest.mark.parametrize("file", [*CATALOGS, *PAGES], ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_a_translation_keeps_every_placeholder(file: Path) -> None:
    for message in read(file).values():
        given = message.string if isinstance(message.string, tuple) else (message.string,)
        source = message.id if isinstance(message.id, tuple) else (message.id,)
        assert not message.fuzzy, message.id
        for text in given:
            assert not text or names(str(text)) == names(str(source[-1])), message.id


@pytest.mark.parametrize("file", [CATALOGS[0].parent / "de.po", PAGES[0].parent / "de.po"])
def test_mails_and_pages_address_a_german_reader_alike(file: Path) -> None:
    words = " ".join(str(message.string) for message in read(file).values())
    assert re.search(r"\b(Sie|Ihre?)\b", words)
    assert not re.search(r"\b(du|dir|dich|dein\w*)\b", words, re.IGNORECASE)


def missing_texts(reports: Path, file: Path) -> list[object]:
    """The texts that a language lacks: those of a kind that speaks it otherwise, and those that kinds share, once it is
    begun at all."""
    catalog = read(file)
    kinds_here = {*kinds(), MENU}
    users = {
        key: {folder if folder in kinds_here else "shared" for folder in folders}
        for key, message in messages(texts_of(reports)).items()
        if (folders := {place.partition("/")[0] for place, _line in message.locations})
    }
    translated = {key for key, message in catalog.items() if is_translated(message)}
    speakers = {next(iter(used_by)) for key, used_by in users.items() if key in translated and len(used_by) == 1}
    if translated:
        speakers.add("shared")
    return [key[0] for key, used_by in users.items() if used_by & speakers and key not in translated]


@pytest.mark.parametrize("file", CATALOGS, ids=lambda file: file.stem)
def test_a_kind_speaks_a_language_whole_or_not_at_all(file: Path) -> None:
    assert missing_texts(REPORTS, file) == []


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_the_page_speaks_a_language_whole_once_it_or_the_mails_are_begun(file: Path) -> None:
    texts = read(file)
    mails = [read(each) for each in CATALOGS if each.name == file.name]
    if any(is_translated(message) for catalog in (texts, *mails) for message in catalog.values()):
        assert [key[0] for key, message in texts.items() if not is_translated(message)] == []


def test_the_page_speaks_what_the_mails_speak() -> None:
    assert {file.name for file in PAGES} >= {file.name for file in CATALOGS}


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A copy of the reports, with a kind of a team's own."""
    copy = tmp_path / "reports"
    shutil.copytree(REPORTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / MENU / "templates").mkdir(parents=True)
    (copy / MENU / "__init__.py").write_text('def build(_):\n    return [_("Soup"), _("Fish of {day}"), _("Hello,")]\n')
    return copy


def translate(file: Path, text: str, translation: str) -> None:
    old = f'msgid "{text}"\nmsgstr ""\n'
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, f'msgid "{text}"\nmsgstr "{translation}"\n'))


def test_new_texts_are_added_to_every_language_and_translations_stay(reports: Path) -> None:
    catalog = reports / "locales" / "ja.po"
    before, head = read(catalog), catalog.read_text().partition("\n\n")[0]
    changed = update_catalogs(reports)
    assert {file.name for file in changed} >= {"messages.pot", "ja.po"}
    after = read(catalog)
    assert {key[0] for key in after.keys() - before.keys()} == {"Soup", "Fish of {day}"}
    assert {key: message.string for key, message in after.items() if key in before} == {
        key: message.string for key, message in before.items()
    }
    assert catalog.read_text().startswith(head + "\n\n")
    assert update_catalogs(reports) == []


def test_a_kind_of_a_teams_own_need_not_speak_every_language_but_none_by_halves(reports: Path) -> None:
    update_catalogs(reports)
    catalog = reports / "locales" / "ja.po"
    assert missing_texts(reports, catalog) == []
    translate(catalog, "Soup", "スープ")
    assert missing_texts(reports, catalog) == ["Fish of {day}"]
    translate(catalog, "Fish of {day}", "{day}の魚")
    assert missing_texts(reports, catalog) == []


def test_a_text_that_all_kinds_share_is_missed(reports: Path) -> None:
    catalog = reports / "locales" / "ja.po"
    (reports / "phrases.py").open("a").write('\nNEW = language.gettext("Good morning")\n')
    update_catalogs(reports)
    assert missing_texts(reports, catalog) == ["Good morning"]


def test_a_language_is_begun_with_every_text(reports: Path) -> None:
    catalog = reports / "locales" / "pt_BR.po"
    assert catalog in update_catalogs(reports, new="pt-BR")
    assert '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"' in catalog.read_text()
    assert read(catalog).keys() == read(reports / "locales" / "messages.pot").keys()
    assert missing_texts(reports, catalog) == []
    translate(catalog, "Hello,", "Olá,")
    missing = missing_texts(reports, catalog)
    assert "Unsubscribe from these reports" in missing
    assert not {"Hello,", "Your activity", "Soup"} & set(missing)
    text = catalog.read_text()
    assert update_catalogs(reports, new="pt-BR") == []
    assert catalog.read_text() == text


@pytest.mark.parametrize("tag", ["xx", "", "../de", "German"])
def test_a_language_that_there_is_none_of_is_refused(reports: Path, tag: str) -> None:
    with pytest.raises(OperatorError, match="no language"):
        update_catalogs(reports, new=tag)
