"""Languages: which one a user gets."""

import re
from datetime import date, datetime
from decimal import Decimal
from gettext import NullTranslations

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from report_kit.language import LOCALES, Language, language_for


@pytest.mark.parametrize(
    ("tag", "words", "number"),
    [
        ("en", "Hello,", "1,234.5"),
        ("en-US", "Hello,", "1,234.5"),
        ("en-ZA", "Hello,", "1 234,5"),
        ("ja", "こんにちは。", "1,234.5"),
        ("ja-JP", "こんにちは。", "1,234.5"),
        ("ja_JP", "こんにちは。", "1,234.5"),
        ("JA", "こんにちは。", "1,234.5"),
        ("ja-Latn-JP-x-whatever", "こんにちは。", "1,234.5"),
        # A language without a catalog is English altogether, not English words among other numbers.
        ("lb-LU", "Hello,", "1,234.5"),
        ("tlh", "Hello,", "1,234.5"),
        ("", "Hello,", "1,234.5"),
        ("-", "Hello,", "1,234.5"),
        ("日本語", "Hello,", "1,234.5"),
        ("../../etc/passwd", "Hello,", "1,234.5"),
    ],
)
def test_an_unknown_locale_falls_back_to_its_language_and_then_to_english(tag: str, words: str, number: str) -> None:
    language = language_for(tag)
    assert language.gettext("Hello,") == words
    assert re.sub(r"\s", " ", language.number(1234.5, 1)) == number


@given(st.text())
def test_any_locale_is_some_language(tag: str) -> None:
    assert language_for(tag).gettext("Hello,")


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


def test_an_amount_may_be_a_decimal() -> None:
    language = language_for("en")
    assert language.money(Decimal("1234.50"), "EUR") == "€1,234.50"
    assert [language.number(Decimal("-0.001"), 2), language.percent(Decimal("0.25"))] == ["0.00", "25%"]


ROWS = ("{number} more row is not shown here.", "{number} more rows are not shown here.")


def test_plurals_are_the_languages_own() -> None:
    def others(tag: str, count: int) -> str:
        return language_for(tag).ngettext(*ROWS, count)

    assert (others("en", 1), others("en", 2)) == ROWS
    assert others("ja", 1) == others("ja", 2) == "このほかに{number}行あります。"


def test_german_and_japanese_ship() -> None:
    assert {"de", "ja"} <= {file.stem for file in LOCALES.glob("*.po")}
