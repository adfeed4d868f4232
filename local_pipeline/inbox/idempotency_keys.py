"""Idempotency keys: a request that is made again with the same key is carried out once.

https://resend.com/docs/dashboard/emails/idempotency-keys
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from local_pipeline.inbox.faults import Answer

KEYS_HOLD = timedelta(hours=24)
LONGEST_KEY = 256


class OtherRequest(Exception):
    """The key belongs to a request with another body."""


class InProgress(Exception):
    """A request with the key is not finished yet."""


@dataclass(frozen=True, kw_only=True)
class _Finished:
    at: datetime
    digest: bytes
    answer: Answer


class IdempotencyKeys:
    """The keys of the last 24 hours."""

    def __init__(self) -> None:
        self._finished: dict[str, _Finished] = {}
        self._in_progress: set[str] = set()

    def earlier_answer(self, key: str, body: bytes, *, now: datetime) -> Answer | None:
        """What the request with this key was answered; None where there was none, or it is too long ago.

        Args:
            key: the request's.
            body: to the byte. Resend compares payloads after it has brought them into one form, so it takes some bodies
                as the same that are not here. https://resend.com/blog/engineering-idempotency-keys
            now: the present, in UTC.

        Raises:
            OtherRequest: it had another body.
            InProgress: it is not finished yet.
        """
        if key in self._in_progress:
            raise InProgress
        finished = self._finished.get(key)
        if finished is None or now - finished.at >= KEYS_HOLD:
            return None
        if finished.digest != _digest(body):
            raise OtherRequest
        return finished.answer

    @contextmanager
    def in_progress(self, key: str) -> Iterator[None]:
        """Hold a key while its request is carried out."""
        self._in_progress.add(key)
        try:
            yield
        finally:
            self._in_progress.discard(key)

    def keep(self, key: str, body: bytes, answer: Answer, *, at: datetime) -> None:
        """Keep what a request was answered that was carried out. One that failed does not hold its key.

        Args:
            key: the request's.
            body: to the byte.
            answer: to give again.
            at: when it came, in UTC.
        """
        self._finished[key] = _Finished(at=at, digest=_digest(body), answer=answer)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
