"""What types of events are called. Applications have names such as `page.viewed` for them; people read words. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from report_kit import Language, sanitize

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._:/-][A-Za-z0-9]+)*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LONGEST = 60


class TypeLabels:
    """Finds the labels in one language.

    Args:
        maps: from types to labels, what comes first goes first. A label is a text, or a map from languages to texts.
            Others write them: any value may be anything.
        language: of the report.
    """

    def __init__(self, *maps: Any, language: Language) -> None:
        self._maps = [each for each in maps if isinstance(each, Mapping)]
        tag = language.tag
        self._languages = (tag, tag.partition("-")[0], "en")

    def label(self, type_name: str) -> str:
        """What a type is called: by the maps, or else by its own words."""
        for labels in self._maps:
            if label := self._text(labels.get(type_name)):
                return label
        return humanized(type_name)

    def _text(self, label: Any) -> str:
        if isinstance(label, Mapping):
            label = next((label[tag] for tag in self._languages if isinstance(label.get(tag), str)), None)
        return sanitize(label, _LONGEST) if isinstance(label, str) else ""


def humanized(type_name: str) -> str:
    """An identifier as words: `page.viewed` is "Page viewed", `fileUploaded` "File uploaded". Other text is kept."""
    if not _IDENTIFIER.fullmatch(type_name):
        return type_name
    words = [word if len(word) > 1 and word.isupper() else word.lower() for word in _WORD.findall(type_name)]
    text = " ".join(words)
    return text[:1].upper() + text[1:]
