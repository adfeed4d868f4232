"""Languages: which one a user gets."""

import re
from datetime import date, datetime
from gettext import NullTranslations

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from functions.worker.reports.language import LOCALES, Language, language_for


@pytest.mark.parametrize(
    ("tag", "words", "number"),
    [
        ("en", "Type", "1,234.5"),
        ("en-US", "Type", "1,234.5"),
        ("en-ZA", "Type", "1 234,5"),
        ("ja", "種類", "1,234.5"),
        ("ja-JP", "種類", "1,234.5"),
        ("ja_JP", "種類", "1,234.5"),
        ("JA", "種類", "1,234.5"),
        ("ja-Latn-JP-x-whatever", "種類", "1,234.5"),
        # A language without a catalog is English altogether, not English words among other numbers.
        ("lb-LU", "Type", "1,234.5"),
        ("tlh", "Type", "1,234.5"),
        ("", "Type", "1,234.5"),
        ("-", "Type", "1,234.5"),
        ("日本語", "Type", "1,234.5"),
        ("../../etc/passwd", "Type", "1,234.5"),
    ],
)
def test_an_unknown_locale_falls_back_to_its_language_and_then_to_english(tag: str, words: str, number: str) -> None:
    language = language_for(tag)
    assert language.gettext("Type") == words
    assert re.sub(r"\s", " ", language.number(1234.5, 1)) == number


@given(st.text())
def test_any_locale_is_some_language(tag: str) -> None:
    assert language_for(tag).gettext("Type")


def test_english_is_the_worlds_unless_it_is_somewheres() -> None:
    day = date(2026, 11, 24)
    assert [language_for(tag).day(day) for tag in ("en", "en-GB", "en-US", "ja")] == [
        "Tuesday 24 November",
        "Tuesday 24 November",
        "Tue, Nov 24",
        "11月24日(火)",
    ]
    assert [language_for(tag).axis_day(day) for tag in ("en", "en-US", "ja")] == ["24 Nov", "Nov 24", "11月24日"]
    moment = datetime(2026, 11, 24, 13, 5)  # noqa: DTZ001  a wall clock's
    assert re.sub(r"\s", " ", language_for("en-US").time(moment)) == "1:05 PM"
    assert language_for("en").time(moment) == "13:05"


def test_a_debt_has_its_sign_in_front_in_every_direction() -> None:
    hebrew = Language(Locale("he"), NullTranslations())
    assert [hebrew.number(-7.5, 1), hebrew.number(7)] == ["\u200e-7.5", "7"]
    assert language_for("en").number(-7.5, 1) == "-7.5"


def test_plurals_are_the_languages_own() -> None:
    def others(tag: str, count: int) -> str:
        return language_for(tag).ngettext("{number} other type", "{number} other types", count)

    assert [others("en", count) for count in (1, 2)] == ["{number} other type", "{number} other types"]
    assert others("ja", 1) == others("ja", 2) == "その他{number}種類"


def test_german_and_japanese_ship() -> None:
    assert {"de", "ja"} <= {file.stem for file in LOCALES.glob("*.po")}
