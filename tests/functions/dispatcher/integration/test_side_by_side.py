"""A large run is divided into shares, which instances work on at once."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from functions.dispatcher.run_part import RunPart
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.test_run_parts import carry_on, rests

RUN = "21261124T1200Z"
SMALL_SHARES = {"DISPATCH_SHARE_SIZE": "150"}


def waiting(cloud: Cloud) -> list[Any]:
    """The bodies of the shares and rests that wait in the queue, which they are taken out of."""
    tasks = rests(cloud)
    for task in tasks:
        cloud.queues.delete_task(name=task.name)
    return [task.http_request.body for task in tasks]


@pytest.fixture
def many_users(cloud: Cloud) -> set[str]:
    """The ids of more users than a share has, due at noon, a quarter before, and a few at other times."""
    first = cloud.user()
    users = {first, *(f"{first}-{number:04}" for number in range(1, 1_200))}
    batch = cloud.database.batch()
    for number, user in enumerate(sorted(users)):
        due_at = NOON - timedelta(minutes=15) * (number % 3 == 0) - timedelta(seconds=number) * (number % 100 == 1)
        batch.set(cloud.database.collection("users").document(user), {"active": True, "next_report_at": due_at})
        if number % 400 == 399:
            batch.commit()
            batch = cloud.database.batch()
    return users


def test_the_shares_of_a_run_add_up(cloud: Cloud, many_users: set[str]) -> None:
    new_users = {cloud.user(next_report_at=...) for _ in range(3)}

    answer = cloud.call(variables=SMALL_SHARES)

    assert (answer.status, answer.body["continued"]) == (200, True)
    assert cloud.record(RUN)["state"] == "running"
    shares = waiting(cloud)
    assert len(shares) >= 4
    # The last that comes to its end, whichever it is, goes on with the new users.
    answers = [carry_on(cloud, body, variables=SMALL_SHARES) for body in reversed(shares)]
    assert [answer.body["continued"] for answer in answers] == [True] * (len(shares) - 1) + [False]
    assert answers[-1].body["enrolled"] == 3
    record = cloud.record(RUN)
    assert (record["state"], record["due"], record["dispatched"]) == ("finished", 1_203, 1_203)
    assert (record["already_dispatched"], record["errors"], record["enrolled"]) == (0, 0, 3)
    assert len(record["shares"]) == len(shares) + 1
    assert max(share["due"] for share in record["shares"].values()) < 400
    assert Counter(report.user_id for report in cloud.reports()) == Counter(many_users | new_users)


@pytest.mark.usefixtures("many_users")
def test_a_share_that_runs_out_of_time_hands_its_rest_on(cloud: Cloud) -> None:
    cloud.call(variables=SMALL_SHARES)
    shares = waiting(cloud)
    short = {"DISPATCH_TIME_LIMIT": "0.000001"}
    assert carry_on(cloud, shares[0], variables=short).body["continued"]
    (rest,) = waiting(cloud)
    whole, part = RunPart.from_json(shares[0]), RunPart.from_json(rest)
    assert (part.share, part.until, part.part) == (whole.share, whole.until, whole.part + 1)
    for body in (rest, *shares[1:]):
        carry_on(cloud, body)
    record = cloud.record(RUN)
    assert (record["state"], record["due"], record["dispatched"]) == ("finished", 1_200, 1_200)


@pytest.mark.usefixtures("many_users")
def test_a_share_that_is_repeated_counts_once(cloud: Cloud) -> None:
    cloud.call(variables=SMALL_SHARES)
    shares = waiting(cloud)
    for body in (shares[0], *shares, shares[-1]):
        carry_on(cloud, body)
    record = cloud.record(RUN)
    assert (record["state"], record["due"]) == ("finished", 1_200)
    assert record["dispatched"] + record["already_dispatched"] == 1_200
    assert len(cloud.reports()) == 1_200


def test_a_part_that_is_repeated_divides_as_before(cloud: Cloud, many_users: set[str]) -> None:
    cloud.call(variables={"DISPATCH_TIME_LIMIT": "0.000001"})
    (rest,) = waiting(cloud)
    carry_on(cloud, rest, variables=SMALL_SHARES)
    first, shares = cloud.record(RUN)["cuts"], waiting(cloud)
    # Workers move on those who have tasks before the queue repeats the part: other places would be chosen now.
    batch = cloud.database.batch()
    for report in cloud.reports():
        batch.update(cloud.database.collection("users").document(report.user_id), {"next_report_at": NOON + HOUR})
    batch.commit()
    carry_on(cloud, rest, variables=SMALL_SHARES)
    assert cloud.record(RUN)["cuts"] == first
    assert waiting(cloud) == []
    for body in shares:
        carry_on(cloud, body)
    assert {report.user_id for report in cloud.reports()} == many_users
    assert len(cloud.reports()) == 1_200


@pytest.mark.usefixtures("many_users")
def test_an_attempt_that_was_overtaken_changes_nothing_but_its_own_record(cloud: Cloud) -> None:
    first = cloud.call(variables=SMALL_SHARES)
    overtaken = waiting(cloud)
    second = cloud.call()
    before = cloud.record(RUN)
    assert (before["state"], before["due"], before["attempts"]) == ("finished", 1_200, 2)
    assert before["already_dispatched"] == first.body["dispatched"]
    assert first.body["dispatched"] + second.body["dispatched"] == 1_200
    for body in overtaken:
        assert carry_on(cloud, body).status == 200
    after = cloud.record(RUN)
    (kept,) = after.pop("earlier_attempts")
    del before["earlier_attempts"]
    assert after == before
    assert (kept["state"], kept["due"]) == ("finished", 1_200)
    assert (kept["dispatched"], kept["already_dispatched"]) == (first.body["dispatched"], second.body["dispatched"])
    assert len(cloud.reports()) == 1_200


def test_a_share_that_cannot_be_handed_over_fails_the_run(cloud: Cloud, many_users: set[str]) -> None:
    answer = cloud.call(variables={**SMALL_SHARES, "CONTINUATION_QUEUE": "no-such-queue"})
    assert answer.status == 500
    assert answer.body["errors"] >= 3
    assert cloud.call().body["due"] == 1_200
    assert {report.user_id for report in cloud.reports()} == many_users
    assert cloud.record(RUN)["state"] == "finished"
