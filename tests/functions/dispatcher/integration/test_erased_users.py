"""A run removes what processes under way have written about users after they were erased."""

from datetime import timedelta
from typing import Any

import pytest

from functions.shared.records.audience import erased_path
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.seeding import subscription_document, subscription_reference, user_reference

DAY = timedelta(days=1)


def erased(cloud: Cloud, user_id: str) -> None:
    """What an erasure leaves, and what is written after it."""
    cloud.database.document(erased_path(user_id)).set({"erased_at": NOON, "user_id": user_id})
    written_late(cloud, user_id)


def written_late(cloud: Cloud, user_id: str) -> None:
    for path in late(user_id):
        cloud.database.document(path).set({"user_id": user_id, "payload": {"user_id": user_id}, "state": "skipped"})


def late(user_id: str) -> list[str]:
    return [f"{name}/{user_id}-late" for name in ("dead_letters", "deliveries", "mail_events")]


def there(cloud: Cloud, *paths: str) -> list[str]:
    return [path for path in paths if cloud.database.document(path).get().exists]


def test_what_is_written_after_an_erasure_goes_with_the_next_runs_of_a_day(cloud: Cloud) -> None:
    erased(cloud, "u8")
    written_late(cloud, "u80")
    for hour in (0, 24):
        written_late(cloud, "u8")
        cloud.call(NOON + hour * HOUR)
        assert there(cloud, *late("u8"), *late("u80")) == late("u80")
        assert cloud.database.document(erased_path("u8")).get().to_dict() == {"erased_at": NOON, "user_id": "u8"}
    cloud.call(NOON + DAY + HOUR)
    assert cloud.database.document(erased_path("u8")).get().to_dict() == {"erased_at": NOON}


@pytest.mark.parametrize("shard", [..., None])
def test_a_subscription_that_comes_after_an_erasure_goes_and_is_never_sent(cloud: Cloud, shard: Any) -> None:
    """The application writes it, or an audience's reader that had read before: due, or new."""
    cloud.database.document(erased_path("u8")).set({"erased_at": NOON, "user_id": "u8"})
    others = [cloud.subscribed_user(next_report_at=NOON + 9 * DAY), "u8 "]
    for user_id in ("u8", *others[1:]):
        fields = subscription_document(user_id, next_report_at=NOON + HOUR)
        subscription_reference(cloud.database, user_id).set(fields if shard else {**fields, "shard": shard})
    inactive = cloud.subscribed_user(next_report_at=NOON + HOUR, user={"active": False}, to=["a@example.com"])
    cloud.database.document(erased_path(inactive)).set({"erased_at": NOON, "user_id": inactive})
    subscriptions = [subscription_reference(cloud.database, each).path for each in ("u8", inactive, *others)]
    cloud.call(NOON + HOUR)
    assert there(cloud, *subscriptions) == subscriptions[2:]
    # What this run has made a task of, the worker does not send: the user is gone, or inactive.
    cloud.queues.purge_queue(name=cloud.queue_path())
    cloud.call(NOON + 2 * HOUR)
    assert not {"u8", inactive} & {each.user_id for each in cloud.reports()}
    assert user_reference(cloud.database, inactive).get().exists


def test_of_a_user_whom_the_application_has_made_again_nothing_goes(cloud: Cloud) -> None:
    user_id = cloud.subscribed_user(next_report_at=NOON + 9 * DAY)
    erased(cloud, user_id)
    cloud.call(NOON + HOUR)
    kept = [*late(user_id), subscription_reference(cloud.database, user_id).path]
    assert there(cloud, *kept) == kept
    assert cloud.database.document(erased_path(user_id)).get().to_dict() == {"erased_at": NOON}


def test_a_mark_with_something_else_than_an_id_stops_no_other(cloud: Cloud) -> None:
    cloud.database.document(erased_path("u8")).set({"erased_at": NOON, "user_id": 8})
    erased(cloud, "u9")
    assert cloud.call(NOON + HOUR).status == 200
    assert there(cloud, *late("u9")) == []
