"""After a restore: a delivery that is dead, and whose dead letter the copy does not have."""

from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.records.ids import delivery_id, shard_of
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from tests.functions.dispatcher.integration.conftest import HOUR, Cloud

RUN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""No restore is in the future."""


def restored(at: datetime) -> dict[str, str]:
    return {"RESTORED_AT": f"{at:%Y-%m-%dT%H:%M:%SZ}"}


def dead(cloud: Cloud, *, due_at: Any = RUN - 3 * HOUR, **fields: Any) -> tuple[str, str]:
    """A user with a report that was given up before the restore, and its delivery's id."""
    user = cloud.subscribed_user(next_report_at=RUN + 20 * HOUR)
    name = delivery_id(user, DEFAULT_SUBSCRIPTION, due_at)
    document = {
        "user_id": user,
        "subscription_id": DEFAULT_SUBSCRIPTION,
        "due_at": due_at,
        "kind": "activity",
        "shard": shard_of(user, DEFAULT_SUBSCRIPTION),
        "run_id": "21261124T0900Z",
        "state": "dead",
        "attempts": 3,
        "reason": "retries-exhausted",
        "last_error": "it said no",
        "failed_at": due_at + timedelta(minutes=9),
    }
    cloud.database.collection("deliveries").document(name).set({**document, **fields})
    return user, name


def test_a_dead_letter_that_the_copy_lacks_is_published_again(cloud: Cloud) -> None:
    user, name = dead(cloud)
    assert cloud.call(RUN, variables=restored(RUN - HOUR)).status == 200
    (letter,) = cloud.dead_letters()
    assert (letter["delivery_id"], letter["user_id"], letter["attempts"]) == (name, user, 3)
    assert (letter["reason"], letter["error"]) == ("retries-exhausted", "it said no")


def test_a_dead_letter_that_the_copy_has_before_its_alert_is_published_again(cloud: Cloud) -> None:
    _, name = dead(cloud)
    cloud.database.collection("dead_letters").document(name).set({"state": "open", "alerted_at": None})
    assert cloud.call(RUN, variables=restored(RUN - HOUR)).status == 200
    assert [letter["delivery_id"] for letter in cloud.dead_letters()] == [name]


def test_a_dead_letter_that_is_there_is_not(cloud: Cloud) -> None:
    _, name = dead(cloud)
    shared = f"{dead(cloud, letter_id='all:malformed')[0]}"
    letters = cloud.database.collection("dead_letters")
    letters.document(name).set({"state": "dismissed"})
    letters.document("all:malformed").set({"state": "open", "alerted_at": RUN - 2 * HOUR})
    assert shared
    assert cloud.call(RUN, variables=restored(RUN - HOUR)).status == 200
    assert cloud.dead_letters() == []


def test_without_a_restore_of_late_nobody_looks(cloud: Cloud) -> None:
    dead(cloud)
    cloud.call(RUN)
    cloud.call(RUN, variables=restored(RUN - 30 * HOUR))
    assert cloud.dead_letters() == []
