"""Dead letters of malformed documents: one for each document, whatever depends on it."""

from datetime import UTC, datetime

import pytest

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.malformed_documents import MalformedDocuments
from functions.dispatcher.run_counters import RunCounters
from functions.shared.dead_letter_topic import DeadLetterTopic
from tests.functions.dispatcher.integration.conftest import NOON, PROJECT, Cloud
from tests.functions.dispatcher.integration.faults import failing

WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)


def due(user_id: str, subscription_id: str, *, is_users: bool) -> DueSubscription:
    """A subscription that gets no report."""
    problem = "email: must be an email address" if is_users else "hour: must be an integer from 0 to 23"
    return DueSubscription(user_id, subscription_id, NOON, "activity", problem, WRITTEN, is_users)


@pytest.fixture
def counters() -> RunCounters:
    """Those of a run."""
    return RunCounters()


@pytest.fixture
def malformed(cloud: Cloud, counters: RunCounters, monkeypatch: pytest.MonkeyPatch) -> MalformedDocuments:
    """What publishes the dead letters."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{cloud.pubsub_port}")
    topic = DeadLetterTopic(PROJECT, "report-dead-letters")
    return MalformedDocuments(cloud.door, topic, counters, run_id="21261124T1200Z", now=lambda: NOON)


def test_a_malformed_user_is_one_dead_letter_for_all_subscriptions(
    cloud: Cloud, malformed: MalformedDocuments, counters: RunCounters
) -> None:
    dues = [
        due("u1", "default", is_users=True),
        due("u2", "default", is_users=False),
        due("u1", "weekly", is_users=True),
        due("u2", "weekly", is_users=False),
    ]

    malformed.tell(dues)

    letters = cloud.dead_letters()
    assert {letter["letter_id"]: (letter["user_id"], letter.get("subscription_id")) for letter in letters} == {
        "u1:malformed": ("u1", None),
        "u2:default:malformed": ("u2", "default"),
        "u2:weekly:malformed": ("u2", "weekly"),
    }
    assert len(letters) == 3
    assert {letter["error"].partition(":")[0] for letter in letters} == {
        "the user's document",
        "the subscription's document",
    }
    assert (counters.to_dict()["malformed"], counters.errors_here) == (4, 0)

    cloud.keep_letters(letters)
    malformed.tell(dues)

    assert cloud.dead_letters() == []
    assert counters.to_dict()["malformed"] == 8


def test_more_documents_than_one_call_reads(cloud: Cloud, malformed: MalformedDocuments) -> None:
    users = {f"u{number}" for number in range(150)}
    malformed.tell([due(user, "default", is_users=True) for user in users])
    assert {letter["user_id"] for letter in cloud.dead_letters()} == users


def test_each_subscription_that_cannot_be_told_of_is_an_error(
    cloud: Cloud, malformed: MalformedDocuments, counters: RunCounters
) -> None:
    cloud.pubsub_faults.middleware = failing("Publish", "PERMISSION_DENIED")
    malformed.tell([due("u1", subscription, is_users=True) for subscription in ("default", "weekly")])
    assert (counters.to_dict()["malformed"], counters.errors_here) == (0, 2)
