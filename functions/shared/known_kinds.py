"""What the functions know of the kinds of report that are deployed without them: `./reports catalogs` makes
`kinds.json`."""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kinds as room
from functions.shared.project_files import PIPELINE, own_catalogs


@functools.cache
def known_kinds() -> Mapping[str, Mapping[str, Any]]:
    """All kinds by their names, each with its titles by language and with what recipients choose from, where it says
    so; empty in a project that has no `kinds.json`."""
    file = Path(room.__path__[0]) / "kinds.json"
    found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


@functools.cache
def known_languages() -> tuple[str, ...]:
    """The languages that reports have words in, such as `de` or `pt-br`."""
    folders = (PIPELINE / "report_kit" / "locales", own_catalogs("report_kit"))
    files = {file.stem.replace("_", "-").lower() for folder in folders for file in folder.glob("*.po")}
    titles = {tag for about in known_kinds().values() for tag in about.get("titles", ())}
    return tuple(sorted({"en"} | files | titles))


def is_known_locale(locale: str) -> bool:
    """Whether reports have words in the language of a locale.

        >>> is_known_locale("en-AU"), is_known_locale("x"), is_known_locale("English, please")
        (True, False, False)

    Args:
        locale: BCP 47, such as `de-AT`.
    """
    language, *_ = re.split("[-_]", locale.lower())
    languages = {each.partition("-")[0] for each in known_languages()}
    return language in languages and re.fullmatch(r"\w+([-_][A-Za-z0-9]{1,8})*", locale, re.ASCII) is not None
