"""A person's language: the words of reports and pages, and how numbers, dates and times are written.

The words are in gettext catalogs, one `.po` file a language, and the English ones in the code. A catalog is read as it
is when it is first needed: there is nothing to compile before a deployment, and nothing to go stale.
"""

import contextlib
import functools
import io
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval, format_skeleton, format_time
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent

_LEFT_TO_RIGHT = "\u200e"

_DOUBLE_STOP = re.compile(r"(?<!\.)\.\.\Z")

SOURCE = Locale("en")
"""The language that the words in the code are written in."""


class Language:
    """The words and the formats for one locale. Safe for threads.

        >>> language.number(1234.5, 1), language.money(1234.5, "EUR"), language.percent(0.25)
        ('1,234.5', '€1,234.50', '25%')
        >>> language.day(date(2026, 11, 24)), language.listed(["Tea", "cocoa", "cake"])
        ('Tuesday 24 November', 'Tea, cocoa and cake')

    Args:
        locale: for numbers, dates and times.
        words: the catalog.
    """

    def __init__(self, locale: Locale, words: NullTranslations) -> None:
        self.locale = locale
        self.gettext = words.gettext
        self.ngettext = words.ngettext
        self.pgettext = words.pgettext
        self._direction = locale.text_direction
        # Without a territory Babel has English dates in the order of the United States; the world's is the other one.
        self._between_sentences = "" if locale.language in {"ja", "zh"} else " "
        self._dates = Locale("en", "GB") if str(locale) == "en" else locale

    @property
    def tag(self) -> str:
        """As BCP 47 writes it: for `lang` in HTML."""
        return str(self.locale).replace("_", "-")

    @property
    def direction(self) -> str:
        """Which way it is written: `ltr` or `rtl`."""
        return self._direction

    def number(self, value: float | Decimal, decimals: int = 0) -> str:
        """A number with so many decimals."""
        # Adding nothing makes the zero of a small debt a zero without a sign.
        text = _decimal(round(float(value), decimals) + 0.0, decimals, self.locale)
        # Within text from right to left the sign of a bare number would stand behind it.
        return _LEFT_TO_RIGHT + text if self.direction == "rtl" and not text[0].isdigit() else text

    def money(self, amount: float | Decimal, currency: str) -> str:
        """An amount with its currency, as the language writes it: "€1,234.50", 「¥1,234」.

        Args:
            amount: how much.
            currency: its code by ISO 4217.
        """
        text: str = format_currency(amount + 0, currency, locale=self.locale)
        return text

    def percent(self, share: float | Decimal) -> str:
        """A share, such as 0.25, in whole percent."""
        text: str = format_percent(share, locale=self.locale)
        return text

    def day(self, day: date) -> str:
        """A day with its weekday: "Tuesday 24 November", 「11月24日(火)」."""
        # Translators: a skeleton of CLDR; which fields a day is named by in full.
        return self.skeleton(day, self.pgettext("day", "MMMMEEEEd"))

    def axis_day(self, day: date) -> str:
        """A day without its weekday, for a chart: "24 Nov"."""
        return self.skeleton(day, "MMMd")

    def axis_month(self, day: date) -> str:
        """A month with its year, for a chart: "Nov 2026"."""
        return self.skeleton(day, "yMMM")

    def days(self, first: date, last: date) -> str:
        """A range of days, both included; the years are named where they differ."""
        fields = "MMMd" if first.year == last.year else "yMMMd"
        text: str = format_interval(_midnight(first), _midnight(last), fields, locale=self._dates)
        return text

    def sentences(self, sentences: Iterable[str]) -> str:
        """Sentences one after another, without those that are empty. One that ends with an abbreviation, such as
        "Nov.", has one full stop."""
        return self._between_sentences.join(_DOUBLE_STOP.sub(".", sentence) for sentence in sentences if sentence)

    def month(self, day: date) -> str:
        """The month of a day, with its year."""
        return self.skeleton(day, "yMMMM")

    def quarter(self, day: date) -> str:
        """The quarter of a day, with its year."""
        return self.skeleton(day, "yQQQQ")

    def weekday(self, day: date) -> str:
        """The weekday of a day, by itself."""
        text: str = format_date(day, "cccc", locale=self._dates)
        return text

    def time(self, moment: datetime) -> str:
        """The time of day, as the moment's own zone has it."""
        return _time_of_day(moment.hour, moment.minute, self._dates)

    def listed(self, items: Sequence[str]) -> str:
        """Several things in a sentence: "Storage, Seats and API calls"."""
        text: str = format_list(list(items), locale=self._dates)
        return text

    def skeleton(self, day: date, fields: str) -> str:
        """A day by some of its fields, in the order and with the signs of the language.

        https://cldr.unicode.org/translation/date-time/date-time-patterns

        Args:
            day: which.
            fields: the letters of CLDR for them, such as `MMMEd`.
        """
        return _by_skeleton(_midnight(day), fields, self._dates)


class Catalogs:
    """The catalogs of a folder, each read when it is first needed. Safe for threads.

    Args:
        folder: which has them, each named after its locale, such as `ja.po`.
        others: have the words that these lack.
    """

    def __init__(self, folder: Path, others: "Catalogs | None" = None) -> None:
        self._folder = folder
        self._others = others
        self._read = functools.cache(self._read_catalog)
        self._language = functools.lru_cache(maxsize=128)(self._find)

    def language(self, tag: str) -> Language:
        """The language for a locale as a document names it: that one, else its language, else English.

        Args:
            tag: BCP 47, such as `ja` or `en-US`. Anything else counts as English.
        """
        return self._language(tag)

    def _find(self, tag: str) -> Language:
        for locale in _from_the_closest(tag):
            if words := self._words(locale):
                return Language(locale, words)
        return Language(SOURCE, NullTranslations())

    def _words(self, locale: Locale) -> NullTranslations | None:
        """The words for a locale, from the catalog of its own name or of its language; None where there is neither."""
        for name in (str(locale), f"{locale.language}_{locale.script}", locale.language):
            if words := self._read(name):
                return words
        return NullTranslations() if locale.language == SOURCE.language else None

    def _read_catalog(self, name: str) -> GNUTranslations | None:
        file = self._folder / f"{name}.po"
        others = self._others._read(name) if self._others else None
        if not file.is_file():
            return others
        with file.open("rb") as source:
            catalog = read_po(source, locale=name)
        compiled = io.BytesIO()
        write_mo(compiled, catalog)
        compiled.seek(0)
        words = GNUTranslations(compiled)
        if others:
            words.add_fallback(others)
        return words


def closest(locale: str, languages: Container[str]) -> str:
    """The language that serves for a locale: its own, or else English.

    Args:
        locale: BCP 47, such as `de-AT`.
        languages: in small letters.
    """
    parts = locale.replace("_", "-").lower().split("-")
    while parts:
        if (tag := "-".join(parts)) in languages:
            return tag
        parts.pop()
    return "en"


def _from_the_closest(tag: str) -> Iterator[Locale]:
    """What Babel knows of a tag: the whole of it, then without its last part, and so on."""
    parts = [part for part in tag.replace("_", "-").split("-") if part][:8]
    while parts:
        with contextlib.suppress(ValueError, UnknownLocaleError):
            yield Locale.parse("-".join(parts), sep="-")
        parts.pop()


@functools.lru_cache(maxsize=4096)
def _decimal(value: float, decimals: int, locale: Locale) -> str:
    text: str = format_decimal(value, "#,##0" + ("." + "0" * decimals if decimals else ""), locale=locale)
    return text


@functools.lru_cache(maxsize=4096)
def _time_of_day(hour: int, minute: int, locale: Locale) -> str:
    text: str = format_time(time(hour, minute), "short", locale=locale)
    return text


@functools.lru_cache(maxsize=4096)
def _by_skeleton(day: datetime, fields: str, locale: Locale) -> str:
    # Without a zone: two moments of different zones may be equal, and their days may not.
    text: str
    try:
        text = format_skeleton(fields, day, locale=locale)
    except KeyError:
        # A language that has nothing like it, or a catalog that asks for none.
        text = format_date(day, "long", locale=locale)
    return text


def _midnight(day: date) -> datetime:
    """Babel takes a moment without a zone as it stands, and turns any other into UTC."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001  meant
