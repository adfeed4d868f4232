"""Reads a dead letter from a message of the dead letter topic.

Every message becomes one: a message that names no delivery is stored under a hash of its content.
"""

import base64
import contextlib
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from functions.dlq_handler.intake.pubsub_message import PubSubMessage
from functions.shared.records.contract import describe_validation_error
from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.records.ids import DocumentId
from functions.shared.times.plausible_time import plausible

MAX_RAW_BYTES = 512 * 1024
"""How much of a message that is not a dead letter is stored: with the other fields well below Firestore's 1 MiB.
https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

MAX_TEXT_CHARACTERS = 10_000
"""How much of each text of a dead letter is stored."""

MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_BYTES = 1024
"""https://cloud.google.com/pubsub/quotas#resource_limits"""

_MAX_ATTEMPTS = 2**31 - 1
_VARIABLE = re.compile(
    r"""
      (?P<kept>\b(?:answered|status|code|http)[\ :=]{1,2}[1-5]\d\d\b)   # the status of an answer tells errors apart
    | "[^"]*" | '[^']*'          # quoted values
    | https?://\S+               # URLs, which have ids in them
    | \S+@\S+                    # addresses
    | \b(?=[\w-]*\d)[\w-]+       # words with a digit: ids, times, counts, hexadecimal numbers
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MAX_READ_CHARACTERS = 2000
_MAX_COMPARED_CHARACTERS = 300
_TASK_FIELDS = {"user_id", "subscription_id", "delivery_id", "due_at", "run_id", "kind", "body"}
_document_id: TypeAdapter[str] = TypeAdapter(DocumentId)


class ReceivedDeadLetter(NamedTuple):
    """A dead letter as one message brings it.

    Attributes:
        id: the id of its document.
        payload: the task's fields as JSON has them; where the message is not a dead letter, its content.
        reason: why the report became a dead letter, as functions.shared.records.dead_letter.DeadLetterReason has it.
        error: what went wrong.
        attempts: how often the worker was called for the report.
        task_name: the name of the task that failed; empty where no task did.
        failed_at: when the report was given up; where the message does not say, when it was published.
        message_id: the id of the Pub/Sub message.
        cause: what it has in common with other dead letters, as an id.
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
        """The document's fields that the message decides."""
        fields = self._asdict() | {"payload": dict(self.payload)}
        del fields["id"]
        return fields


def read_dead_letter(message: PubSubMessage) -> ReceivedDeadLetter:
    """Read a message. One that is not a dead letter becomes one, with its content and the reason `invalid-task`."""
    try:
        letter = DeadLetter.model_validate_json(message.data)
    except ValidationError as error:
        return unreadable_dead_letter(message, f"the message is not a dead letter: {describe_validation_error(error)}")
    task_name = _cut_text(message.attributes.get("CloudTasksTaskName", ""))
    fields = letter.model_dump(mode="json", include=_TASK_FIELDS, exclude_none=True)
    return ReceivedDeadLetter(
        id=_letter_id(letter, task_name, message),
        payload={name: _cut_text(value) for name, value in fields.items()},
        reason=letter.reason.value,
        error=_cut_text(letter.error),
        attempts=max(0, min(letter.attempts, _MAX_ATTEMPTS)),
        task_name=task_name,
        # No failure could be later than one in the year 9999.
        failed_at=plausible(letter.failed_at) or message.published_at,
        message_id=message.message_id,
        cause=cause_id(letter.reason.value, letter.error),
    )


def unreadable_dead_letter(message: PubSubMessage, error: str) -> ReceivedDeadLetter:
    """Make a dead letter that keeps the content of a message that is not a dead letter, or that Firestore does not
    take.

    Args:
        message: the message.
        error: why it cannot be read or stored.
    """
    reason = DeadLetterReason.INVALID_TASK.value
    error = _cut_text(error)
    return ReceivedDeadLetter(
        id=_content_hash(message),
        payload={**_raw_content(message.data), "attributes": _storable_attributes(message.attributes)},
        reason=reason,
        error=error,
        attempts=0,
        task_name=_cut_text(message.attributes.get("CloudTasksTaskName", "")),
        failed_at=message.published_at,
        message_id=message.message_id,
        cause=cause_id(reason, error),
    )


def normalized_error(error: str) -> str:
    """An error's text without what differs from one report to the next: numbers, ids, addresses, quoted values."""
    text = _VARIABLE.sub(lambda match: match["kept"] or "…", error[:_MAX_READ_CHARACTERS])
    return " ".join(text.lower().split())[:_MAX_COMPARED_CHARACTERS]


def cause_id(reason: str, error: str) -> str:
    """The id of a cause, which is also a document's id: thousands of reports that fail for the same cause need one
    alert."""
    return hashlib.sha256(f"{reason}\x00{normalized_error(error)}".encode(errors="replace")).hexdigest()[:32]


def _raw_content(data: bytes) -> dict[str, Any]:
    """Content as text if it is text, in base64 otherwise, and its length."""
    kept = data[:MAX_RAW_BYTES]
    try:
        text = kept.decode()
    except UnicodeDecodeError as error:
        if len(kept) == len(data) or error.reason != "unexpected end of data":
            encoded = base64.b64encode(data[: MAX_RAW_BYTES // 4 * 3]).decode()
            return {"base64": encoded, "bytes": len(data)}
        text = kept[: error.start].decode()  # the cut went through a character
    return {"text": text, "bytes": len(data)}


def _storable_attributes(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    """The attributes as a list, since not every key can be a field's name; as many as Pub/Sub allows."""
    return [
        {"key": _cut_bytes(key, MAX_ATTRIBUTE_BYTES), "value": _cut_bytes(value, MAX_ATTRIBUTE_BYTES)}
        for key, value in list(attributes.items())[:MAX_ATTRIBUTES]
    ]


def _letter_id(letter: DeadLetter, task_name: str, message: PubSubMessage) -> str:
    for name in (letter.letter_id, letter.delivery_id):
        with contextlib.suppress(ValidationError):
            return _document_id.validate_python(name)
    if task_name:
        # The worker publishes a task's dead letter again if Pub/Sub's answer to the first one was lost.
        return _hash(task_name.encode(errors="replace"))
    return _content_hash(message)


def _content_hash(message: PubSubMessage) -> str:
    attributes = "\x00".join(f"{key}\x00{value}" for key, value in sorted(message.attributes.items()))
    return _hash(attributes.encode(errors="replace") + b"\x00" + message.data)


def _hash(content: bytes) -> str:
    return f"message-{hashlib.sha256(content).hexdigest()}"


def _cut_text(value: Any) -> Any:
    return value[:MAX_TEXT_CHARACTERS] if isinstance(value, str) else value


def _cut_bytes(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore")
