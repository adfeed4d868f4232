"""The languages of the reports: their words are in the catalogs of `locales/`, those of a kind in its own."""

import functools
from pathlib import Path

from functions.shared.mail.language import Catalogs
from functions.shared.mail.language import Language as Language
from functions.shared.project_files import own_catalogs
from report_kit.kind_folders import folder_of

LOCALES = Path(__file__).parent / "locales"


def language_for(tag: str, kind: str = "") -> Language:
    """The language for a locale as a user's document names it: that one, else its language, else English.

        >>> language_for("de").day(date(2026, 11, 24)), language_for("xx").tag
        ('Di., 24. November', 'en')

    Args:
        tag: BCP 47, such as `ja` or `en-US`. Anything else counts as English.
        kind: whose words come first; empty: those of all kinds alone.
    """
    return _catalogs(kind).language(tag)


def forget_catalogs() -> None:
    """Read the catalogs again with the next report, since they have changed."""
    _catalogs.cache_clear()


@functools.cache
def _catalogs(kind: str) -> Catalogs:
    if kind:
        return Catalogs(folder_of(kind) / "locales", _catalogs(""))
    return Catalogs(LOCALES, Catalogs(own_catalogs("report_kit")))
