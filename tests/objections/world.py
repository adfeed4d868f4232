"""A user, two subscriptions and the emails that go out, without services: what decides is the pipeline's own code, in
the order in which mail_events, the page, the worker, the dispatcher and the commands call it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.dispatcher.address_changes import has_another_address
from functions.dispatcher.scheduling import new_place
from functions.mail_events import take_events
from functions.mail_events.address_events import fields_for_event
from functions.preferences.undo import Change, Undo, before_change
from functions.shared.firestore.delivery_store import TaskDocuments
from functions.shared.records.address_hash import address_hash
from functions.shared.records.delivery import SkipReason
from functions.shared.records.ids import delivery_id, run_id
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.mark import met_pause_fields, paused_fields, resumed_fields
from functions.shared.records.objections import all_taken_back, objection_fields
from functions.shared.records.recipient_pauses import Stored
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import PauseReason, Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence
from functions.worker.attempt import Attempt
from functions.worker.compose import wanting
from functions.worker.skipping import OF_USERS, fields_for_inactive_user, skip_reason
from functions.worker.task_delivery import TaskDelivery

DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.HOURLY)
TICK = timedelta(microseconds=7)
HOUR = timedelta(hours=1)
U = "u1"


@dataclass
class World:
    """What is stored, and what time it is."""

    now: datetime
    documents: dict[str, dict[str, Any]]
    email: str
    is_active: bool = True
    is_enrolled: bool = True
    versions: dict[str, datetime] = field(default_factory=dict)
    user_version: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    records: dict[str, MailRecord] = field(default_factory=dict)
    _sealed: Any = None

    @property
    def user(self) -> User:
        """The user as it is read."""
        return User.from_fields(U, {"active": self.is_active, "email": self.email}, version=self.user_version)

    def subscription(self, name: str) -> Subscription:
        """A subscription as it is read."""
        version = self.versions.get(name, self.user_version)
        return Subscription.from_fields(U, name, self.documents[name], DEFAULTS, version=version)

    def write(self, name: str, fields: Mapping[str, Any]) -> None:
        """Write fields of a subscription, if there are any."""
        if fields:
            self.documents[name] = {**self.documents[name], **fields}
            self.now += TICK
            self.versions[name] = self.now

    # mail_events

    def event(self, name: str, address: str, status: MailStatus, because: PauseReason | None, at: datetime) -> None:
        """An event comes about the only email of a subscription to an address."""
        delivery = delivery_id(U, name, datetime(2026, 11, 1, tzinfo=UTC))
        event = MailEvent(delivery, address_hash(address), status, at, pauses=because)
        before = self.records.setdefault(delivery, MailRecord(id=delivery, user_id=U, subscription_id=name))
        after = before.folded([event])
        if take_events._news(before, [event]):
            for each in self.documents:
                fields = fields_for_event(
                    self.user, self.subscription(each), event, is_of_it=each == name, now=self.now
                )
                self.write(each, fields)
        self.records[delivery] = after

    # The page

    def page(self, name: str, decide: Callable[[Stored], Mapping[str, Any]]) -> bool:
        """A recipient changes something. Returns whether that changed anything."""
        document = self.documents[name]
        stored = Stored(user=self.user, subscription=self.subscription(name), document=document)
        fields = decide(stored) if self.is_active else {}
        self.write(name, fields)
        if fields:
            before = before_change(stored.subscription, document, fields, at=self.versions[name])
            change = Change(subscription_id=name, version=self.versions[name], before=before)
            self._sealed = Undo(user_id=U, changes=[change], until=self.now + HOUR).to_json()
        return bool(fields)

    def take_back(self) -> str:
        """Take the last change of the page back. Returns of which subscription; empty where it cannot be."""
        if self._sealed is None:
            return ""
        (change,), self._sealed = Undo.from_json(self._sealed).changes, None
        if self.versions.get(change.subscription_id) != change.version:
            return ""
        self.write(change.subscription_id, change.before)
        return change.subscription_id

    # The operator

    def operator_pauses(self, name: str) -> None:
        """As `reports subscriptions pause` does."""
        subscription = self.subscription(name)
        if not subscription.is_paused(self.now):
            self.write(name, paused_fields(subscription, self.user, PauseReason.OPERATOR, now=self.now))

    def operator_resumes(self, name: str) -> None:
        """As `reports subscriptions resume` does."""
        subscription = self.subscription(name)
        fields = objection_fields(subscription, all_taken_back(subscription, at=self.now))
        if not subscription.is_paused(self.now) and subscription.next_report_at is not None:
            self.write(name, fields if subscription.objecting else {})
        elif self.is_active:
            self.write(name, {**resumed_fields(subscription, self.user, now=self.now), **fields})

    # A run

    def run(self) -> list[tuple[str, str]]:
        """A run, whose reports are sent at once. Returns the emails: of which subscription, and to whom."""
        self.now = run_time = self.now.replace(minute=0, second=0, microsecond=0) + HOUR
        for name in self.documents:
            self._resume_for_new_address(name, run_time)
        if self.is_active and not self.is_enrolled:
            for name in self.documents:
                self._resume_for_active_user(name, run_time)
            self.is_enrolled = True
        sent: list[tuple[str, str]] = []
        for name in self.documents:
            subscription = self.subscription(name)
            if subscription.shard is None:
                self.write(name, new_place(subscription, self.user, run_time))
        for name in self.documents:
            due_at = self.subscription(name).next_report_at
            if due_at is not None and due_at <= run_time:
                sent += [(name, address) for address in self._report(name, due_at, run_time)]
        return sent

    def _resume_for_new_address(self, name: str, run_time: datetime) -> None:
        subscription = self.subscription(name)
        if has_another_address(subscription, self.user):
            self.write(name, resumed_fields(subscription, self.user, now=run_time))

    def _resume_for_active_user(self, name: str, run_time: datetime) -> None:
        subscription = self.subscription(name)
        if subscription.waits_for_user:
            fields = resumed_fields(subscription, self.user, now=run_time)
            self.write(name, fields)

    def _report(self, name: str, due_at: datetime, run_time: datetime) -> list[str]:
        self.now += TICK
        work = self._work(name, due_at, run_time)
        reason = skip_reason(work.user, work.subscription, now=self.now)
        assert work.subscription is not None
        if reason in OF_USERS:
            self.is_enrolled = False
            for each in self.documents:
                of = self.subscription(each)
                self.write(each, fields_for_inactive_user(self.user, of, due_at=due_at, now=self.now))
            return []
        if reason is SkipReason.PAUSED:
            self.write(name, met_pause_fields(work.subscription, self.user, due_at=due_at, now=self.now))
            return []
        sent = [] if reason else [each.address for each in wanting(self.user, work.subscription)]
        moved = work._replace(is_claimed=True).moved_fields(self.user, work.subscription, counts=True, now=self.now)
        self.write(name, moved)
        return sent

    def _work(self, name: str, due_at: datetime, run_time: datetime) -> TaskDelivery:
        task = ReportTask(
            user_id=U,
            subscription_id=name,
            delivery_id=delivery_id(U, name, due_at),
            due_at=due_at,
            run_id=run_id(run_time),
            kind="activity",
        )
        attempt = Attempt(number=1, task_name="t", last=False, started_at=self.now)
        documents = TaskDocuments(None, self.user, self.subscription(name))
        return TaskDelivery(task, attempt, "owner").with_documents(documents, now=self.now)
