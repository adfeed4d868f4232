"""Firestore calls that end in time.

Pub/Sub waits ten seconds for an answer unless the subscription says otherwise, and delivers again after that: a call
that hangs would only be made again beside itself. What the client tries by itself goes on for up to five minutes.
https://cloud.google.com/pubsub/docs/subscription-properties#ack_deadline
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore


class Call(TypedDict):
    """How a call of Firestore's client is made: `call(**QUICK)`."""

    retry: Retry
    timeout: float


def _within(seconds: float) -> Call:
    return Call(retry=Retry(predicate=_TRANSIENT, initial=0.1, maximum=1.0, timeout=seconds), timeout=seconds * 0.7)


_TRANSIENT = if_exception_type(
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
)

QUICK = _within(3.0)
"""For one document, which takes a few milliseconds."""

BULK = _within(10.0)
"""For hundreds or thousands of them. Should that take longer than Pub/Sub waits, the message is delivered again and
finds that somebody alerts already."""

_LOST = (exceptions.Aborted, exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound)
"""How Firestore says that the document is no longer what was read."""

_TRIES = 8

Result = TypeVar("Result")
Fields = Mapping[str, Any]


def change(
    client: firestore.Client,
    reference: firestore.DocumentReference,
    decide: Callable[[Fields | None], tuple[Fields, Result]],
) -> Result:
    """Read a document, decide, and write only if nobody has written meanwhile; else read and decide again.

    A transaction would do the same with two calls more, holding a lock meanwhile, and those calls cannot be given a
    time limit. A write whose answer was lost counts as somebody else's: `decide` then sees what it has done itself.

    Args:
        client: of Firestore.
        reference: the document.
        decide: given its fields, None where it does not exist, returns those to write, none for no change, and what
            is to be returned.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore refused it, could not be reached, or others were
            faster every time.
    """
    tries = 0
    while True:
        snapshot = reference.get(**QUICK)
        fields, result = decide(snapshot.to_dict())
        if not fields:
            return result
        try:
            if snapshot.exists:
                version = client.write_option(last_update_time=snapshot.update_time)
                reference.update(dict(fields), option=version, **QUICK)
            else:
                reference.create(dict(fields), **QUICK)
        except _LOST:
            tries += 1
            if tries == _TRIES:
                raise
            time.sleep(random.uniform(0, 0.02 * 2**tries))  # noqa: S311  it only spreads the tries
        else:
            return result
