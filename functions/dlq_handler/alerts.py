"""Tells people of what was recorded: carries out what functions.dlq_handler.alert_policy decides."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dlq_handler.alert import Alert
from functions.dlq_handler.alert_policy import CauseState, Covered, Decision, Tell, claimed, decide, heralded, settled
from functions.dlq_handler.channels import Channel
from functions.dlq_handler.documents import QUICK, Fields, Result, change
from functions.dlq_handler.records import Record, Records, RecordType
from functions.dlq_handler.turns import Turns

COLLECTION = "alerts"
"""One document a cause: what functions.dlq_handler.alert_policy has to know of it. And one a channel."""

MOST_WAITING = 20
"""How many causes may wait for their first alert. What comes on top is told of together: hundreds of messages in which
every dead letter has a cause of its own would be read by nobody, and take hours at one a second."""

MAX_RECORDS = 5000
"""How many records one alert counts; what is beyond is in the next, a minute later."""

_KEEP = timedelta(days=30)
"""After how long a cause that came no more may be forgotten: by a Firestore TTL policy on `expire_at`."""

Describe = Callable[[RecordType, int, datetime], Alert]
"""Puts a record in words, given how many others there are and when the first of them all was received."""

_logger = structlog.get_logger()


@dataclass(frozen=True)
class _Crowded:
    """Too many causes wait: tell of this one together with others."""


class AlertPending(Exception):
    """Somebody is still to be told, and the message must be delivered again for that."""


class Alerts:
    """Tells every channel of every record, and no channel twice.

    Args:
        client: of Firestore.
        channels: who is told.
        now: the present, in UTC.
    """

    def __init__(self, *, client: firestore.Client, channels: Sequence[Channel], now: Callable[[], datetime]) -> None:
        self._client = client
        self._collection = client.collection(COLLECTION)
        self._channels = {channel.name: channel for channel in channels}
        self._turns = Turns(client, self._collection, now=now)
        self._now = now

    def tell(self, record: RecordType, records: Records[RecordType], describe: Describe[RecordType]) -> None:
        """See to it that people are told of a record: now, or with others of its cause.

        Args:
            record: as it is stored.
            records: where it is, and the others of its cause.
            describe: what makes an alert of it.

        Raises:
            AlertPending: a channel failed, or was told of this cause less than a minute ago.
            google.api_core.exceptions.GoogleAPICallError: Firestore refused something or could not be reached.
        """
        if not self._channels:
            _logger.warning("no alert channel is configured", record=record.id)
            return
        call = uuid.uuid4().hex
        match self._claim(record, call, records.various):
            case _Crowded() if records.various is not None:
                self.tell(records.move(record, records.various), records, describe)
            case Tell(channels=due):
                if not self._tell_all(record, records, describe, call, due):
                    raise AlertPending
            case Covered():
                pass
            case _:
                raise AlertPending

    def _claim(self, record: Record, call: str, various: str | None) -> Decision | _Crowded:
        def decision(state: CauseState, channels: Sequence[str]) -> Decision:
            return decide(
                state,
                letter=record.id,
                needs_alert=record.needs_alert,
                channels=channels,
                now=self._now(),
                by=call,
            )

        def claim(state: CauseState) -> tuple[CauseState, Decision | _Crowded]:
            decided = decision(state, list(self._channels))
            if isinstance(decided, Tell):
                # Of thousands with one cause nearly none comes here: the channels are asked for rarely.
                decided = decision(state, self._turns.open(decided.channels))
            match decided:
                case Tell():
                    return claimed(state, by=call, now=self._now()), decided
                case Covered():
                    return state, decided
                case _ if state == CauseState() and record.cause != various is not None and self._is_crowded():
                    return state, _Crowded()
                case _:
                    return heralded(state, record.id), decided

        return self._change(record.cause, claim)

    def _is_crowded(self) -> bool:
        waiting: Any = self._collection.where(filter=FieldFilter("herald", ">", "")).limit(MOST_WAITING).count()
        [[count]] = waiting.get(**QUICK)
        return bool(count.value >= MOST_WAITING)

    def _tell_all(
        self,
        record: RecordType,
        records: Records[RecordType],
        describe: Describe[RecordType],
        call: str,
        due: Sequence[str],
    ) -> bool:
        """Tell the channels that are due of all that they do not know; True if nothing is left to be told."""
        untold, is_all = _find_news(records, record.cause, due)
        told = self._post(record, untold, describe, due)
        now = self._now()
        if told:
            records.mark_told(untold, told, all_channels=set(self._channels), now=now)

        def settle(state: CauseState) -> tuple[CauseState, None]:
            return settled(state, by=call, told=told, now=now), None

        self._change(record.cause, settle)
        return is_all and all(self._channels.keys() <= each.alerts.keys() | told for each in untold)

    def _post(
        self, record: RecordType, untold: Sequence[RecordType], describe: Describe[RecordType], due: Sequence[str]
    ) -> set[str]:
        """Tell each channel of what it does not know, all at the same time: one may be slow. Returns who was told."""

        def post(name: str) -> bool:
            news = [each for each in untold if name not in each.alerts]
            if not news:
                return False
            since = min((each.received_at for each in news if each.received_at), default=self._now())
            shown = next((each for each in news if each.id == record.id), news[0])
            is_told = self._turns.post(self._channels[name], describe(shown, len(news) - 1, since))
            if is_told:
                _logger.info("alerted", channel=name, records=len(news), cause=record.cause)
            return is_told

        with ThreadPoolExecutor(len(due)) as threads:
            return {name for name, is_told in zip(due, threads.map(post, due), strict=True) if is_told}

    def _change(self, cause: str, decide_state: Callable[[CauseState], tuple[CauseState, Result]]) -> Result:
        expire_at = self._now() + _KEEP

        def decide_fields(fields: Fields | None) -> tuple[Fields, Result]:
            state = CauseState.from_fields(fields)
            after, result = decide_state(state)
            return ({} if after == state else {**after.to_fields(), "expire_at": expire_at}), result

        return change(self._client, self._collection.document(cause), decide_fields)


def _find_news(records: Records[RecordType], cause: str, due: Sequence[str]) -> tuple[list[RecordType], bool]:
    """What there is to tell these channels of a cause, and whether that is all.

    Thousands that wait for one channel only, which is down, must not hide from another what it does not know: it is
    looked for beyond them.
    """
    news = page = records.untold(cause, limit=MAX_RECORDS)
    is_all = len(page) < MAX_RECORDS
    without = _without_news(due, page)
    while len(page) == MAX_RECORDS and without:
        page = records.untold(cause, limit=MAX_RECORDS, after=page[-1].id)
        news = [*news, *(each for each in page if not without <= each.alerts.keys())]
        without = _without_news(without, page)
    return news, is_all


def _without_news(channels: Iterable[str], records: Sequence[Record]) -> set[str]:
    return {name for name in channels if all(name in each.alerts for each in records)}
