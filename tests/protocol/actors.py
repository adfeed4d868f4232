"""Who acts on a subscription's reports: each is a function, and what it does is the pipeline's own code."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from functions.dispatcher.breaker_policy import BreakerLimits
from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.fan_out import FanOut
from functions.dispatcher.held_subscriptions import HeldSubscriptions
from functions.dispatcher.malformed_documents import MalformedDocuments
from functions.dispatcher.rescue.earlier_tasks import EarlierTasks, PastRun
from functions.dispatcher.rescue.rescuer import Rescuer
from functions.dispatcher.run_counters import RunCounters
from functions.dispatcher.run_dependencies import RunDependencies
from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.alerting.alerter import Alerter
from functions.dlq_handler.handle_message import MessageHandler
from functions.dlq_handler.intake.pubsub_message import PubSubMessage
from functions.dlq_handler.store.dead_letter_store import DeadLetterStore
from functions.mail_events.address_pauses import AddressPauses
from functions.mail_events.received_events import ReceivedEvents
from functions.mail_events.record_store import RecordStore
from functions.mail_events.settled_outcomes import SettledOutcomes
from functions.mail_events.take_events import TakeEvents
from functions.shared.firestore.delivery_store import DeliveryStore
from functions.shared.firestore.letter_store import LetterStore
from functions.shared.queues.task_queue import NewTask
from functions.shared.records.archived_copy import CopyName
from functions.shared.records.dead_letter import StoredDeadLetter
from functions.shared.records.ids import SHARDS, run_id
from functions.shared.records.kind_pauses import KindPause, KindPauses
from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.report_task import ReportTask
from functions.shared.records.states import Enroll
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.settings import OnUnknownOutcome
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from functions.worker.attempt import Attempt
from functions.worker.attempt_end import AttemptEnd
from functions.worker.copies import Copies
from functions.worker.destinations.email.model import Mail, MailRecipient
from functions.worker.inactive_users import InactiveUsers
from functions.worker.key_alert import KeyAlert
from functions.worker.outcome_inquiry import OutcomeInquiry
from functions.worker.provider_outage import ProviderOutage
from functions.worker.repeating import Repeating
from functions.worker.report_builder import ReportBuilder
from functions.worker.routes import Route, Routes
from functions.worker.send_report import SendReport
from functions.worker.sending import Sending
from functions.worker.skipping import Subscriber
from operations.dead_letters.dismissal import Dismissals
from operations.dead_letters.replay import Replay
from tests.protocol.played import Played, PlayedProvider

DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.HOURLY)


class Provider(StrEnum):
    """What the email provider can say about an email whose answer was lost."""

    NEITHER = "neither"
    LOGS = "logs"
    ABSENCE = "absence"
    """As LOGS, and an email that they do not show in time is sent again."""
    RESEND = "resend"
    """As NEITHER, and the team has an email sent again whose outcome stays unknown."""
    KEYS = "keys"


def worker(
    played: Played,
    provider: Provider,
    body: bytes,
    task_name: str,
    number: int,
    last: bool,
    restored_at: datetime | None,
    is_paused: bool,
) -> bool:
    """A worker carries out a task. Returns whether the queue deletes it."""
    deliveries = DeliveryStore(played.database, DEFAULTS, restored_at=restored_at, outcomes=played.outcomes)
    mail_provider, is_by_absence = PlayedProvider(played), provider is Provider.ABSENCE
    send_report = SendReport(
        deliveries=deliveries,
        end=AttemptEnd(
            deliveries=deliveries,
            inactive_users=InactiveUsers(played.database, DEFAULTS),
            dead_letters=played.topic,
            copies=Copies(now=played.moment),
            now=played.moment,
            settle_later=lambda task, wait: bool(played.queue.enqueue([NewTask(wait.task_name, task.to_json())])),
        ),
        routes=Routes(
            Route(
                Sending(
                    mail_provider,
                    Repeating(mail_provider if provider is Provider.KEYS else None, provider="p", now=played.moment),
                    outage=ProviderOutage(played.moment, wait=timedelta(minutes=1)),
                    key_alert=KeyAlert(played.topic.tell, now=played.moment),
                ),
                OutcomeInquiry(
                    deliveries.mail_record,
                    mail_provider if provider is Provider.LOGS or is_by_absence else None,
                    _CHOICES.get(provider, OnUnknownOutcome.DEAD_LETTER),
                    taker="the email provider",
                ),
            )
        ),
        builder=_Builder(),
        is_paused=lambda _kind: is_paused,
        copies=Copies(now=played.moment),
        now=played.moment,
    )
    answer = send_report(body, Attempt(number=number, task_name=task_name, last=last, started_at=played.now))
    return answer.status < 300


_CHOICES = {
    Provider.ABSENCE: OnUnknownOutcome.RESEND_IF_ABSENT,
    Provider.RESEND: OnUnknownOutcome.RESEND,
}
"""What the team wants of an email whose outcome stays unknown, where that is no dead letter."""


class _Builder(ReportBuilder):
    """Makes a report of its period alone."""

    def __init__(self) -> None:
        pass

    def build(
        self,
        task: ReportTask,
        subscriber: Subscriber,
        period: Period,
        *,
        elapsed: float,
        variant: str = "",
        copy: CopyName | None = None,
    ) -> Mail:
        told = f"{period.start.isoformat()} {period.end.isoformat()}"
        return Mail(recipients=[MailRecipient(subscriber.user.email)], subject=told, text="", html="", arguments={})


def run(
    played: Played, run_time: datetime, over: datetime, restored_at: datetime | None, pause: KindPause | None
) -> None:
    """A run of the dispatcher: it makes a task for the subscription, or has the rescuer look at its report, or holds
    it."""
    counters, run, pauses = RunCounters(), run_id(run_time), KindPauses({DEFAULTS.kind: pause} if pause else {})
    held = HeldSubscriptions(played.database, pauses, counters, run_id=run)
    held.release(range(SHARDS), lambda: False)
    due: DueSubscription | None = played.ask("due", run_time)
    dependencies = RunDependencies(
        firestore=played.database,
        documents=cast(Any, None),
        report_queues=[played.queue],
        continuation_queue=played.queue,
        audience_queue=played.queue,
        audiences=[],
        dead_letters=played.topic,
        defaults=DEFAULTS,
        enroll=Enroll.ALL,
        enroll_at_once=1,
        time_limit=timedelta(minutes=1),
        ramp=None,
        mail_statistics=None,
        breaker_limits=cast(BreakerLimits, None),
        restored_at=restored_at,
        now=played.moment,
        outcomes=played.outcomes,
    )
    with FanOut([played.queue], run_id=run, counters=counters) as fan_out:
        rescuer = Rescuer(
            dependencies,
            run_time=run_time,
            # Nobody has written since the beginning of time as long as a task is tried.
            earlier=EarlierTasks(-timedelta(days=1), None, PastRun(over, over, over, 1), is_paused=False),
            malformed=MalformedDocuments(played.database, played.topic, counters, run_id=run, now=played.moment),
            fan_out=fan_out,
            counters=counters,
            pauses=pauses,
        )
        overdue = rescuer.find_overdue()
        if due and held.holds(due):
            held.finish()
        elif due and rescuer.needs_look(due):
            rescuer.add(due)
        elif due:
            fan_out.add(due, rescuer.first_salt(due.due_at))
        rescuer.finish()
        rescuer.rescue_overdue(overdue)
        rescuer.tell_untold()


def event(played: Played, delivery: str, at: datetime) -> None:
    """The provider reports that an email was delivered."""
    take_events = TakeEvents(
        RecordStore(played.database),
        AddressPauses(played.database, DEFAULTS, now=played.moment),
        SettledOutcomes(
            LetterStore(played.database, keeps_outcomes=bool(played.outcomes)), played.topic, played.moment
        ),
        played.outcomes,
    )
    delivered = MailEvent(delivery_id=delivery, recipient="r", status=MailStatus.DELIVERED, at=at, message_id="m")
    take_events(ReceivedEvents(events=[delivered]))


def handler(played: Played, message: bytes) -> None:
    """The DLQ handler takes a message."""
    handler = MessageHandler(
        played.database,
        [],
        audiences={},
        links=AlertLinks(),
        now=played.moment,
        keeps_outcomes=bool(played.outcomes),
    )
    handler._alerter = _Alerter(played)
    handler.handle(PubSubMessage(message, {}, "1", played.now), now=played.now)


class _Alerter(Alerter):
    """Tells people at once, by one channel."""

    def __init__(self, played: Played) -> None:
        self._played = played

    def alert(self, record: Any, *, message: str) -> None:
        letters = DeadLetterStore(self._played.database)
        if not isinstance(record, StoredDeadLetter):
            self._played.ask("tell", record.report.get("delivery_id", ""))
        elif (found := letters.get(record.id)) and found.needs_alert:
            self._played.ask("post", record.id)
            letters.mark_alerted([found], ["c"], all_channels={"c"}, now=self._played.now)


def operator(played: Played, letter: str, may_send_twice: bool) -> None:
    """An operator replays a dead letter."""
    replay = Replay(
        database=played.database,
        queue_of=lambda user_id: played.queue,
        now=played.moment,
        keeps_outcomes=bool(played.outcomes),
    )
    replay(letter, may_send_twice=may_send_twice)


def dismissal(played: Played, letter: str) -> None:
    """An operator dismisses a dead letter."""
    Dismissals(database=played.database, now=played.moment).dismiss(letter, note="")
