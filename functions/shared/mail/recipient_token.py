"""The tokens in the links by which recipients change or stop reports. The worker makes them, and the page reads them.

A token says which subscription it is for, and whose address it went to. All of it is encrypted, so that a link
shows no id, and authenticated, so that only the worker can make one. AES-SIV needs no random number: the same
recipient has the same link in every email (https://www.rfc-editor.org/rfc/rfc5297).
"""

import base64
import hmac
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_LINK, _SEALED, _COPY, _SHARED_COPY = b"recipient", b"sealed", b"copy", b"shared copy"
"""What a token is for. It is authenticated with the content, so no token passes for one of another purpose."""

COPIES = "copies"
"""What stands between a recipient's token and the name of a copy in a link, and before a SharedCopy."""

_ID_BYTES = 4
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


class RecipientToken(NamedTuple):
    """What the link in an email stands for.

    Attributes:
        user_id: whose subscription.
        subscription_id: which.
        copy_of: the hash of the address that the email went to (address_hash), where it is not the user's own:
            such a link can take that address out, and nothing else. Empty for the user.
    """

    user_id: str
    subscription_id: str
    copy_of: str = ""


class SharedCopy(NamedTuple):
    """What the link to a copy stands for where a report goes to no mailbox: it shows the copy, and nothing else.

    Attributes:
        user_id: whose subscription.
        subscription_id: which.
        name: the copy's, without the user (functions.shared.records.archived_copy.CopyName.own_part).
    """

    user_id: str
    subscription_id: str
    name: str


class TokenKeys:
    """Makes tokens by the newest key, and reads those of every key. Safe for threads.

    Args:
        keys: texts of much entropy, the newest first. A key that is no longer among them is no longer read: old emails
            lose their links.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [_Key(key) for key in keys]

    def make(self, token: RecipientToken) -> str:
        """The token as a link has it: letters, digits, hyphens and underscores."""
        return self._encrypt([token.user_id, token.subscription_id, token.copy_of], _LINK)

    def read(self, text: str) -> RecipientToken | None:
        """The token in a link; None where this deployment has not made it."""
        content = self._decrypt(text, _LINK)
        return None if content is None else RecipientToken(*content)

    def seal(self, content: Any) -> str:
        """Content for a form, which the browser returns, and which only this key reads and makes.

        Args:
            content: what JSON can hold.
        """
        return self._encrypt(content, _SEALED)

    def unseal(self, text: str) -> Any:
        """What was sealed; None where this deployment has not sealed it."""
        return self._decrypt(text, _SEALED)

    def make_copy(self, name: str) -> str:
        """The part of a link that stands for a copy in the archive, which follows the token of a recipient.

        Args:
            name: the copy's, without the user (functions.shared.records.archived_copy.CopyName.own_part).
        """
        return self._encrypt(name, _COPY)

    def read_copy(self, text: str) -> str | None:
        """The name of a copy in a link; None where this deployment has not made it."""
        name: str | None = self._decrypt(text, _COPY)
        return name

    def make_shared_copy(self, copy: SharedCopy) -> str:
        """The part of a link that shows a copy to whoever has it, without a recipient's token."""
        return self._encrypt(copy, _SHARED_COPY)

    def read_shared_copy(self, text: str) -> SharedCopy | None:
        """The copy that such a link shows; None where this deployment has not made it."""
        content = self._decrypt(text, _SHARED_COPY)
        return None if content is None else SharedCopy(*content)

    def _encrypt(self, content: Any, purpose: bytes) -> str:
        newest = self._keys[0]
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return _encode(newest.id + newest.cipher.encrypt(text, [purpose]))

    def _decrypt(self, text: str, purpose: bytes) -> Any:
        raw = _decode(text)
        for key in self._keys:
            if hmac.compare_digest(key.id, raw[:_ID_BYTES]):
                try:
                    # The comparison within takes the same time whatever differs.
                    return json.loads(key.cipher.decrypt(raw[_ID_BYTES:], [purpose]))
                except InvalidTag:
                    continue
        return None


class _Key:
    def __init__(self, text: str) -> None:
        self.id = hmac.digest(text.encode(), b"id of the key", "sha256")[:_ID_BYTES]
        """Names the key in its tokens, and tells nothing about it."""
        self.cipher = AESSIV(hmac.digest(text.encode(), b"recipient tokens", "sha512"))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """The bytes of a text that _encode has made; none of any other, although Python would read many of them."""
    if not _TOKEN.fullmatch(text) or len(text) % 4 == 1:
        return b""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return raw if _encode(raw) == text else b""
