"""The team's application hears what became of each report, after the record, and at no price but the event."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from google.pubsub_v1 import PublisherClient

from functions.shared.firestore.delivery_store import DeliveryStore, Occasion
from functions.shared.firestore.outcomes import Outcomes
from functions.shared.outcome_topic import OutcomeTopic
from functions.shared.records.delivery_table import (
    Rescued,
)
from functions.shared.records.outcome import UNTOLD_OUTCOMES
from functions.shared.records.report_task import ReportTask
from functions.worker.send_report import SendReport
from local_cloud.rpc import RpcError, current_request
from local_pipeline.inbox.faults import Answer, Call
from tests.functions.worker.integration import test_destinations as destinations
from tests.functions.worker.integration.conftest import (
    DEFAULTS,
    DUE,
    HOUR,
    MAX_ATTEMPTS,
    PROJECT,
    Cloud,
    Letters,
    an_attempt,
    in_this_process,
    task,
)
from tests.functions.worker.integration.test_failures import failing
from tests.support import pull_now

TOPIC = f"projects/{PROJECT}/topics/report-outcomes"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/report-outcomes"

TELLS = OutcomeTopic(PROJECT, "report-outcomes", database="(default)")


@pytest.fixture(scope="module")
def publisher(_surroundings: Cloud) -> Iterator[PublisherClient]:
    """Pub/Sub for this process, with the topic."""
    from functions.shared import dead_letter_topic

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{_surroundings.pubsub.port}")
        dead_letter_topic.publisher_client.cache_clear()
        client = dead_letter_topic.publisher_client()
        client.create_topic(name=TOPIC)
        _surroundings.subscriber.create_subscription(
            request={"name": SUBSCRIPTION, "topic": TOPIC, "enable_message_ordering": True}
        )
        yield client
        dead_letter_topic.publisher_client.cache_clear()


@pytest.fixture
def store(cloud: Cloud) -> DeliveryStore:
    return DeliveryStore(cloud.door, DEFAULTS, outcomes=Outcomes(cloud.door, TELLS))


@pytest.fixture
def worker(cloud: Cloud, publisher: PublisherClient, store: DeliveryStore) -> SendReport:
    heard(cloud)
    return in_this_process(cloud, Letters(), deliveries=store)


def heard(cloud: Cloud) -> list[dict[str, Any]]:
    """The events since the last look, with their attributes."""
    messages = pull_now(cloud.subscriber, SUBSCRIPTION)
    if messages:
        cloud.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[message.ack_id for message in messages])
    return [
        {**dict(each.message.attributes), "key": each.message.ordering_key, "data": json.loads(each.message.data)}
        for each in messages
    ]


def kept(cloud: Cloud) -> list[str]:
    return [each.to_dict()["id"] for each in cloud.database.collection(UNTOLD_OUTCOMES).stream()]


async def refuse_outcomes(_method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
    request = current_request()
    if getattr(request, "topic", "") == TOPIC:
        raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "no")
    return await carry_out()


async def refuse_mail(_call: Call, _carry_on: Any) -> Answer:
    return Answer(status=400, body=b"{}")


def test_a_sent_report_is_told_as_a_cloud_event_and_costs_no_further_write(cloud: Cloud, worker: SendReport) -> None:
    user = cloud.user()
    cloud.put_delivery(user, state="pending")
    cloud.firestore.usage.reset()
    assert worker(task(user), an_attempt(1, last=False)).result == "sent"
    assert (cloud.firestore.usage.writes, cloud.firestore.usage.deletes) == (3, 0)
    (event,) = heard(cloud)
    delivery = cloud.delivery(user).id
    assert {name: event[name] for name in event if name not in {"ce-time", "data"}} == {
        "ce-specversion": "1.0",
        "ce-id": f"{delivery}/report.sent",
        "ce-source": f"//firestore.googleapis.com/projects/{PROJECT}/databases/(default)",
        "ce-type": "report-pipeline.report.sent",
        "ce-subject": delivery,
        "content-type": "application/json",
        "key": f"{user}/default",
    }
    at = cloud.delivery_of(user)["updated_at"]
    assert abs(datetime.fromisoformat(event["ce-time"]) - at) < timedelta(milliseconds=1)
    assert event["data"]["message_id"] == cloud.delivery_of(user)["message_id"]


@pytest.mark.parametrize("is_heard", [False, True])
@pytest.mark.parametrize("is_paused", [False, True])
@pytest.mark.parametrize(("number", "last"), [(1, False), (MAX_ATTEMPTS, True)])
def test_a_call_that_ends_after_the_record_is_made_good_by_whichever_comes_next(
    cloud: Cloud, worker: SendReport, store: DeliveryStore, is_heard: bool, is_paused: bool, number: int, last: bool
) -> None:
    user = cloud.user()
    cloud.put_delivery(user, state="pending")
    cloud.pubsub_faults.middleware = None if is_heard else refuse_outcomes
    # The claim and the record go through.
    cloud.firestore_faults.middleware = failing("Commit", grpc.StatusCode.PERMISSION_DENIED, skip=2)
    answer = worker(task(user), an_attempt(number, last=last))
    assert (answer.status, answer.details) == (500, {"cause": "subscription-not-moved"})
    assert (cloud.delivery_of(user)["state"], cloud.subscription_of(user)["next_report_at"]) == ("sent", DUE)
    cloud.no_faults()
    if is_paused:
        cloud.subscription(user).update({"active": False, "next_report_at": None})
    # Of the same task, or of the one that the next run makes.
    if last:
        its_task, on = ReportTask.from_json(task(user)), Occasion(DUE + HOUR)
        store.write_all({its_task: (store.read_delivery(its_task), Rescued("a-run"), on)})
    answer = worker(task(user), an_attempt(1, last=False))
    assert (answer.status, answer.result) == (200, "already-final")
    assert cloud.subscription_of(user)["next_report_at"] == (None if is_paused else DUE + HOUR)
    events = heard(cloud)
    assert [event["ce-id"] for event in events] == [f"{cloud.delivery(user).id}/report.sent"] * (1 + is_heard)
    assert all(event == events[0] for event in events)
    assert (len(cloud.mails_to(user)), kept(cloud)) == (1, [])


@pytest.mark.parametrize("is_due", [True, False])
def test_what_pubsub_does_not_take_is_kept_for_the_next_run(cloud: Cloud, worker: SendReport, is_due: bool) -> None:
    user = cloud.user()
    if not is_due:
        cloud.put_delivery(user, state="pending", by_hand=True)
        cloud.subscription(user).update({"next_report_at": DUE + HOUR})
    cloud.pubsub_faults.middleware = refuse_outcomes
    assert worker(task(user), an_attempt(1, last=False)).result == "sent"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert kept(cloud) == [f"{cloud.delivery(user).id}/report.sent"]
    cloud.pubsub_faults.middleware = None
    outcomes = Outcomes(cloud.door, TELLS)
    assert (outcomes.tell_kept(), outcomes.tell_kept()) == (1, 0)
    assert [event["ce-type"] for event in heard(cloud)] == ["report-pipeline.report.sent"]
    assert kept(cloud) == []


def test_a_report_that_is_given_up_or_skipped_is_told_with_the_reason(cloud: Cloud, worker: SendReport) -> None:
    dead, skipped = cloud.user(), cloud.user(active=False)
    cloud.inbox.fault = refuse_mail
    assert worker(task(dead), an_attempt(1, last=False)).result == "dead"
    assert worker(task(skipped), an_attempt(1, last=False)).result == "skipped"
    told = {event["ce-type"]: event["data"] for event in heard(cloud)}
    assert told["report-pipeline.report.dead"]["reason"] == "permanent-error"
    assert told["report-pipeline.report.skipped"]["reason"] == "user-inactive"
    assert kept(cloud) == []


def test_a_report_that_goes_elsewhere_is_told_as_an_email_is(cloud: Cloud, publisher: PublisherClient) -> None:
    heard(cloud)
    worker = cloud.worker(**destinations.settings(cloud), OUTCOMES_TOPIC="report-outcomes")
    sent, skipped, dead = (destinations.user(cloud, "webhook", **fields) for fields in ({}, {"active": False}, {}))
    assert cloud.deliver(sent, worker=worker).json()["result"] == "sent"
    assert cloud.deliver(skipped, worker=worker).json()["result"] == "skipped"
    cloud.inbox.fault = refuse_mail
    assert cloud.deliver(dead, worker=worker).json()["result"] == "dead"
    told = {event["data"]["user_id"]: event for event in heard(cloud)}
    assert {user: told[user]["ce-type"].rpartition(".")[2] for user in told} == {
        sent: "sent",
        skipped: "skipped",
        dead: "dead",
    }
    assert told[sent]["data"]["provider"] == "webhook"
    assert told[dead]["data"]["reason"] == "permanent-error"
    assert kept(cloud) == []
    cloud.letters()


def test_without_a_topic_nothing_is_told(cloud: Cloud, publisher: PublisherClient) -> None:
    user = cloud.user()
    heard(cloud)
    assert in_this_process(cloud, Letters())(task(user), an_attempt(3, last=False)).result == "sent"
    assert (heard(cloud), kept(cloud)) == ([], [])
