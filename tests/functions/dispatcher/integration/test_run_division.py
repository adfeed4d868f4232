"""A run whose shards are divided into shares, which instances work on at once."""

from collections import Counter
from datetime import timedelta

import pytest

from functions.dispatcher.run_part import RunPart
from functions.shared.records.ids import shard_of
from functions.shared.records.run import RunState
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.test_run_parts import NO_TIME, carry_on, take_parts
from tests.seeding import subscription_document, subscription_reference

RUN = "21261124T1200Z"
FOUR_SHARES = {"DISPATCH_SHARES": "4"}
USERS = 300


@pytest.fixture
def many_users(cloud: Cloud) -> set[str]:
    """The ids of users whose reports are due at noon, a quarter before, and a few at other times."""
    first = cloud.user()
    users = {first, *(f"{first}-{number:04}" for number in range(1, USERS))}
    batch = cloud.database.batch()
    for number, user in enumerate(sorted(users)):
        due_at = NOON - timedelta(minutes=15) * (number % 3 == 0) - timedelta(seconds=number) * (number % 100 == 1)
        reference = subscription_reference(cloud.database, user)
        batch.set(reference, subscription_document(user, next_report_at=due_at))
    batch.commit()
    return users


def test_the_shares_of_a_run_add_up(cloud: Cloud, many_users: set[str]) -> None:
    new_users = {cloud.user(enrolled_at=...) for _ in range(3)}

    first = cloud.call(variables=FOUR_SHARES)

    assert (first.status, first.body["continued"], first.body["enrolled"]) == (200, True, 0)
    assert cloud.record(RUN)["state"] == "running"
    shares = take_parts(cloud)
    assert len(shares) == 3
    # The last that comes to its end, whichever it is, goes on with the new users.
    answers = [first, *(carry_on(cloud, body, variables=FOUR_SHARES) for body in reversed(shares))]
    assert [answer.body["continued"] for answer in answers] == [True, True, True, False]
    assert answers[-1].body["enrolled"] == 3
    record = cloud.record(RUN)
    assert (record["state"], record["due"], record["dispatched"]) == ("finished", USERS + 3, USERS + 3)
    assert (record["already_dispatched"], record["errors"], record["enrolled"]) == (0, 0, 3)
    sizes = Counter(shard_of(user, DEFAULT_SUBSCRIPTION) % 4 for user in many_users)
    due = {int(share): counted["due"] - counted["enrolled"] for share, counted in record["shares"].items()}
    assert due == sizes
    assert Counter(report.user_id for report in cloud.reports()) == Counter(many_users | new_users)


@pytest.mark.usefixtures("many_users")
def test_a_share_that_runs_out_of_time_hands_on_what_is_left(cloud: Cloud) -> None:
    cloud.call(variables=FOUR_SHARES)
    shares = take_parts(cloud)
    assert carry_on(cloud, shares[0], variables={**FOUR_SHARES, **NO_TIME}).body["continued"]
    (left,) = take_parts(cloud)
    whole, part = RunPart.from_json(shares[0]), RunPart.from_json(left)
    assert (part.share, part.shards, part.part) == (whole.share, whole.shards, whole.part + 1)
    for body in (left, *shares[1:]):
        carry_on(cloud, body)
    record = cloud.record(RUN)
    assert (record["state"], record["due"], record["dispatched"]) == ("finished", USERS, USERS)


@pytest.mark.usefixtures("many_users")
def test_a_share_that_is_repeated_counts_once(cloud: Cloud) -> None:
    cloud.call(variables=FOUR_SHARES)
    shares = take_parts(cloud)
    for body in (shares[0], *shares, shares[-1]):
        carry_on(cloud, body)
    record = cloud.record(RUN)
    assert (record["state"], record["due"]) == ("finished", USERS)
    assert record["dispatched"] + record["already_dispatched"] == USERS
    assert len(cloud.reports()) == USERS


@pytest.mark.usefixtures("many_users")
def test_a_part_that_comes_again_after_its_share_has_ended_holds_no_run_up(cloud: Cloud) -> None:
    new_user = cloud.user(enrolled_at=None)
    cloud.call(variables=FOUR_SHARES)
    first, *others = take_parts(cloud)
    carry_on(cloud, first, variables={**FOUR_SHARES, **NO_TIME})
    carry_on(cloud, take_parts(cloud)[0])
    # The queue delivers the first part once more, and again it has no time.
    carry_on(cloud, first, variables={**FOUR_SHARES, **NO_TIME})
    for body in others:
        carry_on(cloud, body)
    assert cloud.record(RUN)["state"] == "finished"
    assert cloud.fields_of(new_user)["enrolled_at"] is not None


def test_nobody_is_enrolled_while_a_share_is_under_way(cloud: Cloud, many_users: set[str]) -> None:
    """Who is enrolled is due at once, and a share that read it would give it a second task."""
    new_user = cloud.user(enrolled_at=None)
    cloud.call(variables=FOUR_SHARES)
    *shares, last = take_parts(cloud)
    for body in shares:
        carry_on(cloud, body)
    assert cloud.fields_of(new_user)["enrolled_at"] is None
    assert carry_on(cloud, last).body["enrolled"] == 1
    assert Counter(report.user_id for report in cloud.reports()) == Counter({*many_users, new_user})


@pytest.mark.usefixtures("many_users")
def test_an_attempt_that_was_overtaken_changes_nothing_but_its_own_record(cloud: Cloud) -> None:
    first = cloud.call(variables=FOUR_SHARES)
    overtaken = take_parts(cloud)
    second = cloud.call()
    before = cloud.record(RUN)
    assert (before["state"], before["due"], before["attempts"]) == ("finished", USERS, 2)
    assert before["already_dispatched"] == first.body["dispatched"]
    assert first.body["dispatched"] + second.body["dispatched"] == USERS
    for body in overtaken:
        assert carry_on(cloud, body).status == 200
    after = cloud.record(RUN)
    (kept,) = after.pop("earlier_attempts")
    del before["earlier_attempts"]
    assert after == before
    assert (kept["state"], kept["due"]) == ("finished", USERS)
    assert (kept["dispatched"], kept["already_dispatched"]) == (first.body["dispatched"], second.body["dispatched"])
    assert len(cloud.reports()) == USERS


def test_a_share_that_cannot_be_handed_over_fails_the_run(cloud: Cloud, many_users: set[str]) -> None:
    answer = cloud.call(variables={**FOUR_SHARES, "CONTINUATION_QUEUE": "no-such-queue"})
    assert (answer.status, answer.body["errors"]) == (500, 3)
    assert cloud.call().body["due"] == USERS
    assert {report.user_id for report in cloud.reports()} == many_users
    assert cloud.record(RUN)["state"] == "finished"


def test_a_share_that_fails_leaves_the_run_failed_until_it_is_called_again(cloud: Cloud, many_users: set[str]) -> None:
    cloud.call(variables=FOUR_SHARES)
    shares = take_parts(cloud)
    queue = {"REPORT_QUEUES": "reports,no-such-queue", **FOUR_SHARES}
    assert carry_on(cloud, shares[0], variables=queue).status == 500
    for body in shares[1:]:
        assert carry_on(cloud, body).status == 200
    assert cloud.record(RUN)["state"] == RunState.FAILED
    shards = RunPart.from_json(shares[0]).shards
    missed = sum(shard_of(user, DEFAULT_SUBSCRIPTION) in shards for user in many_users)
    assert cloud.call(NOON + HOUR).body["dispatched"] == missed
    assert {report.user_id for report in cloud.reports()} == many_users
