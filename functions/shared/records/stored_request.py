"""The exact requests of an email, kept in its delivery until that is final, so that a retry sends the same bytes. Pure.

Only where the email provider has idempotency keys: it takes a request once, however often it gets it with the same key
and the same bytes. A report that is built again may differ, and so may one that another version of the code builds.
Therefore the claim stores the bytes before the first request is made.
"""

import hashlib
import json
import lzma
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.records.stored_fields import stored_values
from functions.shared.times.plausible_time import plausible

MOST_STORED_BYTES = 900_000
"""Of the compressed requests. A Firestore document has room for 1,048,576 bytes; the other fields of a delivery, the
history of its attempts above all, take less than 100,000. https://cloud.google.com/firestore/quotas#limits"""

KEY_MARGIN = timedelta(hours=1)
"""How long before the provider forgets a key the last request with it is made: for clocks that differ, and for a
request that takes its time."""

_ID_CHARACTERS = 120


class KeptRequest(NamedTuple):
    """One request, to the byte.

    Attributes:
        address: where it goes: an email address, a webhook's URL, the name of an object or of a secret.
        content: the request's body.
    """

    address: str
    content: bytes


class StoredRequest(NamedTuple):
    """The requests of an email as its delivery keeps them.

    Attributes:
        provider: whose they are, as MAIL_PROVIDER or the subscription's `deliver` names it.
        key: the idempotency key of all of them, to which each adds its number.
        made_at: when a worker was about to make the first of them, in UTC.
        digest: SHA-256 of all of them, in hexadecimal digits.
        packed: all of them, compressed; None where they are larger than MOST_STORED_BYTES, or a repeat needs none.
        deliver: where they go, as the subscription's `deliver` said when they were made; empty for emails.
    """

    provider: str
    key: str
    made_at: datetime
    digest: str
    packed: bytes | None
    deliver: Mapping[str, Any] = {}

    @classmethod
    def of(
        cls,
        requests: Sequence[KeptRequest],
        *,
        provider: str,
        key: str,
        made_at: datetime,
        keep: bool = True,
        deliver: Mapping[str, Any] | None = None,
    ) -> "StoredRequest":
        """Keep requests.

        Args:
            requests: of one email, in the order of their numbers.
            provider: whose they are.
            key: the idempotency key.
            made_at: when the first of them is made, in UTC.
            keep: whether a repeat needs these bytes. Without, the destination takes others with the same key.
            deliver: where they go; None for emails.
        """
        content = _serialized(requests)
        packed = lzma.compress(content, format=lzma.FORMAT_ALONE, preset=0) if keep else None
        kept = packed if packed is not None and len(packed) <= MOST_STORED_BYTES else None
        return cls(provider, key, made_at, hashlib.sha256(content).hexdigest(), kept, deliver or {})

    @classmethod
    def from_field(cls, value: Any) -> "StoredRequest | None":
        """Read a delivery's field; None where it holds none, or one that no worker has written."""
        if not isinstance(value, dict):
            return None
        read, made_at, packed = stored_values(cls, value), plausible(value.get("made_at")), value.get("packed")
        if made_at is None or not all(text for name, text in read.items() if name != "deliver"):
            return None
        return cls(**read, made_at=made_at, packed=packed if isinstance(packed, bytes) else None)

    def to_field(self) -> Mapping[str, Any]:
        """What the delivery keeps."""
        fields = self._asdict()
        return fields if self.deliver else {name: value for name, value in fields.items() if name != "deliver"}

    def requests(self) -> list[KeptRequest]:
        """The requests, to the byte; none where they were too large to keep, or something has changed them."""
        if self.packed is None:
            return []
        try:
            content = lzma.decompress(self.packed, format=lzma.FORMAT_ALONE)
        except (lzma.LZMAError, EOFError):
            return []
        if hashlib.sha256(content).hexdigest() != self.digest:
            return []
        head, _, bodies = content.partition(b"\n")
        kept, start = [], 0
        for address, size in json.loads(head):
            kept.append(KeptRequest(address=address, content=bodies[start : start + size]))
            start += size
        return kept

    def is_same(self, requests: Sequence[KeptRequest]) -> bool:
        """Whether requests are the kept ones, to the byte."""
        return hashlib.sha256(_serialized(requests)).hexdigest() == self.digest

    def may_be_repeated(self, provider: str, *, keys_hold: timedelta, now: datetime) -> bool:
        """Whether the provider still knows the key.

        Args:
            provider: the deployment's.
            keys_hold: how long it knows a key.
            now: the present, in UTC.
        """
        return self.provider == provider and now < self.made_at + keys_hold - KEY_MARGIN


def request_key(delivery_id: str, *, task: str, attempt: int) -> str:
    """The idempotency key of an email's requests: another one for each email that is wanted.

    Args:
        delivery_id: the delivery's.
        task: the id of the latest task that an operator made; empty where none did. A replay is an email of its own.
        attempt: how often a worker had claimed the delivery since. Where the provider had refused the requests before,
            those that are made now may have other bytes.

    Returns:
        ASCII, 200 characters at most. It begins with the delivery's id, for a person who reads the provider's log.
    """
    told = "".join(each if each.isascii() and each.isprintable() else "_" for each in delivery_id[:_ID_CHARACTERS])
    rest = hashlib.sha256(json.dumps([delivery_id, task, attempt]).encode()).hexdigest()[:32]
    return f"{told}/{rest}"


def _serialized(requests: Sequence[KeptRequest]) -> bytes:
    head = json.dumps([[each.address, len(each.content)] for each in requests]).encode()
    return head + b"\n" + b"".join(each.content for each in requests)
