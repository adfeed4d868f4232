"""A project in which everything is in some state that pages have to show, with markup wherever a text is stored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud import firestore, tasks_v2

from functions.shared.queues.task_queue import cloud_tasks_client
from functions.shared.records.dead_letter import DEAD_LETTERS, DeadLetterReason, DeadLetterState
from functions.shared.records.delivery import DELIVERIES, DeliveryState
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.ids import delivery_id, run_id, shard_of, task_id
from functions.shared.records.mail_breaker import BREAKER_STATE, MAIL_BREAKER, BreakerState, MailFigures
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord, MailStatus, Sighting
from functions.shared.records.report_task import ReportTask
from functions.shared.records.run import RUN_COUNTERS, RUNS
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from functions.shared.records.system_alert import SYSTEM_ALERTS
from operations.operator_actions import OPERATOR_ACTIONS
from tests.seeding import subscription_document, subscription_reference, user_document, user_reference

PROJECT = "staged-project"
QUEUES = ("reports", "reports-2")

MARKUP = (
    "<script src='/hacked'></script><script>hacked = 1</script><img src='/hacked' onerror='hacked = 1'>"
    "<b hx-get='/hacked' hx-trigger='load'>b</b><div hx-on::load='hacked = 1' data-live='/hacked'>d</div>"
    "<style>main { display: none }</style><a href='javascript:hacked = 1'>a</a>{{ 7 * 7 }}{% raw %}"
    "\"' autofocus onfocus='hacked = 1' hx-get='/hacked' x=\"</textarea></title></pre><!--\x1b[31m\u202e"
)
"""What somebody may have for a name."""
MARKUP_ID = MARKUP.replace("/", "\\")[:400]
"""The same, as a document can have it for an id."""

REPLAY = "replay"
"""The id of an action that has sent reports again."""

_LONG = "a-word-that-is-longer-than-a-telephone-is-wide-" * 4
_MANY = 51
"""More than a page of a list shows."""
_CAUSE, _OTHER_CAUSE = "a" * 32, "b" * 32


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What the addresses of its pages are made of.

    Attributes:
        users: the ids of users, by what they are.
        deliveries: the ids of deliveries, by their states.
        letters: the ids of dead letters, by their states.
        running: the id of the run that goes on.
        failed: the id of the run that failed.
        cause: the id of a cause of dead letters.
    """

    users: Mapping[str, str]
    deliveries: Mapping[str, str]
    letters: Mapping[str, str]
    running: str
    failed: str
    cause: str = _CAUSE


def make_queue(project: str, location: str, name: str, *, paused: bool, wait: timedelta, tasks: int = 0) -> None:
    """Make a queue whose worker does not answer.

    Args:
        project: its project.
        location: its location.
        name: its id.
        paused: whether it is paused.
        wait: how long it waits before it tries again.
        tasks: how many tasks it holds.
    """
    client, parent = cloud_tasks_client(), f"projects/{project}/locations/{location}"
    queue = tasks_v2.Queue(
        name=f"{parent}/queues/{name}",
        rate_limits=tasks_v2.RateLimits(max_dispatches_per_second=10, max_concurrent_dispatches=100),
        retry_config=tasks_v2.RetryConfig(max_attempts=8, min_backoff=wait, max_backoff=wait),
    )
    client.create_queue(parent=parent, queue=queue)
    if paused:
        client.pause_queue(name=queue.name)
    for number in range(tasks):
        body = json.dumps({"delivery_id": f"d{number}"}).encode()
        request = tasks_v2.HttpRequest(url="http://127.0.0.1:9/tasks/send-report", body=body)
        task = tasks_v2.Task(name=f"{queue.name}/tasks/{task_id(f'd{number}')}", http_request=request)
        client.create_task(parent=queue.name, task=task)


class Stage:
    """Writes documents as the pipeline and applications write them.

    Args:
        client: of the Firestore.
        location: of the queues.
    """

    def __init__(self, client: firestore.Client, *, location: str) -> None:
        self._client = client
        self._now = now = datetime.now(UTC)
        self._location = location
        self._hour = now.replace(minute=0, second=0, microsecond=0)

    def put(self, collection: str, document: str, fields: Mapping[str, Any]) -> None:
        self._client.collection(collection).document(document).set(dict(fields))

    def fields(self, collection: str, document: str) -> dict[str, Any]:
        return self._client.collection(collection).document(document).get().to_dict() or {}

    def run(self, hours_ago: int, *, state: str, **fields: Any) -> str:
        at = self._hour - timedelta(hours=hours_ago)
        self.put(
            RUNS,
            run_id(at),
            {
                "attempt": "a1",
                "attempts": 1,
                "state": state,
                "scheduled_for": at,
                "started_at": at,
                "finished_at": None if state == "running" else at + timedelta(minutes=3),
                **dict.fromkeys(RUN_COUNTERS, 0),
                **fields,
            },
        )
        return run_id(at)

    def user(self, user_id: str, **fields: Any) -> str:
        user_reference(self._client, user_id).set(user_document(user_id, **fields))
        return user_id

    def subscription(self, user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION, **fields: Any) -> None:
        given = {"next_report_at": self._hour + timedelta(hours=20), **fields}
        document = subscription_document(user_id, subscription_id, **given)
        subscription_reference(self._client, user_id, subscription_id).set(document)

    def delivery(
        self, user_id: str, state: DeliveryState, *, hours_ago: int = 1, attempts: int = 1, **fields: Any
    ) -> str:
        due = self._hour - timedelta(hours=hours_ago)
        history = _history(state, attempts, due=due, error=fields.get("last_error", ""))
        name = delivery_id(user_id, DEFAULT_SUBSCRIPTION, due)
        self.put(
            DELIVERIES,
            name,
            {
                "user_id": user_id,
                "subscription_id": DEFAULT_SUBSCRIPTION,
                "shard": shard_of(user_id, DEFAULT_SUBSCRIPTION),
                "due_at": due,
                "run_id": run_id(due),
                "kind": "activity",
                "state": state.value,
                "attempts": attempts,
                "history": [entry.to_field() for entry in history],
                "last_attempt_at": history[-1].at,
                "owner": "",
                "lease_expires_at": None,
                "period_start": due - timedelta(days=7),
                "period_end": due,
                "created_at": due + timedelta(seconds=5),
                "updated_at": due + timedelta(seconds=42),
                "expire_at": due + timedelta(days=90),
                **fields,
            },
        )
        return name

    def mail_events(self, delivery: str, **first: timedelta) -> None:
        reached = {
            MailStatus(status): Sighting(self._hour + after, MARKUP, "Invalid Address")
            for status, after in first.items()
        }
        delivered = {MailStatus.DELIVERED: Sighting(self._hour, "250 OK")}
        record = MailRecord(
            id=delivery, user_id="", subscription_id="", recipients={"0" * 64: reached, "1" * 64: delivered}
        )
        self.put(MAIL_EVENTS, delivery, record.to_fields())

    def letter(
        self,
        user_id: str,
        *,
        state: DeadLetterState = DeadLetterState.OPEN,
        reason: DeadLetterReason = DeadLetterReason.RETRIES_EXHAUSTED,
        cause: str = _CAUSE,
        error: str = "SendGrid answered 500 for someone@customer.example",
        hours_ago: int = 1,
        **fields: Any,
    ) -> str:
        name = self.delivery(
            user_id, DeliveryState.DEAD, hours_ago=hours_ago, attempts=8, reason=reason.value, last_error=error
        )
        due = self._hour - timedelta(hours=hours_ago)
        task = ReportTask(
            user_id=user_id,
            subscription_id=DEFAULT_SUBSCRIPTION,
            delivery_id=name,
            due_at=due,
            run_id=run_id(due),
            kind="activity",
        )
        at = due + timedelta(minutes=10)
        self.put(
            DEAD_LETTERS,
            name,
            {
                "payload": task.model_dump(mode="json"),
                "reason": reason.value,
                "error": error,
                "attempts": 8,
                "task_name": task_id(name),
                "failed_at": at,
                "received_at": at,
                "alerted_at": at,
                "alerts": {},
                "message_id": "1",
                "cause": cause,
                "state": state.value,
                **fields,
            },
        )
        return name

    def runs(self) -> tuple[str, str]:
        earlier = {
            "attempt": "a0",
            "state": "failed",
            "started_at": self._hour,
            "finished_at": self._hour,
            **dict.fromkeys(RUN_COUNTERS, 2),
        }
        figures = {"due": 120_400, "dispatched": 120_390, "malformed": 3, "errors": 7}
        failed = self.run(1, state="failed", attempts=2, earlier_attempts=[earlier], queues="paused", **figures)
        self.run(2, state="stopped", stopped_because=MARKUP, due=12)
        self.run(3, state="finished", due=4, dispatched=2, lost=2, overdue=1)
        return self.run(0, state="running", due=500, dispatched=320), failed

    def people(self) -> dict[str, str]:
        usual = self.user("u1", time_zone="Asia/Tokyo", locale="ja")
        self.subscription(usual)
        self.subscription(usual, "weekly", kind="usage", cadence="weekly", weekday="monday", cc=[f"{_LONG}@x.example"])
        paused = {"active": False, "paused_because": "complained", "next_report_at": None}
        self.subscription(usual, "stopped", **paused)
        hostile = self.user(MARKUP_ID, name=MARKUP, time_zone=MARKUP, locale=MARKUP, email=f"{MARKUP}@x.example")
        self.subscription(hostile, kind=MARKUP, cadence=MARKUP, time_zone=MARKUP, to=[MARKUP], paused_because=MARKUP)
        self.subscription(hostile, MARKUP_ID)
        return {
            "usual": usual,
            "hostile": hostile,
            "without anything": self.user("u2", active=False),
            "with a long name": self.user(_LONG),
        }

    def deliveries(self, users: Mapping[str, str]) -> dict[str, str]:
        bounced = self.delivery(users["usual"], DeliveryState.SENT, hours_ago=2, message_id=MARKUP)
        self.mail_events(bounced, processed=timedelta(), deferred=timedelta(minutes=1), bounced=timedelta(minutes=9))
        return {
            "bounced": bounced,
            "pending": self.delivery(
                users["usual"], DeliveryState.PENDING, attempts=3, last_error=f"SendGrid answered 503: {MARKUP}"
            ),
            "sending": self.delivery(
                users["with a long name"],
                DeliveryState.SENDING,
                owner="a worker",
                lease_expires_at=self._now - timedelta(minutes=5),
            ),
            "skipped": self.delivery("u2", DeliveryState.SKIPPED, reason="user-inactive", note=MARKUP),
            "dead": self.letter(
                users["hostile"], error=MARKUP, note=MARKUP, task_name=MARKUP, cause=_OTHER_CAUSE, alerts={"x": MARKUP}
            ),
        }

    def letters(self) -> dict[str, str]:
        for number in range(8):
            self.letter(f"many{number}", hours_ago=4)
        for number in range(_MANY):
            cause = f"{number % 12:032x}"
            self.letter(
                f"more{number}", hours_ago=30, state=DeadLetterState.REPLAYED, cause=cause, replayed_at=self._now
            )
        return {
            "open": self.letter("u1", hours_ago=5),
            "unknown": self.letter(
                "u1", hours_ago=6, reason=DeadLetterReason.UNKNOWN_OUTCOME, error=_LONG, cause="c" * 32
            ),
            "dismissed": self.letter(
                "u1", hours_ago=7, state=DeadLetterState.DISMISSED, dismissed_at=self._now, note=MARKUP
            ),
            "settled": self.letter("u1", hours_ago=8, state=DeadLetterState.SETTLED, settled_at=self._now),
        }

    def the_rest(self, sent_again: list[str]) -> None:
        alert = {"alert": MARKUP, "run_id": MARKUP, "detail": MARKUP, "figures": {"x": MARKUP}, "cause": "d" * 32}
        at = {"at": self._now, "received_at": self._now, "alerted_at": self._now}
        self.put(SYSTEM_ALERTS, "alert", {**alert, **at})
        action = {"who": MARKUP, "action": MARKUP, "subject": MARKUP, "note": MARKUP, "outcome": MARKUP}
        self.put(OPERATOR_ACTIONS, "action", {**action, "began_at": self._now, "ended_at": self._now})
        self.put(OPERATOR_ACTIONS, "cut short", {**action, "outcome": "", "began_at": self._now, "ended_at": None})
        replayed = {
            "failed_since": self._hour - timedelta(hours=8),
            "failed_until": self._hour,
            "deliveries": sent_again,
        }
        at = {"began_at": self._now - timedelta(minutes=5), "ended_at": self._now}
        self.put(OPERATOR_ACTIONS, REPLAY, {**action, "action": "Replay 5 dead letters", **at, **replayed})
        self.put(MARKUP_ID, MARKUP_ID, {"field": MARKUP})
        mails = MailFigures(delivered=9_000, complaints=40, bounces=3)
        breaker = BreakerState(stopped_at=self._hour, because=MARKUP, figures=mails, read_at=self._hour)
        self.put(MAIL_BREAKER, BREAKER_STATE, breaker.to_fields())
        hour = timedelta(hours=1)
        make_queue(PROJECT, self._location, QUEUES[0], paused=True, wait=hour, tasks=3)
        make_queue(PROJECT, self._location, QUEUES[1], paused=False, wait=hour, tasks=2)


_ENDS = {
    DeliveryState.PENDING: AttemptResult.FAILED,
    DeliveryState.SENDING: AttemptResult.CLAIMED,
    DeliveryState.SENT: AttemptResult.SENT,
    DeliveryState.SKIPPED: AttemptResult.SKIPPED,
    DeliveryState.DEAD: AttemptResult.DEAD,
}


def _history(state: DeliveryState, attempts: int, *, due: datetime, error: str) -> list[DeliveryAttempt]:
    """Attempts that failed, and one that left the delivery in a state. The queue waits twice as long each time."""
    history = []
    for number in range(1, attempts + 1):
        at = due + timedelta(seconds=5 * 2 ** (number - 1))
        result = _ENDS[state] if number == attempts else AttemptResult.FAILED
        has_ended = result is not AttemptResult.CLAIMED
        history.append(
            DeliveryAttempt(
                at=at,
                number=number,
                claimed_at=None if result is AttemptResult.SKIPPED else at + timedelta(seconds=0.3),
                seconds=0.7 if has_ended else None,
                result=result,
                error=error,
            )
        )
    return history


def put_in(client: firestore.Client, *, location: str) -> Staged:
    """Fill a project.

    Args:
        client: of its Firestore.
        location: of its queues.
    """
    stage = Stage(client, location=location)
    running, failed = stage.runs()
    users = stage.people()
    deliveries, letters = stage.deliveries(users), stage.letters()
    stage.the_rest([*deliveries.values(), "deleted since"])
    return Staged(users=users, deliveries=deliveries, letters=letters, running=running, failed=failed)
