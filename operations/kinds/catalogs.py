"""The catalogs of the words of reports and of the recipient's page: collects the texts of the code, and adds what is
new to every language.

`make catalogs` runs this file.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

from operations.errors import ExitStatus, OperatorError

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
REPORTS = FUNCTIONS / "worker" / "reports"
PREFERENCES = FUNCTIONS / "preferences"

_EVERYWHERE = FUNCTIONS / "shared" / "mail" / "language.py"
"""Has texts that every catalog needs."""

_COMMENTS = ("Translators:",)

_TEMPLATE = "messages.pot"

REPORT_FILE = "report.yaml"


def texts_of(folder: Path) -> Catalog:
    """The texts that the Python files below a folder mark for translation, each with the places where it is used, and
    those that every catalog needs."""
    found = Catalog()
    for line, text, comments, context in extract_from_file("python", _EVERYWHERE, comment_tags=_COMMENTS):
        found.add(text, locations=[(_EVERYWHERE.name, line)], auto_comments=comments, context=context)
    for file, line, text, comments, context in extract_from_dir(folder, comment_tags=_COMMENTS):
        found.add(text, locations=[(file, line)], auto_comments=comments, context=context)
    return found


def updated_catalogs(reports: Path, *, new: str | None = None) -> dict[Path, str]:
    """What the catalogs should be for the code as it is: texts that are new are added, empty, and others taken out.

    A translation stays as it is, and so does the head of a file.

    Args:
        reports: the folder of the reports, or of the page.
        new: a language to begin, such as `de` or `pt-BR`; one that exists is brought up to date.

    Returns:
        the files that have to change, with their text.

    Raises:
        OperatorError: there is no such language.
        OSError: a file cannot be read.
    """
    locales = reports / "locales"
    template = texts_of(reports)
    files = sorted(locales.glob("*.po"))
    texts = {locales / _TEMPLATE: _body(template, width=76)}
    if new is not None and (begun := locales / f"{_locale(new)}.po") not in files:
        catalog = Catalog(_locale(new))
        catalog.update(template)
        texts[begun] = _head(catalog) + _body(catalog)
    for file in files:
        text = file.read_text(encoding="utf-8")
        catalog = read_po(io.BytesIO(text.encode()), locale=file.stem)
        catalog.update(template, no_fuzzy_matching=True)
        # The head has a team's own words: it ends with the first empty line.
        texts[file] = text.partition("\n\n")[0] + "\n\n" + _body(catalog)
    return {
        file: text for file, text in texts.items() if not file.is_file() or file.read_text(encoding="utf-8") != text
    }


def updated_titles(functions: Path) -> dict[Path, str]:
    """What the recipient's page should call the reports, by kind and language, which it cannot ask the kinds for: the
    title of a report.yaml, and of Python the name of the kind in words, where the reports' catalogs translate it.

    Args:
        functions: the folder of the functions.

    Returns:
        the file, with its text, if it has to change.

    Raises:
        OSError: a file cannot be read.
    """
    reports = functions / "worker" / "reports"
    catalogs = {}
    for file in sorted((reports / "locales").glob("*.po")):
        with file.open("rb") as source:
            catalogs[file.stem.replace("_", "-").lower()] = read_po(source)
    titles: dict[str, dict[str, Any]] = {}
    for folder in sorted(reports.iterdir()):
        if (folder / "__init__.py").is_file():
            name = folder.name.replace("_", " ").capitalize()
            words = {tag: message.string for tag, each in catalogs.items() if (message := each.get(name))}
            if known := {tag: text for tag, text in words.items() if text}:
                titles[folder.name] = {"en": name, **known}
        elif (folder / REPORT_FILE).is_file():
            titles[folder.name] = _title_of(folder / REPORT_FILE)
    file = functions / "preferences" / "titles.json"
    text = json.dumps(titles, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return {} if file.is_file() and file.read_text(encoding="utf-8") == text else {file: text}


def update_catalogs(reports: Path, *, new: str | None = None) -> list[Path]:
    """Write what updated_catalogs says; returns the files."""
    return _write(updated_catalogs(reports, new=new))


def update_titles(functions: Path) -> list[Path]:
    """Write what updated_titles says; returns the files."""
    return _write(updated_titles(functions))


def _title_of(file: Path) -> dict[str, str]:
    """The title in a report.yaml, by language; empty where the file is malformed, which its kind's own test says."""
    try:
        # As it is written: `no` is Norwegian.
        title = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["title"]  # noqa: S506  strings alone
        by_language = title if isinstance(title, dict) else {"en": title}
        return {str(tag).lower(): str(text) for tag, text in by_language.items()} if "en" in by_language else {}
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        return {}


def _write(texts: dict[Path, str]) -> list[Path]:
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return list(texts)


def _locale(tag: str) -> Locale:
    try:
        return Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError) as error:
        raise OperatorError(f"{tag!r} is no language that Babel knows: write de, or pt-BR.") from error


def _head(catalog: Catalog) -> str:
    """What the reading side needs to know: the language, the encoding and how plurals are formed."""
    lines = (
        f"Language: {catalog.locale_identifier}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: {catalog.plural_forms}",
    )
    name = Locale.parse(str(catalog.locale_identifier)).get_display_name("en")
    return "\n".join([f"# {name}.", 'msgid ""', 'msgstr ""', *(f'"{line}\\n"' for line in lines)]) + "\n\n"


def _body(catalog: Catalog, *, width: int = 0) -> str:
    file = io.BytesIO()
    write_po(file, catalog, width=width, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)
    return file.getvalue().decode()


def main(languages: list[str]) -> int:
    """Update the catalogs of this checkout.

    Args:
        languages: one to begin, or none.
    """
    try:
        new = next(iter(languages), None)
        for file in (
            *update_catalogs(REPORTS, new=new),
            *update_catalogs(PREFERENCES, new=new),
            *update_titles(FUNCTIONS),
        ):
            print(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)
    except OperatorError as error:
        print(error, file=sys.stderr)
        return ExitStatus.FAILED
    return ExitStatus.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
