"""SENDGRID_ACTIVITY=true: SendGrid's own word on an unknown outcome."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from local_cloud.function_process import FunctionProcess
from local_cloud.inbox.faults import Answer, Call, CutConnection
from local_cloud.inbox.server import EMAIL_ACTIVITY_SCOPE
from tests.functions.worker.integration.conftest import DUE, HOUR, MAX_ATTEMPTS, Cloud, task
from tests.seeding import seed

LAST = MAX_ATTEMPTS - 1


@pytest.fixture
def asked(cloud: Cloud) -> Iterator[list[str]]:
    """SendGrid takes mails and its answers are lost; its activity shows them at once. What was asked comes here."""
    asked: list[str] = []

    async def fault(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await carry_on()
        if call.service == "sendgrid":
            raise CutConnection
        asked.append(f"{answer.status} {answer.body.decode()}")
        return answer

    cloud.inbox.fault = fault
    cloud.inbox.activity_delay = timedelta(0)
    yield asked
    cloud.inbox.sendgrid_scopes.add(EMAIL_ACTIVITY_SCOPE)


def asking(cloud: Cloud, **variables: str) -> FunctionProcess:
    return cloud.worker(SENDGRID_ACTIVITY="true", **variables)


def lease_ended(cloud: Cloud, user: str, ago: timedelta = timedelta(minutes=1)) -> None:
    cloud.delivery(user).update({"lease_expires_at": datetime.now(UTC) - ago})


def test_a_mail_that_sendgrid_has_was_sent(cloud: Cloud, asked: list[str]) -> None:
    user = cloud.user()
    first = cloud.deliver(user, worker=asking(cloud))
    assert (first.status_code, first.json()["cause"]) == (500, "unknown-outcome")
    # Its claim is kept: no worker acts on it before SendGrid can know.
    assert cloud.delivery_of(user)["state"] == "sending"
    assert cloud.deliver(user, worker=asking(cloud), retry_count=1).status_code == 409
    assert not asked
    lease_ended(cloud, user)
    second = cloud.deliver(user, worker=asking(cloud), retry_count=1)
    assert (second.status_code, second.json()["result"]) == (200, "sent")
    (message,) = json.loads(asked[0].partition(" ")[2])["messages"]
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["message_id"]) == ("sent", message["msg_id"])
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert len(cloud.mails_to(user)) == 1
    assert not cloud.letters()


def test_a_mail_that_does_not_show_yet_is_waited_for(cloud: Cloud, asked: list[str]) -> None:
    cloud.inbox.activity_delay = timedelta(hours=1)
    user = cloud.user()
    cloud.deliver(user, worker=asking(cloud))
    lease_ended(cloud, user)
    waiting = cloud.deliver(user, worker=asking(cloud), retry_count=1)
    assert (waiting.status_code, waiting.json()["cause"]) == (500, "unknown-outcome")
    assert "Retry-After" not in waiting.headers
    assert cloud.delivery_of(user)["state"] == "sending"
    cloud.inbox.activity_delay = timedelta(0)
    assert cloud.deliver(user, worker=asking(cloud), retry_count=1).json()["result"] == "sent"
    assert len(asked) == 2


def test_a_mail_that_never_shows_is_for_a_person(cloud: Cloud, asked: list[str]) -> None:
    user = cloud.user()
    cloud.put_delivery(user, state="sending", owner="x", attempts=1, period_start=DUE - HOUR, period_end=DUE)
    lease_ended(cloud, user, timedelta(minutes=11))
    answer = cloud.deliver(user, worker=asking(cloud), retry_count=1)
    assert (answer.status_code, answer.json()["reason"]) == (200, "unknown-outcome")
    ((letter, _),) = cloud.letters()
    assert letter["error"].endswith("the provider has no record of it")
    assert asked == ['200 {"messages": []}']
    assert cloud.delivery_of(user)["state"] == "dead"


def test_a_mail_that_never_shows_is_sent_again_where_the_team_wants_that(cloud: Cloud, asked: list[str]) -> None:
    user = cloud.user()
    worker = asking(cloud, ON_UNKNOWN_OUTCOME="resend")
    cloud.put_delivery(user, state="sending", owner="x", attempts=1, period_start=DUE - HOUR, period_end=DUE)
    lease_ended(cloud, user, timedelta(minutes=11))
    cloud.deliver(user, worker=worker)
    assert (len(asked), len(cloud.mails_to(user))) == (1, 1)
    # And the mail that was lost sight of now is found, and not sent a third time.
    lease_ended(cloud, user)
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "sent"
    assert len(cloud.mails_to(user)) == 1


def test_on_the_last_attempt_it_is_asked_at_once(cloud: Cloud, asked: list[str]) -> None:
    user = cloud.user()
    answer = cloud.deliver(user, worker=asking(cloud), retry_count=LAST)
    assert (answer.status_code, answer.json()["result"]) == (200, "sent")
    assert len(asked) == len(cloud.mails_to(user)) == 1


def test_a_key_that_may_not_ask_leaves_the_rule(cloud: Cloud, asked: list[str]) -> None:
    cloud.inbox.sendgrid_scopes.discard(EMAIL_ACTIVITY_SCOPE)
    user = cloud.user()
    worker = asking(cloud)
    cloud.deliver(user, worker=worker)
    lease_ended(cloud, user)
    answer = cloud.deliver(user, worker=worker, retry_count=1)
    assert (answer.status_code, answer.json()["reason"]) == (200, "unknown-outcome")
    ((letter, _),) = cloud.letters()
    assert "SendGrid answered 403" in letter["error"]
    assert asked[0].startswith("403")
    lines = [line for file in cloud.logs.rglob("worker.log") for line in file.read_text().splitlines()]
    assert any("mail_lookup_unavailable" in line and cloud.delivery(user).id in line for line in lines)


def test_nobody_is_asked_without_the_setting(cloud: Cloud, asked: list[str]) -> None:
    user = cloud.user()
    assert cloud.deliver(user).json()["reason"] == "unknown-outcome"
    assert not asked
    cloud.letters()


def test_a_user_whose_id_a_query_cannot_name(cloud: Cloud, asked: list[str]) -> None:
    seed(cloud.database, 'a"b', next_report_at=DUE, reported_until=DUE - HOUR)
    cloud.put_delivery('a"b', state="sending", owner="x", attempts=1, period_start=DUE - HOUR, period_end=DUE)
    lease_ended(cloud, 'a"b')
    assert cloud.post(task('a"b'), worker=asking(cloud)).json()["reason"] == "unknown-outcome"
    assert not asked
    cloud.letters()
