"""Tells people of dead letters: carries out what functions.dlq_handler.alert_policy decides."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from google.cloud import firestore

from functions.dlq_handler.alert import make_alert
from functions.dlq_handler.alert_policy import CauseState, Covered, Decision, Tell, claimed, decide, heralded, settled
from functions.dlq_handler.channels import Channel, ChannelFailed
from functions.dlq_handler.dead_letters import DeadLetters, Record

COLLECTION = "alerts"
"""One document a cause: what functions.dlq_handler.alert_policy has to know of it."""

MAX_LETTERS = 5000
"""How many dead letters one alert counts; what is beyond is in the next, a minute later."""

_KEEP = timedelta(days=30)
"""After how long a cause that came no more may be forgotten: by a Firestore TTL policy on `expire_at`."""

_TRANSACTION_ATTEMPTS = 10

Result = TypeVar("Result")

_logger = structlog.get_logger()


class AlertPending(Exception):
    """Somebody is still to be told, and the message must be delivered again for that."""


class Alerts:
    """Tells every channel of every dead letter, and no channel twice.

    Args:
        client: of Firestore.
        letters: the dead letters.
        channels: who is told.
        project: the Google Cloud project's id.
        location: the functions' region.
        now: the present, in UTC.
    """

    def __init__(
        self,
        *,
        client: firestore.Client,
        letters: DeadLetters,
        channels: Sequence[Channel],
        project: str,
        location: str,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._collection = client.collection(COLLECTION)
        self._letters = letters
        self._channels = {channel.name: channel for channel in channels}
        self._project = project
        self._location = location
        self._now = now

    def tell(self, record: Record) -> None:
        """See to it that people are told of a stored dead letter: now, or with others of its cause.

        Raises:
            AlertPending: a channel failed, or was told of this cause less than a minute ago.
            google.api_core.exceptions.GoogleAPICallError: Firestore refused something or could not be reached.
        """
        if not self._channels:
            _logger.warning("no alert channel is configured", dead_letter=record.id, reason=record.reason)
            return
        call = uuid.uuid4().hex
        match self._claim(record, call):
            case Tell(channels=due):
                if not self._tell_all(record, call, due):
                    raise AlertPending
            case Covered():
                pass
            case _:
                raise AlertPending

    def _claim(self, record: Record, call: str) -> Decision:
        reference = self._collection.document(record.cause)

        def decision(state: CauseState) -> Decision:
            return decide(
                state,
                letter=record.id,
                needs_alert=record.needs_alert,
                channels=list(self._channels),
                now=self._now(),
            )

        # Of thousands with one cause nearly all end here, without a transaction on the cause's document.
        decided = decision(CauseState.from_fields(reference.get().to_dict()))
        if isinstance(decided, Covered):
            return decided

        def change(state: CauseState) -> tuple[CauseState, Decision]:
            match decision(state):
                case Tell() as tell:
                    return claimed(state, by=call, now=self._now()), tell
                case Covered() as covered:
                    return state, covered
                case wait:
                    return heralded(state, record.id), wait

        return self._change(reference, change)

    def _tell_all(self, record: Record, call: str, due: Sequence[str]) -> bool:
        """Tell the channels that are due of all that they do not know; True if nothing is left to be told."""
        records = self._letters.untold(record.cause, limit=MAX_LETTERS)
        told = set()
        for name in due:
            news = [each for each in records if name not in each.alerts]
            if news and self._send(name, news, record):
                told.add(name)
        now = self._now()
        if told:
            self._letters.mark_told(records, told, all_channels=set(self._channels), now=now)

        def settle(state: CauseState) -> tuple[CauseState, None]:
            return settled(state, by=call, told=told, now=now), None

        self._change(self._collection.document(record.cause), settle)
        return len(records) < MAX_LETTERS and all(
            self._channels.keys() <= each.alerts.keys() | told for each in records
        )

    def _send(self, name: str, records: Sequence[Record], current: Record) -> bool:
        """Tell one channel of these dead letters; True if it took the alert."""
        moments = [each.received_at for each in records if each.received_at]
        alert = make_alert(
            next((each for each in records if each.id == current.id), records[0]),
            others=len(records) - 1,
            since=min(moments, default=self._now()),
            project=self._project,
            location=self._location,
        )
        try:
            self._channels[name].send(alert)
        except ChannelFailed as error:
            _logger.warning("an alert was not taken", channel=name, error=str(error), dead_letters=len(records))
            return False
        _logger.info("alerted", channel=name, dead_letters=len(records), cause=current.cause)
        return True

    def _change(self, reference: Any, change: Callable[[CauseState], tuple[CauseState, Result]]) -> Result:
        expire_at = self._now() + _KEEP

        @firestore.transactional
        def run(transaction: firestore.Transaction) -> Result:
            state = CauseState.from_fields(reference.get(transaction=transaction).to_dict())
            after, result = change(state)
            if after != state:
                transaction.set(reference, {**after.to_fields(), "expire_at": expire_at})
            return result

        result: Result = run(self._client.transaction(max_attempts=_TRANSACTION_ATTEMPTS))
        return result
