"""The worker as a process of its own, and around it everything that it talks to."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud.pubsub_v1 import SubscriberClient

from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.database import Database
from functions.shared.firestore.delivery_store import DeliveryStore
from functions.shared.records.dead_letter import DeadLetter
from functions.shared.records.ids import delivery_id, run_id
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION, SubscriptionDefaults
from functions.shared.records.system_alert import SystemAlert
from functions.shared.settings import MailSettings, OnUnknownOutcome
from functions.shared.times.schedule import Cadence
from functions.worker.attempt import Attempt
from functions.worker.attempt_end import AttemptEnd
from functions.worker.copies import Copies
from functions.worker.destinations.email.model import Sender
from functions.worker.destinations.email.sendgrid.api import SendGrid
from functions.worker.inactive_users import InactiveUsers
from functions.worker.key_alert import KeyAlert
from functions.worker.outcome_inquiry import OutcomeInquiry
from functions.worker.provider_outage import ProviderOutage
from functions.worker.repeating import Repeating
from functions.worker.report_builder import ReportBuilder
from functions.worker.routes import Route, Routes
from functions.worker.send_report import SendReport
from functions.worker.sending import Sending
from functions.worker.time_limit import TimeLimit
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.identity import IdentityProvider
from local_cloud.pubsub.server import PubSubEmulator
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox.mail import Mail
from local_pipeline.inbox.server import Inbox
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.user_data import UserData
from tests.deployed_firestore import deployed_firestore
from tests.firestore_client import client_of, database_of
from tests.function_process import FunctionProcesses
from tests.pubsub_clients import pubsub_clients_of
from tests.seeding import seed, subscription_document, subscription_reference
from tests.support import Background, Faults, pull_now

PROJECT = "local-project"
WORKER_URL = "https://worker.example.com"
INVOKER = "tasks-invoker@local-project.iam.gserviceaccount.com"
TOPIC = f"projects/{PROJECT}/topics/report-dead-letters"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/test"
API_KEY = "SG.test.not-a-secret"
ACCOUNTS = {"SG.acme": ["mail.acme.example"], "re_acme": ["mail.acme.example"]}
"""The domains of further accounts, by their keys."""
MAX_ATTEMPTS = 3

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.HOURLY)


@dataclass(kw_only=True)
class Cloud:
    """The services, and what a test does with them."""

    background: Background
    firestore: FirestoreEmulator
    firestore_faults: Faults
    pubsub: PubSubEmulator
    pubsub_faults: Faults
    identity: IdentityProvider
    inbox: Inbox
    database: Any
    subscriber: SubscriberClient
    logs: Path
    workers: FunctionProcesses
    system_alerts: list[dict[str, Any]] = field(default_factory=list)
    """Those that came on the topic beside the dead letters."""
    _users: int = 0

    @functools.cached_property
    def door(self) -> Database:
        """The database as the pipeline's own code sees it."""
        return database_of(self.firestore.port, PROJECT)

    @property
    def environment(self) -> dict[str, str]:
        """What the worker is started with."""
        return {
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "WORKER_URL": WORKER_URL,
            "TASKS_INVOKER": INVOKER,
            "DEAD_LETTER_TOPIC": "report-dead-letters",
            "DEFAULT_KIND": "activity",
            "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "SENDGRID_API_KEY": API_KEY,
            "SENDGRID_HOST": self.inbox.url,
            # So that an unknown outcome is decided at once; test_unknown_outcomes.py asks.
            "SENDGRID_LOGS": "false",
            "MAIL_FROM": "reports@example.com",
            "MAIL_FROM_NAME": "Example Reports",
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{self.firestore.port}",
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.pubsub.port}",
            "OIDC_CERTS_URL": self.identity.certs_url,
            "OIDC_ISSUER": self.identity.issuer,
            "THREADS": "16",
        }

    def worker(self, **variables: str) -> FunctionProcess:
        """A worker that was started with these variables besides the usual ones; one for each set of them."""
        return self.workers.get({**self.environment, **variables})

    def user(self, *, subscription: Mapping[str, Any] | None = None, **fields: Any) -> str:
        """A new user whose hourly report is due at DUE; a field given as ... is left out.

        Args:
            subscription: fields of the subscription.
            fields: fields of the user.
        """
        self._users += 1
        user_id = f"u{self._users}"
        due = {"next_report_at": DUE, "reported_until": DUE - HOUR, **(subscription or {})}
        seed(self.database, user_id, user={"name": "Ada", **fields}, **due)
        return user_id

    def subscribe(self, user_id: str, subscription_id: str, **fields: Any) -> None:
        """Give a user a further subscription, which is due at DUE; a field given as ... is left out."""
        due = {"next_report_at": DUE, "reported_until": DUE - HOUR, **fields}
        document = subscription_document(user_id, subscription_id, **due)
        subscription_reference(self.database, user_id, subscription_id).set(document)

    def event(self, user_id: str, event_id: str, **fields: Any) -> None:
        """Something that a user did."""
        self.users.document(user_id).collection("events").document(event_id).set(fields)

    @property
    def users(self) -> Any:
        return self.database.collection("users")

    @property
    def deliveries(self) -> Any:
        return self.database.collection("deliveries")

    def user_of(self, user_id: str) -> Any:
        """A user's document; None where there is none."""
        return self.users.document(user_id).get().to_dict()

    def subscription(self, user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION) -> Any:
        """The reference of a subscription's document."""
        return subscription_reference(self.database, user_id, subscription_id)

    def subscription_of(self, user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION) -> Any:
        """A subscription's document; None where there is none."""
        return self.subscription(user_id, subscription_id).get().to_dict()

    def delivery(self, user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION, *, due_at: datetime = DUE) -> Any:
        """The reference of a delivery record."""
        return self.deliveries.document(delivery_id(user_id, subscription_id, due_at))

    def delivery_of(self, user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION) -> Any:
        """The delivery record of a subscription; None where there is none."""
        return self.delivery(user_id, subscription_id).get().to_dict()

    def put_delivery(
        self, user_id: str, *, subscription_id: str = DEFAULT_SUBSCRIPTION, due_at: datetime = DUE, **fields: Any
    ) -> None:
        """Write a delivery record, as if another worker had."""
        about = {"user_id": user_id, "subscription_id": subscription_id, "due_at": due_at}
        document = {**about, "run_id": run_id(DUE), "kind": "activity", **fields}
        self.delivery(user_id, subscription_id, due_at=due_at).set(document)

    def mails_to(self, user_id: str) -> list[Mail]:
        """The emails that were accepted for a user."""

        async def read() -> list[Mail]:
            return [self.inbox.mails.read(mail.id) for mail in self.inbox.mails.to(f"{user_id}@example.com")]

        return self.background.run(read())

    def letters(self) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """The dead letters since the last look, data and attributes of each. The worker publishes before it answers."""
        messages = pull_now(self.subscriber, SUBSCRIPTION)
        if messages:
            self.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[message.ack_id for message in messages])
        came = [(json.loads(message.message.data), dict(message.message.attributes)) for message in messages]
        self.system_alerts += [data for data, attributes in came if "alert" in attributes]
        return [(data, attributes) for data, attributes in came if "alert" not in attributes]

    def no_faults(self) -> None:
        """All is well again."""
        self.inbox.fault = None
        self.firestore_faults.middleware = None
        self.pubsub_faults.middleware = None

    def token(self, email: str = INVOKER, audience: str = WORKER_URL, lifetime: timedelta = HOUR) -> str:
        """A token such as Cloud Tasks sends."""

        async def mint() -> str:
            return self.identity.mint(email, audience, lifetime)

        return self.background.run(mint())

    def post(
        self,
        body: bytes | str,
        *,
        worker: FunctionProcess | None = None,
        retry_count: int | None = 0,
        **headers: str,
    ) -> requests.Response:
        """Call the worker as Cloud Tasks does; retry_count=None leaves Cloud Tasks' headers out."""
        given = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token()}"}
        if retry_count is not None:
            given |= {"X-CloudTasks-TaskRetryCount": str(retry_count), "X-CloudTasks-TaskName": "a-task"}
        port = (worker or self.worker()).port
        return requests.post(
            f"http://127.0.0.1:{port}/tasks/send-report", data=body, headers={**given, **headers}, timeout=60
        )

    def deliver(self, user_id: str, **arguments: Any) -> requests.Response:
        """Call the worker with the task of a user's delivery. What names the delivery goes to `task`."""
        named = {
            name: arguments.pop(name) for name in ("subscription_id", "due_at", "kind", "run") if name in arguments
        }
        return self.post(task(user_id, **named), **arguments)


def task(
    user_id: str,
    subscription_id: str = DEFAULT_SUBSCRIPTION,
    *,
    due_at: datetime = DUE,
    kind: str = "activity",
    run: datetime = DUE,
) -> bytes:
    """The body of the task for a user's delivery."""
    return ReportTask(
        user_id=user_id,
        subscription_id=subscription_id,
        delivery_id=delivery_id(user_id, subscription_id, due_at),
        due_at=due_at,
        run_id=run_id(run),
        kind=kind,
    ).to_json()


def an_attempt(number: int, *, last: bool) -> Attempt:
    """A call of the queue, which begins now."""
    return Attempt(number=number, task_name="t", last=last, started_at=datetime.now(UTC))


class Letters(DeadLetterTopic):
    """Keeps dead letters, and system alerts."""

    def __init__(self) -> None:
        super().__init__("any", "any")
        self.kept: list[DeadLetter] = []
        self.told: list[SystemAlert] = []

    def publish(self, letter: DeadLetter, **_: Any) -> None:
        self.kept.append(letter)

    def tell(self, alert: SystemAlert) -> bool:
        self.told.append(alert)
        return True


def builder(
    user_data: Callable[[str, float], UserData] = lambda _user, _seconds: InMemoryUserData({}), **given: Any
) -> ReportBuilder:
    """What builds the emails of a worker in this process."""
    return ReportBuilder(
        user_data=user_data,
        mail=MailSettings(mail_from="reports@example.com"),
        time_limit=TimeLimit(lambda: pytest.fail("nothing hangs for good")),
        **given,
    )


def in_this_process(cloud: Cloud, letters: Letters, **given: Any) -> SendReport:
    """What the worker's process runs, without the process, and with some of it as a test wants it."""
    parts: dict[str, Any] = {
        "deliveries": DeliveryStore(cloud.door, DEFAULTS, restored_at=given.get("restored_at")),
        "builder": builder(),
        "on_unknown_outcome": OnUnknownOutcome.DEAD_LETTER,
        "now": lambda: datetime.now(UTC),
        "mail_record": lambda _delivery_id: None,
        "lookup": None,
        "is_paused": lambda _kind: False,
        "copies": Copies(now=lambda: datetime.now(UTC)),
        "settle_later": lambda _task, _wait: False,
        **given,
    }
    deliveries, now = parts["deliveries"], parts["now"]
    sender = Sender(address="reports@example.com")
    provider = parts.get("provider") or SendGrid(api_key=API_KEY, host=cloud.inbox.url, sender=sender, now=now)
    return SendReport(
        deliveries=deliveries,
        end=AttemptEnd(
            deliveries=deliveries,
            inactive_users=InactiveUsers(cloud.door, DEFAULTS),
            dead_letters=letters,
            copies=parts["copies"],
            now=now,
            settle_later=parts["settle_later"],
        ),
        routes=Routes(
            Route(
                Sending(
                    provider,
                    Repeating(None, provider="sendgrid", now=now),
                    outage=ProviderOutage(now, wait=timedelta(0)),
                    key_alert=KeyAlert(lambda _alert: None, now=now),
                ),
                OutcomeInquiry(
                    parts["mail_record"], parts["lookup"], parts["on_unknown_outcome"], taker="the email provider"
                ),
            )
        ),
        builder=parts["builder"],
        is_paused=parts["is_paused"],
        copies=parts["copies"],
        now=now,
    )


# Not for the session: every event loop that has a gRPC server wakes at each call of any of them.
@pytest.fixture(scope="package")
def _surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    background, clock, logs = Background(), Clock(), tmp_path_factory.mktemp("logs")
    firestore_faults, pubsub_faults = Faults(), Faults()

    async def start() -> tuple[FirestoreEmulator, PubSubEmulator, IdentityProvider, Inbox]:
        parts = (
            deployed_firestore(host="127.0.0.1", port=0, clock=clock, middleware=[firestore_faults]),
            PubSubEmulator(host="127.0.0.1", port=0, clock=clock, middleware=[pubsub_faults]),
            IdentityProvider(host="127.0.0.1", port=0, clock=clock),
            Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY, domains=ACCOUNTS),
        )
        for part in parts:
            await part.start()
        return parts

    parts = background.run(start())
    emulator, pubsub, identity, inbox = parts
    database = client_of(emulator.port, PROJECT)
    publisher, subscriber = pubsub_clients_of(pubsub.port)
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    surroundings = Cloud(
        background=background,
        firestore=emulator,
        firestore_faults=firestore_faults,
        pubsub=pubsub,
        pubsub_faults=pubsub_faults,
        identity=identity,
        inbox=inbox,
        database=database,
        subscriber=subscriber,
        logs=logs,
        workers=FunctionProcesses(background, name="worker", log_directory=logs),
    )
    yield surroundings
    surroundings.workers.stop()
    publisher.stop()
    subscriber.close()
    for part in parts:
        background.run(part.stop())
    background.close()


@pytest.fixture
def cloud(_surroundings: Cloud) -> Iterator[Cloud]:
    """What the worker lives in, with no fault and no dead letter left from another test."""
    _surroundings.letters()
    _surroundings.system_alerts.clear()
    yield _surroundings
    _surroundings.no_faults()


@pytest.fixture
def well_again(cloud: Cloud) -> Iterator[None]:
    """After the test its worker has seen SendGrid work: what a test made fail in a row counts for no other."""
    yield
    cloud.no_faults()
    assert cloud.deliver(cloud.user()).json()["result"] == "sent"
