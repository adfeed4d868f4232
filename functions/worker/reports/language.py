"""The languages of the reports: their words are in the catalogs of `locales/`."""

from pathlib import Path

from functions.shared.mail.language import Catalogs
from functions.shared.mail.language import Language as Language

LOCALES = Path(__file__).parent / "locales"

_catalogs = Catalogs(LOCALES)


def language_for(tag: str) -> Language:
    """The language for a locale as a user's document names it: that one, else its language, else English.

    Args:
        tag: BCP 47, such as `ja` or `en-US`. Anything else counts as English.
    """
    return _catalogs.language(tag)


def forget_catalogs() -> None:
    """Read the catalogs again with the next report, since they have changed."""
    global _catalogs
    _catalogs = Catalogs(LOCALES)
