"""Tells people of what was recorded: carries out what functions.dlq_handler.alert_policy decides."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic

import structlog
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter, Or

from functions.dlq_handler.alert import Alert
from functions.dlq_handler.alert_policy import (
    CauseState,
    Covered,
    Decision,
    Tell,
    Wait,
    claimed,
    decide,
    heralded,
    settled,
)
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

_LOOK_FOR_FORSAKEN_AFTER = timedelta(minutes=1)
_MOST_FORSAKEN = 3
"""How many causes without a leader one message takes over: telling of each takes a while, and the message has ten
seconds."""

Describe = Callable[[RecordType, int, datetime], Alert]
"""Puts a record in words, given how many others there are and when the first of them all was received."""

_logger = structlog.get_logger()


@dataclass(frozen=True)
class Subject(Generic[RecordType]):
    """One sort of thing that people are told of.

    Attributes:
        records: where the records of it are.
        describe: what makes an alert of one.
    """

    records: Records[RecordType]
    describe: Describe[RecordType]


@dataclass(frozen=True)
class _Crowded:
    """Too many causes wait: tell of this one together with others."""


@dataclass(frozen=True, kw_only=True)
class _Turn(Generic[RecordType]):
    """What one message does about one cause.

    Attributes:
        call: this delivery of the message.
        record: the message's own, where it has this cause and is still to be told of; None: what is told is others'.
        takes_over: whether the cause has lost its leader.
    """

    message: str
    call: str
    cause: str
    subject: Subject[RecordType]
    record: RecordType | None = None
    takes_over: bool = False


class AlertPending(Exception):
    """Somebody is still to be told, and the message must be delivered again for that."""


class Alerts:
    """Tells every channel of every record, and no channel twice.

    Args:
        client: of Firestore.
        channels: who is told.
        subjects: all that people are told of, by the type of its records.
        now: the present, in UTC.
        max_records: how many records one alert counts; what is beyond is in the next, a minute later.
    """

    def __init__(
        self,
        *,
        client: firestore.Client,
        channels: Sequence[Channel],
        subjects: Mapping[type, Subject[Any]],
        now: Callable[[], datetime],
        max_records: int = MAX_RECORDS,
    ) -> None:
        self._client = client
        self._collection = client.collection(COLLECTION)
        self._channels = {channel.name: channel for channel in channels}
        self._subjects = dict(subjects)
        self._turns = Turns(client, self._collection, now=now)
        self._now = now
        self._max_records = max_records
        self._looked_for_forsaken_at: datetime | None = None

    def tell(self, record: Record, *, message: str) -> None:
        """See to it that people are told of a record, now or with others of its cause, and of what its message leads.

        Args:
            record: as it is stored.
            message: the id of the message that brought it.

        Raises:
            AlertPending: a channel failed, or was told of a cause less than a minute ago.
            google.api_core.exceptions.GoogleAPICallError: Firestore refused something or could not be reached.
        """
        if not self._channels:
            _logger.warning("no alert channel is configured", record=record.id)
            return
        call = uuid.uuid4().hex
        own: _Turn[Any] = _Turn(
            message=message,
            call=call,
            cause=record.cause,
            subject=self._subjects[type(record)],
            record=record if record.needs_alert else None,
        )
        others: dict[str, _Turn[Any]] = {
            cause: _Turn(message=message, call=call, cause=cause, subject=self._subject_of(fields), takes_over=forsaken)
            for cause, fields, forsaken in (*self._forsaken(), *self._led_by(message))
            if cause != record.cause
        }
        pending = [turn.cause for turn in (own, *others.values()) if not self._take(turn)]
        if pending:
            raise AlertPending

    def _led_by(self, message: str) -> list[tuple[str, Fields, bool]]:
        """The causes that a message leads."""
        leads = Or([FieldFilter("herald", "==", message), FieldFilter("claimant", "==", message)])
        return [
            (found.id, found.to_dict() or {}, False) for found in self._collection.where(filter=leads).stream(**QUICK)
        ]

    def _forsaken(self) -> list[tuple[str, Fields, bool]]:
        """Causes whose leader has not come for too long. Each instance looks for them once a minute."""
        now = self._now()
        if self._looked_for_forsaken_at and now - self._looked_for_forsaken_at < _LOOK_FOR_FORSAKEN_AFTER:
            return []
        self._looked_for_forsaken_at = now
        overdue = self._collection.where(filter=FieldFilter("leader_due_at", "<", now)).limit(_MOST_FORSAKEN)
        return [(found.id, found.to_dict() or {}, True) for found in overdue.stream(**QUICK)]

    def _subject_of(self, fields: Fields) -> Subject[Any]:
        first, *others = self._subjects.values()
        return next((each for each in others if each.records.collection == fields.get("collection")), first)

    def _take(self, turn: _Turn[RecordType]) -> bool:
        """Do what is to be done; True if the message may be acknowledged as far as this cause is concerned."""
        records = turn.subject.records
        match self._claim(turn):
            case _Crowded() if records.various is not None and turn.record is not None:
                moved = records.move(turn.record, records.various)
                return self._take(replace(turn, cause=records.various, record=moved if moved.needs_alert else None))
            case Tell(channels=due):
                return self._tell_all(turn, due)
            case Covered():
                return True
            case _:
                return False

    def _claim(self, turn: _Turn[RecordType]) -> Decision | _Crowded:
        def decision(state: CauseState, channels: Sequence[str], *, has_news: bool) -> Decision:
            return decide(
                state, message=turn.message, has_news=has_news, channels=channels, now=self._now(), by=turn.call
            )

        def claim(state: CauseState) -> tuple[CauseState, Decision | _Crowded]:
            has_news = turn.takes_over or turn.record is not None
            decided = decision(state, list(self._channels), has_news=has_news)
            if isinstance(decided, Tell):
                # Of thousands with one cause nearly none comes here: the channels are asked for rarely.
                decided = decision(state, self._turns.open(decided.channels), has_news=has_news)
            if isinstance(decided, Wait) and turn.record is not None and not self._is_still_news(turn, turn.record):
                # Read after the state: another delivery of this message, which has ended, has told of it.
                decided = decision(state, [], has_news=False)
            match decided:
                case Tell():
                    return claimed(state, message=turn.message, by=turn.call, now=self._now()), decided
                case Covered():
                    return state, decided
                case _ if state == CauseState() and self._may_move(turn) and self._is_crowded():
                    return state, _Crowded()
                case _:
                    return heralded(state, turn.message, now=self._now()), decided

        return self._change(turn, claim)

    def _is_still_news(self, turn: _Turn[RecordType], record: RecordType) -> bool:
        found = turn.subject.records.get(record.id)
        return found.needs_alert and found.cause == turn.cause

    def _may_move(self, turn: _Turn[RecordType]) -> bool:
        various = turn.subject.records.various
        return turn.record is not None and various is not None and turn.cause != various

    def _is_crowded(self) -> bool:
        waiting: Any = self._collection.where(filter=FieldFilter("herald", ">", "")).limit(MOST_WAITING).count()
        [[count]] = waiting.get(**QUICK)
        return bool(count.value >= MOST_WAITING)

    def _tell_all(self, turn: _Turn[RecordType], due: Sequence[str]) -> bool:
        """Tell the channels that are due of all that they do not know; True if the message may be acknowledged."""
        records = turn.subject.records
        untold, has_all = _find_news(records, turn.cause, due, self._max_records)
        told = self._post(turn, untold, due)
        now = self._now()
        records.mark_told(untold, told, all_channels=set(self._channels), now=now)
        is_all = has_all and all(self._channels.keys() <= each.alerts.keys() | told for each in untold)

        def settle(state: CauseState) -> tuple[CauseState, bool]:
            after = settled(state, message=turn.message, by=turn.call, told=told, is_all=is_all, now=now)
            return after, is_all and not after.is_led_by(turn.message)

        return self._change(turn, settle)

    def _post(self, turn: _Turn[RecordType], untold: Sequence[RecordType], due: Sequence[str]) -> set[str]:
        """Tell each channel of what it does not know, all at the same time: one may be slow. Returns who was told."""
        own = turn.record.id if turn.record is not None else None

        def post(name: str) -> bool:
            news = [each for each in untold if name not in each.alerts]
            if not news:
                return False
            since = min((each.received_at for each in news if each.received_at), default=self._now())
            shown = next((each for each in news if each.id == own), news[0])
            alert = turn.subject.describe(shown, len(news) - 1, since)
            is_told = self._turns.post(self._channels[name], alert)
            if is_told:
                _logger.info("alerted", channel=name, records=len(news), cause=turn.cause)
            return is_told

        with ThreadPoolExecutor(len(due)) as threads:
            return {name for name, is_told in zip(due, threads.map(post, due), strict=True) if is_told}

    def _change(
        self, turn: _Turn[RecordType], decide_state: Callable[[CauseState], tuple[CauseState, Result]]
    ) -> Result:
        def decide_fields(fields: Fields | None) -> tuple[Fields, Result]:
            now = self._now()
            state = CauseState.from_fields(fields, now=now)
            after, result = decide_state(state)
            if after == state:
                return {}, result
            kept = {"collection": turn.subject.records.collection, "expire_at": now + _KEEP}
            return {**after.to_fields(), **kept}, result

        return change(self._client, self._collection.document(turn.cause), decide_fields)


def _find_news(
    records: Records[RecordType], cause: str, due: Sequence[str], limit: int
) -> tuple[list[RecordType], bool]:
    """What there is to tell these channels of a cause, and whether that is all.

    Thousands that wait for one channel only, which is down, must not hide from another what it does not know: it is
    looked for beyond them.
    """
    news = page = records.untold(cause, limit=limit)
    is_all = len(page) < limit
    without = _without_news(due, page)
    while len(page) == limit and without:
        page = records.untold(cause, limit=limit, after=page[-1].id)
        news = [*news, *(each for each in page if not without <= each.alerts.keys())]
        without = _without_news(without, page)
    return news, is_all


def _without_news(channels: Iterable[str], records: Sequence[Record]) -> set[str]:
    return {name for name in channels if all(name in each.alerts for each in records)}
