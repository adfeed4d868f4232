"""The catalogs of the reports' words: whether they are whole, and how they are brought up to date."""

import re
import shutil
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from functions.shared.project_files import PIPELINE as ROOT
from operations.errors import OperatorError
from operations.kind_tests.word_problems import word_problems
from operations.kinds.catalogs import (
    folders_of_words,
    update_catalogs,
    updated_catalogs,
    updated_kinds,
)

KIT, PAGE, *_ = folders_of_words(ROOT)
CATALOGS = [file for folder in folders_of_words(ROOT) for file in sorted(folder.glob("locales/*.po"))]

MessageKey = tuple[object, str | None]


def read(file: Path) -> dict[MessageKey, Message]:
    with file.open("rb") as source:
        return messages(read_po(source))


def messages(catalog: Catalog) -> dict[MessageKey, Message]:
    return {(message.id, message.context): message for message in catalog if message.id}


def is_translated(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, tuple) else bool(message.string)


def test_the_catalogs_have_every_text_of_the_code_and_no_other() -> None:
    """`make catalogs` brings them up to date."""
    assert updated_catalogs(ROOT) == {}
    assert updated_kinds(ROOT) == {}


@pytest.mark.parametrize("folder", [KIT, PAGE], ids=lambda folder: folder.name)
def test_a_language_is_spoken_whole_or_not_at_all(folder: Path) -> None:
    """By what all kinds share, and by the recipient's page; `./reports test` asks the kinds."""
    assert list(word_problems(folder)) == []


def test_so_is_that_of_a_report_from_sql(tmp_path: Path) -> None:
    file = tmp_path / "report.yaml"
    file.write_text("title: {en: Tea, de: Tee}\nfigures:\n- {label: {en: Cups, de: Tassen}}\n- {label: {en: Pots}}\n")
    assert list(word_problems(tmp_path)) == [
        f"{file}: figures.2.label says nothing in de, which other texts speak. Translate it."
    ]


@pytest.mark.parametrize("file", [file for file in CATALOGS if file.stem == "de"])
def test_mails_and_pages_address_a_german_reader_alike(file: Path) -> None:
    words = " ".join(str(message.string) for message in read(file).values())
    assert re.search(r"\b(Sie|Ihre?)\b", words)
    assert not re.search(r"\b(du|dir|dich|dein\w*)\b", words, re.IGNORECASE)


def missing_texts(file: Path) -> list[object]:
    """The texts that a language lacks once it is begun."""
    texts = read(file)
    is_begun = any(map(is_translated, texts.values()))
    return [key[0] for key, message in texts.items() if is_begun and not is_translated(message)]


def test_the_page_speaks_what_the_mails_speak() -> None:
    spoken = {file.name for file in CATALOGS if any(map(is_translated, read(file).values()))}
    assert {file.name for file in CATALOGS if file.is_relative_to(PAGE)} >= spoken


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of what has words, with a kind of a team's own."""
    for folder in ("report_kit", "kinds", "functions/preferences", "functions/shared/mail"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    menu = tmp_path / "kinds" / "menu"
    menu.mkdir()
    (menu / "__init__.py").write_text('def build(_):\n    return [_("Soup"), _("Fish of {day}"), _("Hello,")]\n')
    return tmp_path


def translate(file: Path, text: str, translation: str) -> None:
    old = f'msgid "{text}"\nmsgstr ""\n'
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, f'msgid "{text}"\nmsgstr "{translation}"\n'))


def test_new_texts_are_added_to_every_language_and_translations_stay(root: Path) -> None:
    catalog = root / "report_kit" / "locales" / "ja.po"
    before, head = read(catalog), catalog.read_text().partition("\n\n")[0]
    (root / "report_kit" / "phrases.py").open("a").write('\nNEW = language.gettext("Good morning")\n')
    changed = update_catalogs(root)
    assert {file.relative_to(root).as_posix() for file in changed} >= {
        "report_kit/locales/messages.pot",
        "report_kit/locales/ja.po",
    }
    after = read(catalog)
    assert {key[0] for key in after.keys() - before.keys()} == {"Good morning"}
    assert missing_texts(catalog) == ["Good morning"]
    assert {key: message.string for key, message in after.items() if key in before} == {
        key: message.string for key, message in before.items()
    }
    assert catalog.read_text().startswith(head + "\n\n")
    assert update_catalogs(root) == []


def test_a_kind_has_its_own_words_in_its_own_folder(root: Path) -> None:
    update_catalogs(root)
    catalog = root / "kinds" / "menu" / "locales" / "ja.po"
    # What all kinds share is the kit's.
    assert {key[0] for key in read(catalog)} == {"Soup", "Fish of {day}"}
    assert missing_texts(catalog) == []
    translate(catalog, "Soup", "スープ")
    assert missing_texts(catalog) == ["Fish of {day}"]
    translate(catalog, "Fish of {day}", "{day}の魚")
    assert missing_texts(catalog) == []


def test_a_language_is_begun_with_every_text(root: Path) -> None:
    changed = update_catalogs(root, new="pt-BR")
    begun = [folder / "locales" / "pt_BR.po" for folder in folders_of_words(root)]
    assert set(begun) <= set(changed)
    for catalog in begun:
        assert '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"' in catalog.read_text()
        assert read(catalog).keys() == read(catalog.parent / "messages.pot").keys()
        assert missing_texts(catalog) == []
    translate(begun[0], "Hello,", "Olá,")
    assert "Unsubscribe from these reports" in missing_texts(begun[0])
    text = begun[0].read_text()
    assert update_catalogs(root, new="pt-BR") == []
    assert begun[0].read_text() == text


@pytest.mark.parametrize("tag", ["xx", "", "../de", "German"])
def test_a_language_that_there_is_none_of_is_refused(root: Path, tag: str) -> None:
    with pytest.raises(OperatorError, match="no language"):
        update_catalogs(root, new=tag)
