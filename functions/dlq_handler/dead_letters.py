"""Dead letters as they are kept: `dead_letters/{delivery_id}` in Firestore.

A message that comes again, or that tells of a death that is recorded, changes nothing of what an operator or an alert
depends on. What does not name a delivery is kept under a hash of the message.
"""

import base64
import contextlib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from google.cloud import firestore
from pydantic import TypeAdapter, ValidationError

from functions.dlq_handler import records
from functions.dlq_handler.causes import cause_id
from functions.dlq_handler.pubsub_message import PubSubMessage
from functions.dlq_handler.records import Records, told_of, unalerted
from functions.shared.contract import describe_validation_error
from functions.shared.dead_letter import OPEN_LETTER_RETENTION, DeadLetter, DeadLetterReason
from functions.shared.ids import DocumentId
from functions.shared.plausible_time import plausible

COLLECTION = "dead_letters"

MAX_RAW_BYTES = 512 * 1024
"""How much is kept of a message that is not a dead letter: with its other fields well below Firestore's 1 MiB.
https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

MAX_TEXT_CHARACTERS = 10_000
"""How much is kept of each text of a dead letter."""

MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_BYTES = 1024
"""https://cloud.google.com/pubsub/quotas#resource_limits"""

_MAX_COUNT = 2**31 - 1
_CAUSE = re.compile(r"[0-9a-f]{32}")
VARIOUS = "various"
"""The cause of those that are told of together although each has its own."""

_SHOWN_FIELDS = [
    *("reason", "error", "attempts", "cause", "received_at", "alerted_at", "alerts", "state"),
    *("payload.user_id", "payload.delivery_id", "payload.due_at", "payload.kind", "payload.bytes"),
]
"""What an alert shows and decides by. Left out is the content of what is not a dead letter, half a megabyte each."""
_TASK_FIELDS = {"user_id", "delivery_id", "due_at", "run_id", "kind", "body"}
_document_id: TypeAdapter[str] = TypeAdapter(DocumentId)


class State(StrEnum):
    """What became of a dead letter. Operators set all but the first."""

    OPEN = records.OPEN
    REPLAYED = "replayed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, kw_only=True)
class Death:
    """What one message tells.

    Attributes:
        id: the document that it is recorded in.
        payload: the task's fields, as JSON has them; of what is not a dead letter the content.
        failed_at: when it failed; where the message does not say, when it was published.
        cause: what it has in common with others, as an id.
    """

    id: str
    payload: Mapping[str, Any]
    reason: str
    error: str
    attempts: int
    task_name: str
    failed_at: datetime
    message_id: str
    cause: str

    def to_fields(self) -> dict[str, Any]:
        """The fields that the message decides. Those that the handler and the operators keep come beside them."""
        return {
            "payload": dict(self.payload),
            "reason": self.reason,
            "error": self.error,
            "attempts": self.attempts,
            "task_name": self.task_name,
            "failed_at": self.failed_at,
            "message_id": self.message_id,
            "cause": self.cause,
        }


def read_death(message: PubSubMessage) -> Death:
    """Read a message. One that is not a dead letter becomes a record of what came, with the reason `invalid-task`."""
    try:
        letter = DeadLetter.model_validate_json(message.data)
    except ValidationError as error:
        return unreadable(message, f"the message is not a dead letter: {describe_validation_error(error)}")
    task_name = _cut(message.attributes.get("CloudTasksTaskName", ""))
    fields = letter.model_dump(mode="json", include=_TASK_FIELDS, exclude_none=True)
    return Death(
        id=_id(letter, task_name, message),
        payload={name: _cut(value) for name, value in fields.items()},
        reason=letter.reason.value,
        error=_cut(letter.error),
        attempts=max(0, min(letter.attempts, _MAX_COUNT)),
        task_name=task_name,
        # From one in the year 9999 on no death would be a later one.
        failed_at=plausible(letter.failed_at) or message.published_at,
        message_id=message.message_id,
        cause=cause_id(letter.reason.value, letter.error),
    )


def merge(existing: Mapping[str, Any] | None, death: Death, *, now: datetime) -> dict[str, Any]:
    """Decide what a message changes of the record.

    A message that tells of nothing newer than the record changes nothing: it is the same death, delivered or published
    twice. A later death of the same delivery renews what the record says of it. While the record is open it keeps
    `received_at` and what is known of alerts: somebody has been told already, and has not yet acted. A record that was
    replayed or dismissed opens again, and is alerted again; so is one whose replay has begun (`in_replay`), which fails
    at times before it can be marked as replayed. A record that another program has written, so that no alert would
    ever find it, is written anew.

    Args:
        existing: the record's fields, None where there is no record.
        death: what the message tells.
        now: the present.

    Returns:
        The fields to write; none if nothing changes.
    """
    expiry = {"expire_at": now + OPEN_LETTER_RETENTION}
    if existing is None or not _is_ours(existing):
        return death.to_fields() | unalerted(now) | expiry
    if death.failed_at <= existing["failed_at"]:
        return {}
    if existing["state"] == State.OPEN and existing.get("in_replay") is not True:
        return death.to_fields() | expiry
    return death.to_fields() | unalerted(now) | expiry | {"in_replay": False}


def _is_ours(fields: Mapping[str, Any]) -> bool:
    """Whether a record has what alerts find it by, of the types that they need."""
    alerted_at = fields.get("alerted_at", "")
    return (
        plausible(fields.get("failed_at")) is not None
        and plausible(fields.get("received_at")) is not None
        and any(fields.get("state") == state for state in State)
        and _is_cause(fields.get("cause"))
        and (alerted_at is None or plausible(alerted_at) is not None)
        and isinstance(fields.get("alerts"), dict)
    )


def _is_cause(value: Any) -> bool:
    return isinstance(value, str) and (value == VARIOUS or _CAUSE.fullmatch(value) is not None)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What an alert needs to know of a dead letter.

    Attributes:
        alerts: the channels that were told, and when.
        alerted_at: when the last of all channels was told; None: not all were.
        version: when the document was last written; None where that is not known.
    """

    id: str
    payload: Mapping[str, Any]
    reason: str
    error: str
    attempts: int
    cause: str
    received_at: datetime | None
    alerted_at: datetime | None
    alerts: Mapping[str, datetime]
    state: str
    version: datetime | None = None

    @classmethod
    def from_document(cls, document_id: str, fields: Mapping[str, Any], version: datetime | None = None) -> "Record":
        """Read a record. Operators and tools write to it too: a field of another type counts as absent."""

        def field(name: str, kind: type, default: Any) -> Any:
            value = fields.get(name)
            return value if isinstance(value, kind) else default

        reason, error, cause = field("reason", str, ""), field("error", str, ""), fields.get("cause")
        return cls(
            id=document_id,
            payload=field("payload", dict, {}),
            reason=reason,
            error=error,
            attempts=field("attempts", int, 0),
            cause=str(cause) if _is_cause(cause) else cause_id(reason, error),
            received_at=plausible(fields.get("received_at")),
            alerted_at=field("alerted_at", datetime, None),
            alerts=told_of(fields),
            state=field("state", str, ""),
            version=version,
        )

    @property
    def needs_alert(self) -> bool:
        """Whether somebody is still to be told: not if the operator has dealt with it first."""
        return self.state == State.OPEN and self.alerted_at is None


class DeadLetters(Records[Record]):
    """The collection of dead letters.

    Args:
        client: of Firestore.
    """

    def __init__(self, client: firestore.Client) -> None:
        super().__init__(client, collection=COLLECTION, read=Record.from_document, shown=_SHOWN_FIELDS, various=VARIOUS)

    def store(self, death: Death, *, now: datetime) -> Record:
        """Record a death, once however often its message comes; returns the record as it then is.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        return self.put(death.id, lambda existing: merge(existing, death, now=now))


def unreadable(message: PubSubMessage, error: str) -> Death:
    """A message that is not a dead letter, or that cannot be stored as one: what came, under a hash of it."""
    reason = DeadLetterReason.INVALID_TASK.value
    error = _cut(error)
    return Death(
        id=_content_hash(message),
        payload={**_raw(message.data), "attributes": _attributes(message.attributes)},
        reason=reason,
        error=error,
        attempts=0,
        task_name=_cut(message.attributes.get("CloudTasksTaskName", "")),
        failed_at=message.published_at,
        message_id=message.message_id,
        cause=cause_id(reason, error),
    )


def _raw(data: bytes) -> dict[str, Any]:
    """Content as it is: text where it is text, base64 where not, and how long it was."""
    kept = data[:MAX_RAW_BYTES]
    try:
        text = kept.decode()
    except UnicodeDecodeError as error:
        if len(kept) == len(data) or error.reason != "unexpected end of data":
            encoded = base64.b64encode(data[: MAX_RAW_BYTES // 4 * 3]).decode()
            return {"base64": encoded, "bytes": len(data)}
        text = kept[: error.start].decode()  # the cut went through a character
    return {"text": text, "bytes": len(data)}


def _attributes(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    """As a list: not every key can be the name of a field. No more of them than Pub/Sub lets a message have."""
    return [
        {"key": _cut_bytes(key, MAX_ATTRIBUTE_BYTES), "value": _cut_bytes(value, MAX_ATTRIBUTE_BYTES)}
        for key, value in list(attributes.items())[:MAX_ATTRIBUTES]
    ]


def _id(letter: DeadLetter, task_name: str, message: PubSubMessage) -> str:
    for name in (letter.letter_id, letter.delivery_id):
        with contextlib.suppress(ValidationError):
            return _document_id.validate_python(name)
    if task_name:
        # The same task, published again because the first word of it was not heard, is the same dead letter.
        return _hash(task_name.encode(errors="replace"))
    return _content_hash(message)


def _content_hash(message: PubSubMessage) -> str:
    attributes = "\x00".join(f"{key}\x00{value}" for key, value in sorted(message.attributes.items()))
    return _hash(attributes.encode(errors="replace") + b"\x00" + message.data)


def _hash(content: bytes) -> str:
    return f"message-{hashlib.sha256(content).hexdigest()}"


def _cut(value: Any) -> Any:
    return value[:MAX_TEXT_CHARACTERS] if isinstance(value, str) else value


def _cut_bytes(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore")
