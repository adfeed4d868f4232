"""The catalogs of the words of reports and of the recipient's page: collects the texts of the code, and adds what is
new to every language.

`reports catalogs` and `make catalogs` bring them up to date.
"""

import io
import json
from pathlib import Path
from tokenize import TokenError
from typing import Any

import yaml
from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

from functions.shared import needs
from operations.errors import OperatorError

_EVERYWHERE = "functions/shared/mail/language.py"
"""Has texts that every catalog needs, but those of kinds, which have them of the kit."""

_COMMENTS = ("Translators:",)

_TEMPLATE = "messages.pot"

REPORT_FILE = "report.yaml"


def folders_of_words(project: Path, *, pipeline: Path | None = None) -> list[Path]:
    """The folders with words for people who read in their own language: each kind, and in a clone the kit's and the
    recipient's page before them.

    Args:
        project: the folder that holds `kinds/`.
        pipeline: that of the pipeline; None where that is the project, too: a clone.
    """
    own = [project / "report_kit", project / "functions" / "preferences"]
    return [*([] if pipeline else own), *_kinds(project)]


def texts_of(folder: Path, pipeline: Path) -> Catalog:
    """The texts that the Python files below a folder mark for translation, each with the places where it is used. Those
    of a kind are without what the kit has; those of others have what every catalog needs.

    Raises:
        OperatorError: a file is not Python.
    """
    found, known = Catalog(), Catalog()
    if folder.parent.name == "kinds":
        known = texts_of(pipeline / "report_kit", pipeline)
    else:
        file = pipeline / _EVERYWHERE
        for line, text, comments, context in extract_from_file("python", file, comment_tags=_COMMENTS):
            found.add(text, locations=[(file.name, line)], auto_comments=comments, context=context)
    try:
        for name, line, text, comments, context in extract_from_dir(folder, comment_tags=_COMMENTS):
            if known.get(text if isinstance(text, str) else text[0], context) is None:
                found.add(text, locations=[(name, line)], auto_comments=comments, context=context)
    except (SyntaxError, TokenError) as error:
        raise OperatorError(f"The texts of {folder.name} cannot be read: {error}.") from error
    return found


def updated_catalogs(project: Path, *, pipeline: Path | None = None, new: str | None = None) -> dict[Path, str]:
    """What the catalogs should be for the code as it is: texts that are new are added, empty, and others taken out. A
    kind has a catalog for each language of the kit, where it has texts. A project has the kit's words and the page's in
    languages of its own.

    A translation stays as it is, and so does the head of a file.

    Args:
        new: a language to begin, such as `de` or `pt-BR`; one that exists is brought up to date.

    Returns:
        the files that have to change, with their text.

    Raises:
        OperatorError: there is no such language, or a file is not Python.
        OSError: a file cannot be read.
    """
    begun = {f"{_locale(new)}.po"} if new is not None else set()
    kit = (pipeline or project) / "report_kit"
    spoken = {file.name for file in (kit / "locales").glob("*.po")}
    languages = begun | spoken
    texts: dict[Path, str] = {}
    for folder in (kit, pipeline / "functions" / "preferences") if pipeline else ():
        locales = project / "locales" / folder.name
        own = (begun - spoken) | {file.name for file in locales.glob("*.po")}
        texts |= {locales / name: _updated(locales / name, texts_of(folder, kit.parent)) for name in own}
        languages |= own
    for folder in folders_of_words(project, pipeline=pipeline):
        if not (template := texts_of(folder, pipeline or project)):
            continue
        locales = folder / "locales"
        texts[locales / _TEMPLATE] = _body(template, width=76)
        for name in languages | {file.name for file in locales.glob("*.po")}:
            texts[locales / name] = _updated(locales / name, template)
    return {
        file: text for file, text in texts.items() if not file.is_file() or file.read_text(encoding="utf-8") != text
    }


def _updated(file: Path, template: Catalog) -> str:
    if not file.is_file():
        catalog = Catalog(Locale.parse(file.stem))
        catalog.update(template)
        return _head(catalog) + _body(catalog)
    text = file.read_text(encoding="utf-8")
    catalog = read_po(io.BytesIO(text.encode()), locale=file.stem)
    catalog.update(template, no_fuzzy_matching=True)
    # The head has a team's own words: it ends with the first empty line.
    return text.partition("\n\n")[0] + "\n\n" + _body(catalog)


def updated_kinds(project: Path) -> dict[Path, str]:
    """What the recipient's page and the API should know of the kinds, which they cannot ask: which there are, what
    recipients choose from, and by language the title of a report.yaml, or of Python the name of the kind in words,
    where its catalogs translate it.

    Returns:
        the file, with its text, if it has to change.

    Raises:
        OSError: a file cannot be read.
        OperatorError: a needs.yaml is malformed.
    """
    try:
        declared = needs.load(project / "kinds")
    except needs.InvalidNeeds as error:
        raise OperatorError(str(error)) from error
    found: dict[str, dict[str, Any]] = {}
    for folder in filter(_is_kind, _kinds(project)):
        each = declared.get(folder.name, needs.Needs())
        about = {"titles": _titles(folder), "cadences": each.cadences, "hours": each.hours}
        found[folder.name] = {name: value for name, value in about.items() if value}
    file = project / "kinds" / "kinds.json"
    text = json.dumps(found, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return {} if file.is_file() and file.read_text(encoding="utf-8") == text else {file: text}


def _is_kind(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("__init__.py", REPORT_FILE))


def _titles(folder: Path) -> dict[str, Any]:
    if (folder / "__init__.py").is_file():
        name = folder.name.replace("_", " ").capitalize()
        known = _translations(folder / "locales", name)
        return {"en": name, **known} if known else {}
    return _title_of(folder / REPORT_FILE) if (folder / REPORT_FILE).is_file() else {}


def _translations(locales: Path, text: str) -> dict[str, Any]:
    """A text in the languages that have it."""
    found = {}
    for file in sorted(locales.glob("*.po")):
        with file.open("rb") as source:
            message = read_po(source).get(text)
        if message is not None and message.string:
            found[file.stem.replace("_", "-").lower()] = message.string
    return found


def _kinds(project: Path) -> list[Path]:
    return sorted(folder for folder in (project / "kinds").iterdir() if folder.is_dir())


def update_catalogs(project: Path, *, pipeline: Path | None = None, new: str | None = None) -> list[Path]:
    """Write what updated_catalogs and updated_kinds say; returns the files."""
    files = [*_write(updated_catalogs(project, pipeline=pipeline, new=new)), *_write(updated_kinds(project))]
    return sorted(files)


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
