"""The exit status of `make run` rests on this."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.shared.records.subscription import ADDRESS_LISTS
from local_pipeline.run_view import DeadLetter, Delivery, SubscriptionKey
from local_pipeline.sample_users import SampleSubscription, sample_users
from local_pipeline.seed import Seeded
from local_pipeline.verdict import Mailed, problems

SENT, DEAD, PAUSED = (SubscriptionKey(user, "default") for user in ("u1", "u2", "u3"))
SCHEDULED = {"shard": 1}
SUBSCRIPTIONS = {
    SENT: SampleSubscription(id="default", document=None, recipients=("u1@example.com", "copy@example.com")),
    DEAD: SampleSubscription(id="default", document={"shard": None}, state="dead"),
    PAUSED: SampleSubscription(id="default", document=SCHEDULED, state=None, paused_because="user"),
}
DELIVERIES = [Delivery(id="d1", subscription=SENT, state="sent"), Delivery(id="d2", subscription=DEAD, state="dead")]
MAILED = [Mailed("d1", "u1@example.com"), Mailed("d1", "copy@example.com")]
GOOD: dict[str, Any] = {
    "seeded": Seeded(subscriptions=SUBSCRIPTIONS, new_users=1),
    "counters": {"errors": 0, "enrolled": 1, "scheduled": 1},
    "deliveries": DELIVERIES,
    "paused": {PAUSED: "user"},
    "dead_letters": [DeadLetter(id="d2", reason="permanent-error", error="refused", alerted=True)],
    "received": [],
    "mailed": MAILED,
    "became": {"delivered": 1},
}


def test_a_run_as_it_should_be() -> None:
    assert problems(**GOOD) == []


def test_mails_that_somebody_else_took_are_not_counted() -> None:
    assert problems(**{**GOOD, "mailed": None, "became": None}) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"counters": {"errors": 2, "enrolled": 1, "scheduled": 1}}, "counted 2 errors, not 0"),
        ({"counters": {"errors": 0, "enrolled": 0, "scheduled": 1}}, "counted 0 users that it enrolled, not 1"),
        ({"counters": {"errors": 0, "enrolled": 1, "scheduled": 2}}, "2 subscriptions that it scheduled, not 1"),
        ({"deliveries": DELIVERIES[:1]}, "default of user u2 should be dead, but has no delivery"),
        (
            {"deliveries": [*DELIVERIES[:1], Delivery(id="d2", subscription=DEAD, state="sent")]},
            "default of user u2 should be dead, but is sent",
        ),
        (
            {"deliveries": [*DELIVERIES, Delivery(id="d3", subscription=PAUSED, state="skipped")]},
            "default of user u3 should have got no report",
        ),
        (
            {"deliveries": [*DELIVERIES, Delivery(id="d4", subscription=SubscriptionKey("u1", "x"), state="sent")]},
            "x of user u1 should have got no report",
        ),
        (
            {"deliveries": [*DELIVERIES, Delivery(id="d5", subscription=SENT, state="sent")]},
            "default of user u1 has 2 deliveries",
        ),
        ({"paused": {}}, "default of user u3 should be paused (user), but is not paused"),
        ({"paused": {PAUSED: "user", SENT: "bounced"}}, "u1 should be not paused, but is paused (bounced)"),
        ({"dead_letters": []}, "no dead letter was kept"),
        ({"dead_letters": [DeadLetter(id="d2", reason="", error="", alerted=False)]}, "no one was told"),
        ({"became": {}}, "what became of the emails is known of 0 reports, and 1 are sent"),
        ({"mailed": MAILED[:1]}, "d1 is sent, but no email came to copy@example.com"),
        ({"mailed": [*MAILED, MAILED[0]]}, "d1 was mailed 2 times to one address"),
        ({"mailed": [*MAILED, Mailed("d1", "x@example.com")]}, "d1 was mailed to x@example.com, who should not"),
        ({"mailed": [*MAILED, Mailed("d2", "u2@example.com")]}, "d2 was mailed, but is dead"),
    ],
)
def test_whatever_is_wrong_is_named(change: dict[str, Any], named: str) -> None:
    assert any(named in problem for problem in problems(**{**GOOD, **change}))


def test_the_sample_users_show_what_there_is() -> None:
    users = list(sample_users(12, now=datetime(2026, 11, 24, 13, 20, tzinfo=UTC)))
    subscriptions = [each for user in users for each in user.subscriptions]
    written = [each.document for each in subscriptions if each.document]
    assert {len(user.subscriptions) for user in users if user.document["active"]} == {1, 2, 3}
    assert {each.state for each in subscriptions} == {"sent", "dead", "skipped", None}
    reasons = {"", "user", "user-inactive", "bounced", "complained"}
    assert {each.paused_because for each in subscriptions} == reasons
    assert any("paused_until" in fields for fields in written)
    assert set(ADDRESS_LISTS) <= {name for fields in written for name in fields}
    # New ones are found by a null; a user also without one.
    assert any(fields["shard"] is None for fields in written)
    assert {user.document.get("enrolled_at", "absent") for user in users if user.is_new} == {None, "absent"}
    assert any(each.document is None for each in subscriptions)
