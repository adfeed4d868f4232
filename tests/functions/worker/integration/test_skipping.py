"""Reports that are not to be sent, and what becomes of their users' subscriptions."""

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from functions.shared.records.address_hash import address_hash
from functions.shared.records.delivery import SkipReason
from local_cloud.rpc import RpcError
from tests.functions.worker.integration.conftest import DUE, HOUR, MAX_ATTEMPTS, Cloud
from tests.functions.worker.integration.test_failures import NOT_NOW, failing
from tests.seeding import ENROLLED_AT

CarryOut = Callable[[], Awaitable[Any]]
USER_INACTIVE = {"active": False, "paused_because": "user-inactive", "paused_until": None, "next_report_at": None}


def assert_skipped(cloud: Cloud, user: str, reason: SkipReason, subscription_id: str = "default") -> None:
    """A worker's call skips the report, and the delivery record says why."""
    answer = cloud.deliver(user, subscription_id=subscription_id)
    assert answer.status_code == 200
    assert answer.json() == {
        "result": "skipped",
        "delivery_id": cloud.delivery(user, subscription_id).id,
        "reason": reason.value,
    }
    delivery = cloud.delivery_of(user, subscription_id)
    assert (delivery["state"], delivery["reason"]) == ("skipped", reason.value)
    assert cloud.mails_to(user) == []
    assert not cloud.letters()


def has_pause(cloud: Cloud, user: str, subscription_id: str = "default") -> bool:
    fields = cloud.subscription_of(user, subscription_id)
    return {name: fields.get(name) for name in USER_INACTIVE} == USER_INACTIVE


@pytest.mark.parametrize("enrolled", [True, False], ids=["", "whom no run has enrolled"])
def test_an_inactive_user_is_skipped_and_all_subscriptions_are_paused(cloud: Cloud, enrolled: bool) -> None:
    user = cloud.user(active=False, email=..., enrolled_at=ENROLLED_AT if enrolled else ...)
    cloud.subscribe(user, "weekly", cadence="weekly", next_report_at=DUE + 5 * HOUR)
    cloud.subscribe(user, "new", shard=None, next_report_at=None)
    assert_skipped(cloud, user, SkipReason.USER_INACTIVE)
    assert all(has_pause(cloud, user, name) for name in ("default", "weekly", "new"))
    # Found by the first run after the user is active again, which resumes them.
    assert cloud.user_of(user)["enrolled_at"] is None
    assert cloud.user_of(user)["active"] is False


def test_the_next_attempts_for_an_inactive_user_skip_and_write_nothing_else(cloud: Cloud) -> None:
    user = cloud.user(active=False)
    cloud.subscribe(user, "weekly", cadence="weekly")
    assert_skipped(cloud, user, SkipReason.USER_INACTIVE)
    paused = {name: cloud.subscription_of(user, name) for name in ("default", "weekly")}
    before = cloud.user_of(user)
    cloud.firestore.usage.reset()
    assert_skipped(cloud, user, SkipReason.USER_INACTIVE, "weekly")
    assert cloud.firestore.usage.writes == 1
    assert {name: cloud.subscription_of(user, name) for name in paused} == paused
    assert cloud.user_of(user) == before


def test_a_user_who_is_gone_is_skipped_and_the_subscriptions_are_paused(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.subscribe(user, "weekly", cadence="weekly")
    cloud.users.document(user).delete()
    assert_skipped(cloud, user, SkipReason.USER_GONE)
    assert has_pause(cloud, user)
    assert has_pause(cloud, user, "weekly")
    assert cloud.user_of(user) is None


def test_a_user_who_is_gone_with_all_subscriptions_is_skipped(cloud: Cloud) -> None:
    assert_skipped(cloud, "nobody", SkipReason.USER_GONE)
    assert (cloud.user_of("nobody"), cloud.subscription_of("nobody")) == (None, None)


def test_a_pause_of_its_own_outlasts_that_of_an_inactive_user(cloud: Cloud) -> None:
    user = cloud.user(active=False)
    by_operator = {"active": False, "paused_because": "operator", "next_report_at": None}
    cloud.subscribe(user, "by-operator", **by_operator)
    until = datetime.now(UTC) + timedelta(days=30)
    cloud.subscribe(user, "by-user", paused_because="user", paused_until=until, next_report_at=until + HOUR)
    before = {name: cloud.subscription_of(user, name) for name in ("by-operator", "by-user")}
    assert_skipped(cloud, user, SkipReason.USER_INACTIVE)
    assert {name: cloud.subscription_of(user, name) for name in before} == before


def test_all_subscriptions_of_an_inactive_user_are_paused_however_many_there_are(cloud: Cloud) -> None:
    user = cloud.user(active=False)
    batch = cloud.database.batch()
    for number in range(405):
        batch.set(cloud.subscription(user, f"s{number:03}"), {"active": True})
    batch.commit()
    cloud.subscribe(user, "z")
    assert_skipped(cloud, user, SkipReason.USER_INACTIVE, "z")
    assert has_pause(cloud, user, "z")
    # More than a commit takes.
    assert [number for number in range(405) if not has_pause(cloud, user, f"s{number:03}")] == []


def test_a_subscription_that_is_gone_is_skipped(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.subscription(user).delete()
    before = cloud.user_of(user)
    assert_skipped(cloud, user, SkipReason.SUBSCRIPTION_GONE)
    assert (cloud.subscription_of(user), cloud.user_of(user)) == (None, before)


def test_a_subscription_that_its_application_paused_is_skipped_and_met_no_more(cloud: Cloud) -> None:
    user = cloud.user(subscription={"active": False})
    before = cloud.subscription_of(user)
    assert_skipped(cloud, user, SkipReason.PAUSED)
    after = cloud.subscription_of(user)
    assert after.pop("paused_at") > DUE
    assert after == {**before, "paused_because": "user", "next_report_at": None}


def test_a_subscription_paused_until_a_moment_is_skipped_and_due_again_after_it(cloud: Cloud) -> None:
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + 10 * HOUR
    user = cloud.user(subscription={"paused_until": until})
    assert_skipped(cloud, user, SkipReason.PAUSED)
    fields = cloud.subscription_of(user)
    assert (fields["active"], fields["paused_until"], fields["next_report_at"]) == (True, until, until)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"active": False, "paused_because": "operator", "next_report_at": None}, SkipReason.PAUSED),
        (
            {"paused_until": datetime(2100, 1, 1, tzinfo=UTC), "next_report_at": datetime(2100, 1, 1, 1, tzinfo=UTC)},
            SkipReason.PAUSED,
        ),
    ],
)
def test_a_replay_for_a_paused_subscription_is_skipped_and_leaves_the_pause_alone(
    cloud: Cloud, fields: dict[str, Any], reason: SkipReason
) -> None:
    user = cloud.user(subscription=fields)
    cloud.put_delivery(user, state="pending", by_hand=True, period_start=DUE - HOUR, period_end=DUE)
    before = cloud.subscription_of(user)
    assert_skipped(cloud, user, reason)
    assert cloud.subscription_of(user) == before


@pytest.mark.parametrize(
    ("user_fields", "fields"),
    [({"active": False}, {}), ({}, {"active": False})],
    ids=["of an inactive user", "that is paused"],
)
def test_a_subscription_set_back_to_a_final_delivery_is_taken_out_of_the_due_index(
    cloud: Cloud, user_fields: dict[str, Any], fields: dict[str, Any]
) -> None:
    user = cloud.user(**user_fields, subscription=fields)
    cloud.put_delivery(user, state="skipped", reason="user-inactive", period_start=DUE - HOUR, period_end=DUE)
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["active"] is False
    assert cloud.subscription_of(user)["next_report_at"] is None


def test_a_user_who_becomes_inactive_between_two_attempts_is_skipped(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.inbox.fault = NOT_NOW
    assert cloud.deliver(user).status_code == 500
    cloud.inbox.fault = None
    cloud.users.document(user).update({"active": False})
    assert_skipped(cloud, user, SkipReason.USER_INACTIVE)
    assert cloud.delivery_of(user)["attempts"] == 1


def test_a_user_who_is_active_again_before_the_pause_is_written_keeps_the_subscriptions(cloud: Cloud) -> None:
    """No run would enroll this user anew: the mark is still there, and nothing would end the pause."""
    user = cloud.user(active=False)
    cloud.subscribe(user, "weekly", cadence="weekly")
    enrolled_at = cloud.user_of(user)["enrolled_at"]

    async def meanwhile(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/RunQuery"):
            cloud.firestore_faults.middleware = None
            write = cloud.users.document(user).update
            await asyncio.get_running_loop().run_in_executor(None, write, {"active": True})
        return await carry_out()

    cloud.firestore_faults.middleware = meanwhile
    assert cloud.deliver(user).json()["reason"] == "user-inactive"
    assert cloud.user_of(user)["enrolled_at"] == enrolled_at
    assert cloud.subscription_of(user, "weekly")["active"] is True
    # The next run's task moves the one on whose report was skipped.
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_a_user_who_is_active_again_while_the_pause_is_written_keeps_the_subscriptions(cloud: Cloud) -> None:
    user = cloud.user(active=False)

    async def meanwhile(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit"):
            cloud.firestore_faults.middleware = None
            write = cloud.users.document(user).update
            await asyncio.get_running_loop().run_in_executor(None, write, {"active": True})
        return await carry_out()

    cloud.firestore_faults.middleware = meanwhile
    assert cloud.deliver(user).json()["reason"] == "user-inactive"
    assert cloud.user_of(user)["enrolled_at"] is not None
    assert cloud.subscription_of(user)["active"] is True


def test_the_next_run_resumes_for_a_user_who_is_back_while_the_pause_is_written(cloud: Cloud) -> None:
    user = cloud.user()
    document = cloud.user_of(user)
    cloud.users.document(user).delete()
    commits = []

    async def meanwhile(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit"):
            commits.append(called)
            # The first makes the delivery skipped.
            if len(commits) == 2:
                write = functools.partial(cloud.users.document(user).set, {**document, "enrolled_at": ENROLLED_AT})
                cloud.firestore_faults.middleware = None
                await asyncio.get_running_loop().run_in_executor(None, write)
        return await carry_out()

    cloud.firestore_faults.middleware = meanwhile
    assert cloud.deliver(user).json()["reason"] == "user-gone"
    assert cloud.subscription_of(user)["paused_because"] == "user-inactive"
    assert cloud.user_of(user)["enrolled_at"] is None


@pytest.mark.parametrize("method", ["RunQuery", "Commit"])
def test_a_worker_that_fails_between_skip_and_pause_leaves_the_pause_to_the_next(cloud: Cloud, method: str) -> None:
    user = cloud.user(active=False)
    # The first commit makes the delivery final.
    cloud.firestore_faults.middleware = failing(method, grpc.StatusCode.PERMISSION_DENIED, skip=int(method == "Commit"))
    assert cloud.deliver(user, retry_count=MAX_ATTEMPTS - 1).json()["cause"] == "firestore"
    assert cloud.delivery_of(user)["state"] == "skipped"
    assert cloud.subscription_of(user)["next_report_at"] == DUE
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert has_pause(cloud, user)
    assert cloud.user_of(user)["enrolled_at"] is None
    assert not cloud.letters()


def test_a_user_who_is_written_all_the_time_is_the_queues_to_try_again(cloud: Cloud) -> None:
    user = cloud.user(active=False)
    visits = itertools.count()

    async def busy(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit"):
            cloud.firestore_faults.middleware = None
            write = cloud.users.document(user).update
            await asyncio.get_running_loop().run_in_executor(None, write, {"visits": next(visits)})
            cloud.firestore_faults.middleware = busy
        return await carry_out()

    cloud.firestore_faults.middleware = busy
    answer = cloud.deliver(user, retry_count=MAX_ATTEMPTS - 1)
    assert (answer.status_code, answer.json()["cause"]) == (500, "firestore")
    cloud.firestore_faults.middleware = None
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert has_pause(cloud, user)
    assert not cloud.letters()


def test_workers_that_skip_for_one_user_at_once_pause_all_once(cloud: Cloud) -> None:
    user = cloud.user(active=False)
    names = ["default", "weekly", "third"]
    for name in names[1:]:
        cloud.subscribe(user, name)
    all_have_begun, begun = asyncio.Event(), itertools.count(1)

    async def together(called: str, carry_out: CarryOut) -> Any:
        answer = await carry_out()
        if called.endswith("/RunQuery"):
            if next(begun) >= len(names):
                all_have_begun.set()
            await asyncio.wait_for(all_have_begun.wait(), 20)
        return answer

    cloud.firestore_faults.middleware = together
    cloud.firestore.usage.reset()
    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(lambda name: cloud.deliver(user, subscription_id=name).json(), names))
    cloud.firestore_faults.middleware = None
    assert [answer["reason"] for answer in answers] == ["user-inactive"] * len(names)
    assert all(has_pause(cloud, user, name) for name in names)
    assert cloud.user_of(user)["enrolled_at"] is None
    # Of each subscription, of the user, and of each delivery.
    assert cloud.firestore.usage.writes == 2 * len(names) + 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"active": False, "paused_because": "unsubscribed", "next_report_at": None}, SkipReason.PAUSED),
        (
            {"objections": {address_hash("ada@example.com"): {"because": "complained", "at": DUE}}},
            SkipReason.SUPPRESSED,
        ),
        (None, SkipReason.SUBSCRIPTION_GONE),
    ],
    ids=["stopped", "without the address", "deleted"],
)
def test_what_is_stopped_before_the_claim_is_not_sent(
    cloud: Cloud, fields: dict[str, Any] | None, reason: SkipReason
) -> None:
    user = cloud.user(email="ada@example.com")

    async def meanwhile(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit"):
            cloud.firestore_faults.middleware = None
            subscription = cloud.subscription(user)
            change = subscription.delete if fields is None else functools.partial(subscription.update, fields)
            await asyncio.to_thread(change)
        return await carry_out()

    cloud.firestore_faults.middleware = meanwhile
    assert cloud.deliver(user).json()["reason"] == reason.value
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["reason"], delivery["attempts"]) == ("skipped", reason.value, 1)
    assert not [mail for mail in cloud.inbox.mails if mail.custom_args["delivery_id"] == cloud.delivery(user).id]
    left = cloud.subscription_of(user) or {}
    assert left.get("next_report_at") is None
    if reason is SkipReason.SUPPRESSED:
        # Nobody is left, so no run is to meet it again.
        assert (left["active"], left["paused_because"]) == (False, "complained")
    assert not cloud.letters()


def test_an_address_that_is_taken_out_before_the_claim_gets_no_mail(cloud: Cloud) -> None:
    user = cloud.user(subscription={"cc": ["left@example.com", "copy@example.com"]})

    async def meanwhile(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit"):
            cloud.firestore_faults.middleware = None
            await asyncio.to_thread(cloud.subscription(user).update, {"cc": ["copy@example.com"]})
        return await carry_out()

    cloud.firestore_faults.middleware = meanwhile
    assert cloud.deliver(user).json()["result"] == "sent"
    mine = [mail for mail in cloud.inbox.mails if mail.custom_args["delivery_id"] == cloud.delivery(user).id]
    assert {mail.to[0].email for mail in mine} == {f"{user}@example.com", "copy@example.com"}


def test_a_report_whose_addresses_are_all_changed_before_the_claim_goes_to_the_new_ones(cloud: Cloud) -> None:
    user = cloud.user(subscription={"to": ["old@example.com"]})

    async def meanwhile(called: str, carry_out: CarryOut) -> Any:
        if called.endswith("/Commit"):
            cloud.firestore_faults.middleware = None
            await asyncio.to_thread(cloud.subscription(user).update, {"to": ["new@example.com"]})
        return await carry_out()

    cloud.firestore_faults.middleware = meanwhile
    assert (answer := cloud.deliver(user)).status_code == 500
    assert answer.json()["cause"] == "addresses-changed"
    assert cloud.delivery_of(user)["state"] == "pending"
    assert cloud.deliver(user, retry_count=1).json()["result"] == "sent"
    mine = [mail for mail in cloud.inbox.mails if mail.custom_args["delivery_id"] == cloud.delivery(user).id]
    assert [mail.to[0].email for mail in mine] == ["new@example.com"]


def test_a_claim_is_given_back_where_the_subscription_cannot_be_read_again(cloud: Cloud) -> None:
    user = cloud.user()
    is_claimed = False

    async def fail_after_claim(called: str, carry_out: CarryOut) -> Any:
        # Before the claim, a worker may read by the same method which kinds are paused.
        nonlocal is_claimed
        if is_claimed and called.endswith("/GetDocument"):
            cloud.firestore_faults.middleware = None
            raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "made to fail")
        is_claimed = is_claimed or called.endswith("/Commit")
        return await carry_out()

    cloud.firestore_faults.middleware = fail_after_claim
    assert cloud.deliver(user, retry_count=MAX_ATTEMPTS - 1).json()["cause"] == "firestore"
    assert cloud.delivery_of(user)["state"] == "pending"
    assert cloud.deliver(user).json()["result"] == "sent"
    assert len(cloud.mails_to(user)) == 1


def test_where_there_is_nothing_to_report_no_mail_is_sent_and_the_next_report_begins_after_it(cloud: Cloud) -> None:
    user = cloud.user(subscription={"skip_empty": ...})
    cloud.event(user, "before", at=DUE - HOUR - HOUR / 2)
    cloud.event(user, "after", at=DUE + HOUR / 2)
    cloud.firestore.usage.reset()
    answer = cloud.deliver(user)
    assert answer.status_code == 200
    said = {"reason": "nothing-to-report", "note": "no events"}
    assert answer.json() == {"result": "skipped", "delivery_id": cloud.delivery(user).id, **said}
    # The delivery and its subscription, in one commit.
    assert cloud.firestore.usage.writes == 2
    delivery = cloud.delivery_of(user)
    assert delivery["state"] == "skipped"
    assert {name: delivery[name] for name in said} == said
    assert (delivery["period_start"], delivery["period_end"]) == (DUE - HOUR, DUE)
    subscription = cloud.subscription_of(user)
    assert (subscription["next_report_at"], subscription["reported_until"]) == (DUE + HOUR, DUE)
    assert cloud.deliver(user, retry_count=1).json()["result"] == "already-final"
    assert cloud.mails_to(user) == []

    assert cloud.deliver(user, due_at=DUE + HOUR).json()["result"] == "sent"
    following = cloud.delivery(user, due_at=DUE + HOUR).get().to_dict()
    assert (following["period_start"], following["period_end"]) == (DUE, DUE + HOUR)
    assert not cloud.letters()
    assert not cloud.system_alerts


@pytest.mark.parametrize("kind", ["activity", "usage"])
def test_a_subscription_may_want_a_mail_about_nothing(cloud: Cloud, kind: str) -> None:
    wants = cloud.user(subscription={"kind": kind, "skip_empty": False})
    assert cloud.deliver(wants, kind=kind).json()["result"] == "sent"
    assert len(cloud.mails_to(wants)) == 1
    does_not = cloud.user(subscription={"kind": kind, "skip_empty": True})
    assert cloud.deliver(does_not, kind=kind).json()["reason"] == "nothing-to-report"
    assert cloud.mails_to(does_not) == []


def test_mails_go_only_to_the_domains_that_the_deployment_may_send_to(cloud: Cloud) -> None:
    worker = cloud.worker(MAIL_ALLOWED_DOMAINS="corp.example, Example.COM")
    others = ["c@customer.example", "d@sub.example.com"]
    user, customer = cloud.user(subscription={"cc": others}), cloud.user(subscription={"to": others[:1]})
    team = cloud.user(email="ada@customer.example")
    cloud.subscription(team).update({"cc": [f"{team}@example.com"]})
    assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
    (mail,) = cloud.mails_to(user)
    assert mail.text
    assert "customer.example" not in mail.text
    for each in (customer, team):
        assert cloud.deliver(each, worker=worker).json()["reason"] == "domain-not-allowed"
        assert cloud.mails_to(each) == []
        # What was skipped does not come later.
        assert cloud.subscription_of(each)["reported_until"] == DUE
    assert not cloud.letters()
