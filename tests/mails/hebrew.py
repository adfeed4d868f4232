"""A language that is written from right to left, for tests: the English words in Hebrew letters."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from report_kit import kind_folders, language, rendering

TAG = "he"

_LETTERS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "אבצדהפגחיזכלמנוקרסטעשתץםןך")


@contextmanager
def hebrew(folder: Path) -> Iterator[None]:
    """Catalogs of Hebrew beside the others, which are there as well.

    Args:
        folder: an empty one.
    """
    with pytest.MonkeyPatch.context() as patch:
        for locales in (language.LOCALES, *kind_folders.folder().glob("*/locales")):
            copy = folder / locales.parent.name / locales.name
            shutil.copytree(locales, copy)
            write_catalog(copy / "messages.pot", copy)
        patch.setattr(language, "LOCALES", folder / language.LOCALES.parent.name / "locales")
        patch.setattr(language, "folder_of", lambda kind: folder / kind)
        language.forget_catalogs()
        rendering.forget_templates()
        yield
    language.forget_catalogs()
    rendering.forget_templates()


def write_catalog(template: Path, folder: Path) -> None:
    """Write a catalog of Hebrew.

    Args:
        template: the words, in English.
        folder: where it goes.
    """
    catalog = Catalog(locale=TAG)
    with template.open("rb") as source:
        for message in read_po(source):
            if isinstance(message.id, str):
                # A skeleton of CLDR is no word.
                text = message.id if message.context else _in_hebrew(message.id)
                catalog.add(message.id, text, context=message.context)
            else:
                catalog.add(message.id, [_in_hebrew(message.id[-1])] * catalog.num_plurals)
    with (folder / f"{TAG}.po").open("wb") as target:
        write_po(target, catalog)


def _in_hebrew(text: str) -> str:
    parts = text.lower().replace("{", "\0{").replace("}", "}\0").split("\0")
    return "".join(part if part.startswith("{") else part.translate(_LETTERS) for part in parts)
