"""Reads the Pub/Sub message in the event that functions-framework makes of a push.

https://cloud.google.com/pubsub/docs/push#receive_push
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from functions.shared.times.plausible_time import time_in

_MAX_ID_CHARACTERS = 200
_FORWARDED = "CloudPubSubDeadLetterSource"
"""The beginning of the attributes that Pub/Sub adds to an undeliverable message, which an operator can have delivered
again. https://cloud.google.com/pubsub/docs/dead-letter-topics"""


class PubSubMessage(NamedTuple):
    """A message as it was published.

    Attributes:
        data: the message's content. Where the event is not one of Pub/Sub's, the event's own data.
        attributes: the message's attributes.
        message_id: the same with every delivery of the message, and never empty.
        published_at: when it was published first; where the event does not say, when it came.
    """

    data: bytes
    attributes: Mapping[str, str]
    message_id: str
    published_at: datetime


def read_pubsub_message(data: Any, *, event_id: str, now: datetime) -> PubSubMessage:
    """Read the message from an event's data, whatever that is: the DLQ handler loses nothing that was delivered.

    Args:
        data: the event's data: the decoded JSON body.
        event_id: the event's `id`.
        now: the present.
    """
    event_id = _storable(event_id)[:_MAX_ID_CHARACTERS] or "unnamed"
    message = data.get("message") if isinstance(data, dict) else None
    if not isinstance(message, dict):
        return PubSubMessage(data=_as_bytes(data), attributes={}, message_id=event_id, published_at=now)
    attributes = message.get("attributes")
    if not isinstance(attributes, dict):
        attributes = {}
    return PubSubMessage(
        data=_decoded(message.get("data", "")),
        attributes={
            _storable(key): _storable(value) for key, value in attributes.items() if not key.startswith(_FORWARDED)
        },
        message_id=_storable(message.get("messageId") or "")[:_MAX_ID_CHARACTERS] or event_id,
        published_at=time_in(attributes.get(f"{_FORWARDED}TopicPublishTime"))
        or time_in(message.get("publishTime"))
        or now,
    )


def _decoded(data: Any) -> bytes:
    if not isinstance(data, str):
        return _as_bytes(data)
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return data.encode(errors="replace")


def _as_bytes(data: Any) -> bytes:
    if data is None:
        return b""
    return data if isinstance(data, bytes) else json.dumps(data).encode()


def _storable(value: Any) -> str:
    """Any value as text that Firestore takes. JSON can hold half a character, a lone surrogate; Firestore cannot."""
    return str(value).encode(errors="replace").decode()
