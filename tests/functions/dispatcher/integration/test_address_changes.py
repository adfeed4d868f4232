"""What is paused because email bounced goes on once its address has changed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from functions.shared.records.address_hash import address_hash
from functions.shared.records.ids import malformed_letter_id
from functions.shared.records.subscription import SUBSCRIPTIONS, PauseReason
from local_cloud.rpc import current_request
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.test_run_parts import NO_TIME, finish
from tests.seeding import paused as paused_since
from tests.seeding import subscription_reference, user_reference

DAY = 24 * HOUR
BOUNCED = {**paused_since(PauseReason.BOUNCED), "bounced_address": address_hash("old@example.com")}


def paused(cloud: Cloud, user: dict[str, Any] | None = None, **fields: Any) -> str:
    """A user whose hourly subscription is paused, by default because old@example.com bounced."""
    return cloud.subscribed_user(user={"email": "old@example.com", **(user or {})}, **{**BOUNCED, **fields})


def move(cloud: Cloud, user: str, email: str = "new@example.com") -> None:
    """The application changes a user's address."""
    with cloud.one_commit() as batch:
        batch.update(user_reference(cloud.database, user), {"email": email})


def test_a_new_address_gets_the_next_report_within_a_day(cloud: Cloud) -> None:
    changed, others = paused(cloud), [paused(cloud) for _ in range(3)]
    assert cloud.call().body["scheduled"] == 0
    move(cloud, changed)
    before = [cloud.subscription(other) for other in others]

    assert cloud.call(NOON + 23 * HOUR).body["scheduled"] == 0
    answer = cloud.call(NOON + DAY)

    assert [answer.body[name] for name in ("scheduled", "malformed", "errors")] == [1, 0, 0]
    resumed = cloud.subscription(changed)
    assert (resumed["active"], resumed["paused_because"]) == (True, None)
    # The old address still objects.
    assert resumed["bounced_address"] == address_hash("old@example.com")
    assert resumed["next_report_at"] == NOON + DAY
    assert [cloud.subscription(other) for other in others] == before
    assert cloud.record("21261125T1200Z")["sweeps"]["address_changes"] == {"swept_at": NOON + DAY, "documents": 4}
    assert cloud.call(NOON + DAY + HOUR).body["dispatched"] == 1
    assert [report.user_id for report in cloud.reports()] == [changed]


def test_a_new_address_in_the_list(cloud: Cloud) -> None:
    user = paused(cloud, to=["old@example.com"], suppressed=["b5fc85e55755f9e0"])
    subscription_reference(cloud.database, user).update({"to": ["new@example.com"]})
    assert cloud.call().body["scheduled"] == 1
    assert cloud.subscription(user)["suppressed"] == ["b5fc85e55755f9e0"]


@pytest.mark.parametrize("reason", [each for each in PauseReason if each is not PauseReason.BOUNCED])
def test_a_new_address_ends_no_other_pause(cloud: Cloud, reason: PauseReason) -> None:
    user = paused(cloud, **paused_since(reason))
    move(cloud, user)
    before = cloud.subscription(user)
    assert cloud.call().body["scheduled"] == 0
    assert cloud.subscription(user) == before


def test_an_address_that_is_back_before_a_run_looks_has_not_changed(cloud: Cloud) -> None:
    user = paused(cloud)
    cloud.call()
    move(cloud, user)
    assert cloud.call(NOON + HOUR).body["scheduled"] == 0
    move(cloud, user, "Old@example.com")
    assert cloud.call(NOON + DAY).body["scheduled"] == 0
    assert not cloud.subscription(user)["active"]


def test_a_user_who_is_gone_or_inactive_or_malformed_gets_nothing_and_holds_up_no_other(cloud: Cloud) -> None:
    gone, inactive, malformed = paused(cloud), paused(cloud, user={"active": False}), paused(cloud)
    sound = paused(cloud)
    for user in (inactive, sound):
        move(cloud, user)
    user_reference(cloud.database, gone).delete()
    user_reference(cloud.database, malformed).update({"email": {"no": "address"}})
    elsewhere = cloud.database.document(f"tenants/t1/{SUBSCRIPTIONS}/s1")
    elsewhere.set(BOUNCED)

    answer = cloud.call()

    assert [answer.body[name] for name in ("scheduled", "malformed", "errors")] == [1, 0, 0]
    assert cloud.subscription(sound)["active"]
    assert not any(cloud.subscription(user)["active"] for user in (gone, inactive, malformed))
    assert elsewhere.get().to_dict() == BOUNCED
    user_reference(cloud.database, inactive).update({"active": True})
    assert cloud.call(NOON + DAY).body["scheduled"] == 1


def test_a_malformed_subscription_waits_for_a_person(cloud: Cloud) -> None:
    user, other = paused(cloud, cadence="never"), paused(cloud)
    for each in (user, other):
        move(cloud, each)

    answer = cloud.call()

    assert [answer.body[name] for name in ("scheduled", "malformed", "errors")] == [1, 1, 0]
    (letter,) = cloud.dead_letters()
    assert letter["letter_id"] == malformed_letter_id(user, "default")
    assert not cloud.subscription(user)["active"]
    subscription_reference(cloud.database, user).update({"cadence": "hourly"})
    assert cloud.call(NOON + DAY).body["scheduled"] == 1


def test_a_subscription_that_is_changed_meanwhile_stays_as_it_is(cloud: Cloud) -> None:
    changed, other = paused(cloud), paused(cloud)
    for each in (changed, other):
        move(cloud, each)
    has_meddled = False

    async def meddle(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal has_meddled
        resumes = method.endswith("/Commit") and any(
            "paused_because" in write.update_mask.field_paths for write in current_request().writes
        )
        if resumes and not has_meddled:
            has_meddled = True
            fields = paused_since(PauseReason.UNSUBSCRIBED)
            await asyncio.to_thread(subscription_reference(cloud.database, changed).update, fields)
        return await carry_out()

    cloud.firestore_faults.middleware = meddle
    answer = cloud.call()
    cloud.firestore_faults.middleware = None

    assert has_meddled
    assert [answer.body[name] for name in ("scheduled", "errors")] == [1, 0]
    assert cloud.subscription(changed)["paused_because"] == "unsubscribed"
    assert cloud.subscription(other)["active"]


def test_another_request_goes_on_where_the_time_was_up(cloud: Cloud) -> None:
    with cloud.one_commit():
        users = [paused(cloud) for _ in range(450)]
        for user in users:
            move(cloud, user)
    answers = finish(cloud, cloud.call(variables=NO_TIME), variables=NO_TIME)
    assert [answer.body["scheduled"] for answer in answers] == [200, 400, 450, 450]
    assert all(cloud.subscription(user)["active"] for user in users[::50])
    assert cloud.record("21261124T1200Z")["sweeps"]["address_changes"] == {"swept_at": NOON, "documents": 450}
    assert cloud.call(NOON + HOUR).body["scheduled"] == 0


def test_what_a_look_costs(cloud: Cloud) -> None:
    for _ in range(10):
        paused(cloud)
    cloud.call()
    cloud.firestore.usage.reset()
    cloud.call(NOON + HOUR)
    between = cloud.firestore.usage.reads
    cloud.firestore.usage.reset()
    cloud.call(NOON + DAY)
    # Each subscription and its user, and the count of them. The run reads the records of two earlier ones.
    assert cloud.firestore.usage.reads - between <= 2 * 10 + 1 + 2
