"""Sends alerts about stored records, as functions.dlq_handler.alerting.alert_policy decides."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import structlog

from functions.dlq_handler.alerting.alert_policy import (
    Acknowledge,
    AlertDecision,
    BecomeLeader,
    CauseState,
    JoinCause,
    SendAlert,
    decide_alert,
    settle_claim,
    state_after,
)
from functions.dlq_handler.alerting.cause_leaders import CauseLeaders
from functions.dlq_handler.channels.alert import Alert
from functions.dlq_handler.channels.channel import Channel
from functions.dlq_handler.channels.channel_rate_limiter import ChannelRateLimiter
from functions.dlq_handler.channels.configured_channels import Audiences
from functions.dlq_handler.store.alertable_records import AlertableRecord, AlertableRecords, AlertableType
from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.threads import Threads

ALERTS = "alerts"
"""The name of the collection with the state of each cause and of each channel."""

MAX_RECORDS_PER_ALERT = 5000
"""How many records one alert covers; the next alert, a minute later, covers further ones."""

_T = TypeVar("_T")

_RETENTION = timedelta(days=30)
"""After this time without an alert Firestore deletes a cause's state, by the TTL policy on `expire_at`."""

MakeAlert = Callable[[AlertableType, int, datetime], Alert]
"""Makes an alert of a record, the number of others with its cause, and when the first of them all was received."""

_logger = structlog.get_logger()


@dataclass(frozen=True)
class AlertSubject(Generic[AlertableType]):
    """One type of record that people get alerts about.

    Attributes:
        records: the collection.
        make_alert: makes an alert of a record.
        kind_of: the kind of report that a record is about; empty where it is about none.
    """

    records: AlertableRecords[AlertableType]
    make_alert: MakeAlert[AlertableType]
    kind_of: Callable[[AlertableType], str] = lambda _record: ""


@dataclass(frozen=True, kw_only=True)
class _CauseCheck(Generic[AlertableType]):
    """A call's check whether a cause needs an alert.

    Attributes:
        message: the id of the message that the call handles.
        call: the id of the call.
        cause: the id of the cause.
        subject: the type of the cause's records.
        record: the message's own record, if it has this cause and needs an alert; else None.
        takes_over: whether the cause has lost its leader.
    """

    message: str
    call: str
    cause: str
    subject: AlertSubject[AlertableType]
    record: AlertableType | None = None
    takes_over: bool = False


class AlertUntold(Exception):
    """A channel still lacks an alert: Pub/Sub must deliver the message again."""


class Alerter:
    """Sends every channel an alert about every record, and no channel two.

    Args:
        database: the Firestore database.
        channels: the channels.
        subjects: what people get alerts about, by the type of its records.
        now: returns the present, in UTC.
        audiences: the kinds of report that some of the channels get alerts about; the others get all.
        max_records: how many records one alert covers; the next alert, a minute later, covers further ones.
    """

    def __init__(
        self,
        *,
        database: Database,
        channels: Sequence[Channel],
        subjects: Mapping[type, AlertSubject[Any]],
        now: Callable[[], datetime],
        audiences: Audiences | None = None,
        max_records: int = MAX_RECORDS_PER_ALERT,
    ) -> None:
        self._database = database
        self._channels = {channel.name: channel for channel in channels}
        self._subjects = dict(subjects)
        self._leaders = CauseLeaders(database, ALERTS, now=now)
        self._rate_limiter = ChannelRateLimiter(database, ALERTS, now=now)
        self._now = now
        self._audiences = audiences or {}
        self._max_records = max_records

    def alert(self, record: AlertableRecord, *, message: str) -> None:
        """Alert people about a record, now or with others of its cause, and about the causes that its message leads.

        Args:
            record: the record as Firestore has it.
            message: the id of the message that brought it.

        Raises:
            AlertUntold: a channel failed, or took an alert about the cause less than a minute ago.
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        if not self._channels:
            _logger.warning("no_alert_channel", record=record.id)
            return
        call = uuid.uuid4().hex
        own: _CauseCheck[Any] = _CauseCheck(
            message=message,
            call=call,
            cause=record.cause,
            subject=self._subjects[type(record)],
            record=record if record.needs_alert else None,
        )
        others: dict[str, _CauseCheck[Any]] = {
            led.cause: _CauseCheck(
                message=message,
                call=call,
                cause=led.cause,
                subject=self._subject_of(led.collection),
                takes_over=led.takes_over,
            )
            for led in (*self._leaders.leaderless(), *self._leaders.led_by(message))
            if led.cause != record.cause
        }
        untold = [check.cause for check in (own, *others.values()) if not self._handle(check)]
        if untold:
            raise AlertUntold

    def _subject_of(self, collection: str) -> AlertSubject[Any]:
        first, *others = self._subjects.values()
        return next((each for each in others if each.records.collection == collection), first)

    def _handle(self, check: _CauseCheck[AlertableType]) -> bool:
        """Do what a cause needs; True if the message may be acknowledged as far as this cause is concerned."""
        match self._decide_and_save(check):
            case SendAlert(channels=due):
                return self._send_alert(check, due)
            case JoinCause(record_id=record_id, cause=cause):
                moved = check.subject.records.move(record_id, cause)
                return self._handle(replace(check, cause=cause, record=moved if moved and moved.needs_alert else None))
            case Acknowledge():
                return True
            case BecomeLeader():
                return False

    def _decide_and_save(self, check: _CauseCheck[AlertableType]) -> AlertDecision:
        """Decide on the latest state of a cause, and save the state that follows from the decision."""

        def decide(state: CauseState) -> tuple[AlertDecision, CauseState]:
            decision = self._decide(check, state)
            return decision, state_after(state, decision, message=check.message, call=check.call, now=self._now())

        return self._change(check, decide)

    def _decide(self, check: _CauseCheck[AlertableType], state: CauseState) -> AlertDecision:
        """Decide on one state of a cause.

        It queries Firestore only if the answer matters. If thousands of messages have one cause, all but a few end with
        the first decision.
        """

        def decide(channels: Sequence[str], *, has_news: bool) -> SendAlert | BecomeLeader | Acknowledge:
            return decide_alert(
                state, message=check.message, has_news=has_news, channels=channels, now=self._now(), call=check.call
            )

        has_news = check.takes_over or check.record is not None
        decision = decide(list(self._channels), has_news=has_news)
        if isinstance(decision, SendAlert):
            decision = decide(self._rate_limiter.open_channels(decision.channels), has_news=has_news)
        if not isinstance(decision, BecomeLeader) or check.record is None:
            return decision
        if not self._still_needs_alert(check, check.record):
            # This is read after the state: another delivery of this message, which has ended, has sent the alert.
            decision = decide([], has_news=False)
        various = check.subject.records.various_causes
        is_first = isinstance(decision, BecomeLeader) and state == CauseState()
        if is_first and various is not None and various != check.cause and self._leaders.are_too_many():
            return JoinCause(record_id=check.record.id, cause=various)
        return decision

    def _still_needs_alert(self, check: _CauseCheck[AlertableType], record: AlertableType) -> bool:
        found = check.subject.records.get(record.id)
        return found is not None and found.needs_alert and found.cause == check.cause

    def _send_alert(self, check: _CauseCheck[AlertableType], due: Sequence[str]) -> bool:
        """Send due channels an alert about all records that are new to them; True if the message may be
        acknowledged."""
        records = check.subject.records
        found, has_all = _find_news(records, check.cause, due, self._max_records)
        told = self._post(check, found, due)
        now = self._now()
        records.mark_alerted(found, told, all_channels=set(self._channels), now=now)
        is_all = has_all and all(self._channels.keys() <= each.alerts.keys() | told for each in found)

        def settle(state: CauseState) -> tuple[bool, CauseState]:
            after = settle_claim(state, message=check.message, call=check.call, told=told, is_all=is_all, now=now)
            return is_all and not after.is_led_by(check.message), after

        return self._change(check, settle)

    def _post(self, check: _CauseCheck[AlertableType], found: Sequence[AlertableType], due: Sequence[str]) -> set[str]:
        """Post to each channel the records that are new to it, to all channels at once since one may be slow. Returns
        those that took the alert, or that none of the records concerns."""
        own = check.record.id if check.record is not None else None

        def post(name: str) -> bool:
            news = [each for each in found if name not in each.alerts]
            if not news:
                return False
            audience = self._audiences.get(name)
            if audience is not None:
                news = [each for each in news if check.subject.kind_of(each) in audience]
            if not news:
                return True
            since = min((each.received_at for each in news if each.received_at), default=self._now())
            shown = next((each for each in news if each.id == own), news[0])
            alert = check.subject.make_alert(shown, len(news) - 1, since)
            took = self._rate_limiter.post(self._channels[name], alert)
            if took:
                _logger.info("alert_sent", channel=name, records=len(news), cause=check.cause)
            return took

        with Threads(len(due)) as threads:
            return {name for name, took in zip(due, threads.map(post, due), strict=True) if took}

    def _change(self, check: _CauseCheck[AlertableType], decide: Callable[[CauseState], tuple[_T, CauseState]]) -> _T:
        """Change the document of a cause."""

        def decided(found: FoundDocument) -> tuple[_T, Mapping[str, Any]]:
            before = CauseState.from_fields(found.fields, now=self._now())
            result, after = decide(before)
            kept = {"collection": check.subject.records.collection, "expire_at": self._now() + _RETENTION}
            return result, {**after.to_fields(), **kept} if after != before else {}

        return self._database.change(f"{ALERTS}/{check.cause}", decided)


def _find_news(
    records: AlertableRecords[AlertableType], cause: str, due: Sequence[str], limit: int
) -> tuple[list[AlertableType], bool]:
    """Find the records of a cause that some of these channels do not know of, and say whether these are all.

    If one channel is down, thousands of records may wait for it alone. This reads past them, to the first records that
    the other channels do not know of.
    """
    page = records.need_alert(cause, limit=limit)
    news, is_all = list(page), len(page) < limit
    without = _channels_without_news(due, page)
    while len(page) == limit and without:
        page = records.need_alert(cause, limit=limit, after=page[-1].id)
        news += [each for each in page if not without <= each.alerts.keys()]
        without = _channels_without_news(without, page)
    return news, is_all


def _channels_without_news(channels: Iterable[str], records: Sequence[AlertableRecord]) -> set[str]:
    return {name for name in channels if all(name in each.alerts for each in records)}
