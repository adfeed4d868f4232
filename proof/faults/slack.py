"""Reads messages in Slack as people do, and counts the records that each covers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_MORE = re.compile(r"\bAnd (\d+) more\b")
_DEAD_LETTER = "*Dead letter*\n"
_REASON = "*Reason*\n"


@dataclass(frozen=True)
class Told:
    """A message.

    Attributes:
        title: its first line.
        reason: why a report was not sent; empty where it is about the system itself.
        count: how many dead letters or system alerts it covers.
    """

    title: str
    reason: str
    count: int

    @property
    def is_of_dead_letter(self) -> bool:
        """Whether it is about reports."""
        return bool(self.reason)


def read_message(payload: Mapping[str, Any]) -> Told:
    """Read a message by its blocks, as Slack shows them."""
    texts = list(_texts(payload.get("blocks", []))) or [str(payload.get("text", ""))]
    letter = any(text.startswith(_DEAD_LETTER) for text in texts)
    reasons = [text.removeprefix(_REASON) for text in texts if text.startswith(_REASON)]
    others = sum(int(found[1]) for text in texts if (found := _MORE.search(text)) and not text.startswith("```"))
    return Told(texts[0], reasons[0] if letter else "", 1 + others)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "text" and isinstance(each, str):
                yield each
            else:
                yield from _texts(each)
