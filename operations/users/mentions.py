"""Finds the names of a user in texts and in unreadable messages. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from functions.shared.records.ids import malformed_letter_id

ERASED = "[erased]"


class Mentions:
    """Finds one user's names."""

    def __init__(self, user_id: str, addresses: Iterable[str] = ()) -> None:
        self._id = user_id
        self._addresses = {address.casefold() for address in addresses if address}
        # Text that is not JSON, or is cut JSON, may hold names in the escaped form of JSON or of a URL.
        names = (user_id, *self._addresses)
        spellings = {spelling for name in names for spelling in _spellings(name)} | {_in_delivery_id(user_id)}
        # The longest first: the id may be the beginning of the address.
        either = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
        self._pattern = re.compile(rf"(?<![\w-])(?:{either})(?![\w-])", re.IGNORECASE)

    def in_text(self, text: str) -> bool:
        """Whether a text names the user, as a word of its own."""
        return any(self._is_meant(match) for match in self._pattern.finditer(text))

    def erased_from(self, text: str) -> str:
        """A text with the user's names replaced by `[erased]`."""
        return self._pattern.sub(lambda match: ERASED if self._is_meant(match) else match[0], text)

    def in_message(self, content: bytes | str) -> bool:
        """Whether a message names the user: as a value of its JSON, or where it is none, anywhere in its text."""
        text = content.decode(errors="replace") if isinstance(content, bytes) else content
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.in_text(text)
        return self.in_value(value)

    def in_value(self, value: Any) -> bool:
        """Whether a value names the user, at any depth. Numbers count: an id may have lost its quotes."""
        return any(self._in_leaf(leaf) for leaf in _leaves(value))

    def in_payload(self, payload: Mapping[str, Any]) -> bool:
        """Whether a dead letter's payload names the user. The payload holds the message in `body`, `text` or
        `base64`."""
        raw = [payload[name] for name in ("body", "text") if isinstance(payload.get(name), str)]
        raw += _decoded(payload.get("base64"))
        return any(map(self.in_message, raw)) or self.in_value(
            {name: value for name, value in payload.items() if name not in {"body", "text", "base64", "bytes"}}
        )

    def _in_leaf(self, leaf: Any) -> bool:
        return self.in_text(leaf) if isinstance(leaf, str) else str(leaf) == self._id

    def _is_meant(self, match: re.Match[str]) -> bool:
        """Whether a match is one of the user's names: capitals matter in ids, but not in addresses."""
        found = match[0]
        return found in {*_spellings(self._id), _in_delivery_id(self._id)} or any(
            found.casefold() in {spelling.casefold() for spelling in _spellings(address)} for address in self._addresses
        )


def _spellings(name: str) -> tuple[str, str, str]:
    return name, _in_json(name), quote(name, safe="")


def _in_delivery_id(user_id: str) -> str:
    """The user's id in the form that begins the ids of deliveries and dead letters."""
    return malformed_letter_id(user_id).rpartition(":")[0]


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _decoded(value: Any) -> list[bytes]:
    try:
        return [base64.b64decode(value)] if isinstance(value, str) else []
    except (binascii.Error, ValueError):
        return []


def _leaves(value: Any) -> Iterator[Any]:
    unread = [value]
    while unread:
        match unread.pop():
            case dict() as inner:
                unread += [*inner.keys(), *inner.values()]
            case list() as inner:
                unread += inner
            case bool() | None:
                pass
            case leaf:
                yield leaf
