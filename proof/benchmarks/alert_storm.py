"""A storm: thousands of dead letters of one cause within a minute, from the topic through the DLQ handler to Slack."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from google.cloud.pubsub_v1 import PublisherClient

from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.records.ids import delivery_id
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.identity import IdentityProvider
from local_cloud.pubsub.server import PubSubEmulator
from local_pipeline.dead_letters import DEAD_LETTERS, make_dead_letter_topics
from local_pipeline.inbox.server import Inbox
from local_pipeline.machine_variables import machine_variables
from proof.benchmarks.function import REPOSITORY, Function
from proof.benchmarks.table import Table, number

LETTERS = 5000
_PROJECT = "benchmark"
_TOPIC = f"projects/{_PROJECT}/topics/{DEAD_LETTERS}"
_INVOKER = f"events@{_PROJECT}.iam.gserviceaccount.com"
_THREADS = "16"
_LONGEST_SECONDS = 600.0
_LEADERS = 20
"""At most as many messages wait for the next alert as there are threads that met the first."""


@dataclass(frozen=True, kw_only=True)
class Storm:
    """The results of a storm.

    Attributes:
        stored_seconds: until all were stored, and all messages acknowledged except those that wait for an alert.
        told_seconds: until people had an alert about every one.
        first_alert_seconds: until the first message in Slack.
        alerts: messages in Slack.
        deliveries: how often messages were delivered.
        reads: documents read.
        writes: documents written.
        calls: calls of each method of Firestore.
        cpu_seconds: how long the handler has computed.
        megabytes: the most memory that it had.
    """

    stored_seconds: float
    told_seconds: float
    first_alert_seconds: float
    alerts: int
    deliveries: int
    reads: int
    writes: int
    calls: Counter[str]
    cpu_seconds: float
    megabytes: float


def measure(*, letters: int = LETTERS, seconds: float = 0.0) -> Iterator[Table]:
    """Publish dead letters, at once or spread over some seconds, and wait until people have an alert about each."""
    storm = asyncio.run(_storm(letters, seconds))
    yield Table(
        title=f"A storm of {number(letters)} dead letters of one cause",
        columns=["", "", "a letter"],
        rows=[
            ["seconds until the first alert", number(storm.first_alert_seconds), ""],
            ["seconds until all are stored", number(storm.stored_seconds), ""],
            ["seconds until people were told of all", number(storm.told_seconds), ""],
            ["messages in Slack", str(storm.alerts), ""],
            ["deliveries by Pub/Sub", number(storm.deliveries), number(storm.deliveries / letters)],
            ["documents read", number(storm.reads), number(storm.reads / letters)],
            ["documents written", number(storm.writes), number(storm.writes / letters)],
            ["calls of Firestore", number(storm.calls.total()), number(storm.calls.total() / letters)],
            ["the handler's CPU seconds", number(storm.cpu_seconds), f"{storm.cpu_seconds / letters * 1000:.1f} ms"],
            ["the handler's memory, MB", number(storm.megabytes), ""],
        ],
        note=f"One instance with {_THREADS} threads; Pub/Sub, Firestore and Slack in one more process on the same "
        "machine. The last alert waits for the minute that lies between two messages about one cause.",
    )


async def _storm(letters: int, seconds: float) -> Storm:
    clock, calls = Clock(), Counter[str]()

    async def count(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        calls[method.rpartition("/")[2]] += 1
        return await carry_out()

    firestore = FirestoreEmulator(host="127.0.0.1", port=0, clock=clock, middleware=[count])
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key="unused", slack_rate_limit=True)
    identity = IdentityProvider(host="127.0.0.1", port=0, clock=clock)
    pubsub = PubSubEmulator(host="127.0.0.1", port=0, clock=clock, mint_token=identity.mint)
    for part in (firestore, inbox, identity, pubsub):
        await part.start()
    environment = {
        **machine_variables(),
        "PYTHONPATH": str(REPOSITORY),
        "GOOGLE_CLOUD_PROJECT": _PROJECT,
        "LOCATION": "us-central1",
        "DLQ_HANDLER_URL": "http://self",
        "EVENTS_INVOKER": _INVOKER,
        "OIDC_CERTS_URL": identity.certs_url,
        "OIDC_ISSUER": identity.issuer,
        "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{firestore.port}",
        "SLACK_WEBHOOK_URL": inbox.slack_webhook_url,
        "THREADS": _THREADS,
        "LOG_LEVEL": "INFO",
    }
    with TemporaryDirectory() as logs:
        handler = Function("dlq_handler", environment, Path(logs) / "dlq_handler.log")
        await asyncio.to_thread(handler.start)
        try:
            await make_dead_letter_topics(
                f"127.0.0.1:{pubsub.port}", project=_PROJECT, handler_url=handler.url, invoker=_INVOKER
            )
            began = time.monotonic()
            await asyncio.to_thread(_publish, pubsub.port, letters, seconds)
            await _until(lambda: bool(inbox.slack_messages))
            first_alert = (inbox.slack_messages[0].received_at - clock.now()).total_seconds() + time.monotonic() - began
            await _until(lambda: sum(counts.unacknowledged for counts in pubsub.counts().values()) <= _LEADERS)
            stored = time.monotonic() - began
            await _until(pubsub.idle)
            return Storm(
                stored_seconds=stored,
                told_seconds=time.monotonic() - began,
                first_alert_seconds=first_alert,
                alerts=len(inbox.slack_messages),
                deliveries=handler.log.read_text().count('"dead_letter_stored"'),
                reads=firestore.usage.reads,
                writes=firestore.usage.writes,
                calls=calls,
                cpu_seconds=handler.cpu_seconds(),
                megabytes=handler.peak_megabytes(),
            )
        finally:
            handler.kill()
            for part in (pubsub, identity, inbox, firestore):
                await part.stop()


def _publish(port: int, letters: int, seconds: float) -> None:
    os.environ["PUBSUB_EMULATOR_HOST"] = f"127.0.0.1:{port}"
    publisher = PublisherClient()
    futures = []
    for index in range(letters):
        due_at = datetime(2026, 11, 24, 13, tzinfo=UTC)
        letter = DeadLetter(
            user_id=f"u{index}",
            subscription_id=DEFAULT_SUBSCRIPTION,
            delivery_id=delivery_id(f"u{index}", DEFAULT_SUBSCRIPTION, due_at),
            due_at=due_at,
            run_id="20261124T1300Z",
            kind="activity",
            reason=DeadLetterReason.RETRIES_EXHAUSTED,
            error=f"SendGrid answered 503 to request {index}",
            attempts=8,
            failed_at=datetime.now(UTC),
        )
        futures.append(publisher.publish(_TOPIC, letter.to_json(), reason=letter.reason.value))
        time.sleep(seconds / letters)
    for future in futures:
        future.result(60)
    publisher.stop()


async def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("the storm does not end")
        await asyncio.sleep(0.05)
