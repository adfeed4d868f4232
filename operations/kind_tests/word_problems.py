"""Which words a kind lacks: it speaks a language whole, or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any

import yaml
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from functions.shared.project_files import PIPELINE
from operations.errors import OperatorError
from operations.kinds.catalogs import REPORT_FILE, texts_of
from report_kit.mistakes import Place


def word_problems(folder: Path) -> Iterator[str]:
    """Say which texts a language lacks, or has wrong.

    Args:
        folder: of a kind, or another one with `locales/`.
    """
    try:
        texts = [message for message in texts_of(folder, PIPELINE) if message.id]
    except OperatorError:
        return  # The emails say what is wrong.
    for file in sorted(folder.glob("locales/*.po")):
        with file.open("rb") as source:
            catalog = read_po(source)
        known = {(message.id, message.context): message for message in catalog if message.id}
        is_begun = any(map(_is_translated, known.values()))
        for text in texts:
            name = text.id if isinstance(text.id, str) else text.id[0]
            found = known.get((text.id, text.context))
            problem = "does not have" if found is None else _problem(found, is_begun=is_begun)
            if problem:
                yield f"{Place(file, 0)}: {problem} {name!r}. `reports catalogs` adds it; then translate it."
    if (folder / REPORT_FILE).is_file():
        yield from _report_problems(folder / REPORT_FILE)


def _problem(message: Message, *, is_begun: bool) -> str:
    if not _is_translated(message):
        return "says nothing for" if is_begun else ""
    if message.fuzzy:
        return "only guesses (fuzzy) at"
    source = message.id if isinstance(message.id, str) else message.id[-1]
    return "" if all(_names(text) == _names(source) for text in _said(message)) else "has other {placeholders} for"


def _is_translated(message: Message) -> bool:
    return all(_said(message))


def _said(message: Message) -> Sequence[str]:
    """A translation: a text for each plural form that the language has, or the one text."""
    return (message.string or "",) if isinstance(message.string, str | None) else message.string


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _report_problems(file: Path) -> Iterator[str]:
    """The texts of a report.yaml that lack a language which another one has."""
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  `no` is Norwegian
    except (yaml.YAMLError, UnicodeDecodeError):
        return  # The emails say what is wrong.
    texts = dict(_texts(content, ""))
    spoken = set().union(*texts.values())
    for place, by_language in texts.items():
        for language in sorted(spoken - set(by_language)):
            yield f"{Place(file, 0)}: {place} says nothing in {language}, which other texts speak. Translate it."


def _texts(node: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, dict) and "en" in node:
        yield place, node
    elif isinstance(node, dict | list):
        for key, each in node.items() if isinstance(node, dict) else enumerate(node, 1):
            yield from _texts(each, f"{place}.{key}".removeprefix("."))
