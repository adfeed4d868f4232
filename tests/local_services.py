"""Everything that the functions talk to, on this machine, for tests that start several functions beside one another."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.tasks_v2 import CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.identity import IdentityProvider
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.rpc import Middleware
from local_cloud.tasks.server import TasksEmulator
from local_pipeline.inbox.server import Inbox
from tests.deployed_firestore import deployed_firestore
from tests.support import Background, pull_now

PROJECT = "local-project"
PARENT = f"projects/{PROJECT}/locations/us-central1"
QUEUE = f"{PARENT}/queues/reports"
WORKER_URL = "https://worker.example.com"
DISPATCHER_URL = "https://dispatcher.example.com"
TASKS_INVOKER = f"tasks-invoker@{PROJECT}.iam.gserviceaccount.com"
SCHEDULER_INVOKER = f"scheduler-invoker@{PROJECT}.iam.gserviceaccount.com"
MAX_ATTEMPTS = 3

_TOPIC = f"projects/{PROJECT}/topics/report-dead-letters"
_PUBSUB_SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/test"


@dataclass(frozen=True, kw_only=True)
class LocalServices:
    """The servers, and clients of them.

    Attributes:
        background: where the servers run.
        environment: by which the functions find them. Of the settings that the functions need besides, it has those
            that no test is about.
        firestore: the server.
        database: a google.cloud.firestore.Client of it.
        queues: the queue of the tasks is the caller's to create.
    """

    background: Background
    identity: IdentityProvider
    inbox: Inbox
    tasks: TasksEmulator
    environment: dict[str, str]
    firestore: FirestoreEmulator
    database: Any
    queues: CloudTasksClient
    subscriber: SubscriberClient

    def take_published(self) -> list[Any]:
        """The messages on the topic of the dead letters since the last call."""
        received = pull_now(self.subscriber, _PUBSUB_SUBSCRIPTION)
        if received:
            ids = [each.ack_id for each in received]
            self.subscriber.acknowledge(subscription=_PUBSUB_SUBSCRIPTION, ack_ids=ids)
        return [each.message for each in received]


@contextmanager
def local_services(
    *, sendgrid_api_key: str, firestore_middleware: Sequence[Middleware] = (), slack_rate_limit: bool = True
) -> Iterator[LocalServices]:
    """Start them, and stop them at the end.

    Args:
        sendgrid_api_key: the key that the inbox takes.
        firestore_middleware: what stands between the functions and Firestore.
        slack_rate_limit: whether the inbox takes one message a second for Slack, as Slack does.
    """
    with ExitStack() as stack:
        background = Background()
        stack.callback(background.close)
        at: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "clock": Clock()}
        identity = IdentityProvider(**at)
        emulator = deployed_firestore(**at, middleware=firestore_middleware)
        pubsub = PubSubEmulator(**at)
        inbox = Inbox(**at, sendgrid_api_key=sendgrid_api_key, slack_rate_limit=slack_rate_limit)
        tasks = TasksEmulator(**at, mint_token=identity.mint)
        for server in (identity, emulator, pubsub, inbox, tasks):
            background.run(server.start())
            stack.callback(_stop, background, server)
        addresses = {
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{emulator.port}",
            "FIRESTORE_REST_EMULATOR_HOST": f"127.0.0.1:{emulator.rest_port}",
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{pubsub.port}",
            "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{tasks.port}",
        }
        with pytest.MonkeyPatch.context() as environment:
            for name, address in addresses.items():
                environment.setenv(name, address)
            database = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
            publisher, subscriber = PublisherClient(), SubscriberClient()
        stack.callback(publisher.stop)
        stack.callback(subscriber.close)
        publisher.create_topic(name=_TOPIC)
        subscriber.create_subscription(name=_PUBSUB_SUBSCRIPTION, topic=_TOPIC)
        channel = stack.enter_context(grpc.insecure_channel(addresses["CLOUD_TASKS_EMULATOR_HOST"]))
        yield LocalServices(
            background=background,
            identity=identity,
            inbox=inbox,
            tasks=tasks,
            environment={
                **addresses,
                "GOOGLE_CLOUD_PROJECT": PROJECT,
                "LOCATION": "us-central1",
                "REPORT_QUEUES": "reports",
                "WORKER_URL": WORKER_URL,
                "DISPATCHER_URL": DISPATCHER_URL,
                "TASKS_INVOKER": TASKS_INVOKER,
                "SCHEDULER_INVOKER": SCHEDULER_INVOKER,
                "DEAD_LETTER_TOPIC": "report-dead-letters",
                "DEFAULT_KIND": "activity",
                "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
                "SENDGRID_API_KEY": sendgrid_api_key,
                "SENDGRID_HOST": inbox.url,
                "MAIL_FROM": "reports@example.com",
                "OIDC_CERTS_URL": identity.certs_url,
                "OIDC_ISSUER": identity.issuer,
            },
            firestore=emulator,
            database=database,
            queues=CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel)),
            subscriber=subscriber,
        )


def _stop(background: Background, server: Any) -> None:
    background.run(server.stop())
