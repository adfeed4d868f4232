"""The clients, queues and settings of every run, made once for each process."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from functions.dispatcher.breaker_policy import BreakerLimits
from functions.dispatcher.mail_statistics.chosen import mail_statistics
from functions.dispatcher.mail_statistics.provider import MailStatistics
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.database import Database, firestore_database
from functions.shared.firestore.document_stream import DocumentStream
from functions.shared.firestore.outcomes import Outcomes
from functions.shared.firestore.stored_calendars import stored_defaults
from functions.shared.queues.ramp import Ramp
from functions.shared.queues.task_queue import TaskQueue
from functions.shared.records.audience import AUDIENCE_TASK_PATH
from functions.shared.records.states import Enroll
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.settings import DispatcherSettings

_CALL_SECONDS = 60.0
"""How long a call of Firestore may take: a run has minutes, and one that fails comes again."""

_PART_DEADLINE = timedelta(minutes=30)
"""How long Cloud Tasks waits for the answer of a part: the most that it allows.
https://cloud.google.com/tasks/docs/dual-overview#http"""


class RunDependencies(NamedTuple):
    """The clients, queues and settings of a run.

    Attributes:
        firestore: the database.
        documents: reads many of its documents.
        report_queues: those among which the reports are spread.
        continuation_queue: the queue whose tasks call the dispatcher.
        audience_queue: the queue whose tasks have a worker read who the recipients of a kind are.
        audiences: the kinds whose recipients a query names.
        dead_letters: the topic of what cannot be enqueued.
        defaults: what a subscription gets whose document does not say it.
        enroll: whom a run enrolls.
        enroll_at_once: how many at most.
        time_limit: how long one part of a run may take.
        ramp: what the report queues' rate follows; None where it is always that of queue.yaml.
        mail_statistics: the email provider's; None where the dispatcher has no key for them.
        breaker_limits: when complaints and bounces alert people, and when they stop the runs.
        restored_at: a time by which the pipeline before a restore of Firestore had sent its last email; None where
            there was none.
        now: the present, in UTC: what a run notes has this time. It decides by its own.
        outcomes: tells the team's application what became of reports; None where it wants to hear nothing.
    """

    firestore: Database
    documents: DocumentStream
    report_queues: Sequence[TaskQueue]
    continuation_queue: TaskQueue
    audience_queue: TaskQueue
    audiences: Sequence[str]
    dead_letters: DeadLetterTopic
    defaults: SubscriptionDefaults
    enroll: Enroll
    enroll_at_once: int
    time_limit: timedelta
    ramp: Ramp | None
    mail_statistics: MailStatistics | None
    breaker_limits: BreakerLimits
    restored_at: datetime | None
    now: Callable[[], datetime]
    outcomes: Outcomes | None = None

    @classmethod
    def from_settings(cls, settings: DispatcherSettings, *, now: Callable[[], datetime]) -> Self:
        """Make the clients; not to be called at import (shared/clients.py)."""

        def queue(name: str, url: str, audience: str, **deadline: timedelta) -> TaskQueue:
            return TaskQueue(
                project=settings.google_cloud_project,
                location=settings.location,
                queue=name,
                url=url,
                service_account=settings.tasks_invoker,
                audience=audience,
                **deadline,
            )

        # Neither waits behind the reports.
        beside_reports = settings.continuation_queue or settings.report_queues[0]
        project, database = settings.google_cloud_project, settings.firestore_database
        firestore = firestore_database(project, database, seconds=_CALL_SECONDS)
        return cls(
            firestore=firestore,
            documents=DocumentStream(project, database, seconds=_CALL_SECONDS),
            report_queues=[
                queue(name, f"{settings.worker_url}/tasks/send-report", settings.worker_url)
                for name in settings.report_queues
            ],
            continuation_queue=queue(
                beside_reports,
                f"{settings.dispatcher_url}/dispatch",
                settings.dispatcher_url,
                dispatch_deadline=_PART_DEADLINE,
            ),
            audience_queue=queue(beside_reports, f"{settings.worker_url}{AUDIENCE_TASK_PATH}", settings.worker_url),
            audiences=settings.audiences,
            dead_letters=DeadLetterTopic(project, settings.dead_letter_topic),
            defaults=stored_defaults(settings, lambda: firestore),
            enroll=settings.enroll,
            enroll_at_once=settings.enroll_at_once,
            time_limit=timedelta(seconds=settings.dispatch_time_limit),
            ramp=settings.ramp,
            mail_statistics=mail_statistics(settings.mail_provider, settings.mail_accounts),
            breaker_limits=BreakerLimits(
                complaint_alert=settings.complaint_alert_percent,
                complaint_stop=settings.complaint_stop_percent,
                bounce_alert=settings.bounce_alert_percent,
                bounce_stop=settings.bounce_stop_percent,
                least_mails=settings.breaker_least_mails,
            ),
            restored_at=settings.restored_at,
            now=now,
            outcomes=Outcomes.from_settings(settings, firestore),
        )
