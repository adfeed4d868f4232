"""What becomes of a report whose outcome is unknown: by its email's events, by SendGrid's Email Logs, or by no
one's."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from functions.shared.records.mail_event import MAIL_EVENTS, MailEvent, MailRecord, MailStatus
from functions.worker.destinations.email.sendgrid.logs import MOST_LOOKED_AT
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox.faults import Answer, Call, CutConnection
from local_pipeline.inbox.server import EMAIL_LOGS_SCOPE
from local_pipeline.local_destination import LocalDestination, deliver_of
from tests.functions.worker.integration.conftest import API_KEY, DUE, HOUR, MAX_ATTEMPTS, Cloud

LAST = MAX_ATTEMPTS - 1


@pytest.fixture
def asked(cloud: Cloud) -> Iterator[list[tuple[Call, Answer]]]:
    """SendGrid takes emails and its answers are lost; its logs show them at once. What they were asked comes here."""
    asked: list[tuple[Call, Answer]] = []

    async def fault(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await carry_on()
        if call.service == "sendgrid":
            raise CutConnection
        asked.append((call, answer))
        return answer

    cloud.inbox.fault = fault
    delay, requests = cloud.inbox.logs_delay.usual, cloud.inbox.logs_limit.requests
    cloud.inbox.logs_delay.usual = timedelta(0)
    yield asked
    cloud.inbox.logs_delay.usual, cloud.inbox.logs_limit.requests = delay, requests
    cloud.inbox.sendgrid_scopes.add(EMAIL_LOGS_SCOPE)


Asked = list[tuple[Call, Answer]]


def asking(cloud: Cloud, **variables: str) -> FunctionProcess:
    # So many answers are lost here that it would leave SendGrid alone.
    return cloud.worker(SENDGRID_LOGS="true", PROVIDER_PAUSE="0", **variables)


def lease_ended(cloud: Cloud, user: str, ago: timedelta = timedelta(minutes=1)) -> None:
    cloud.delivery(user).update({"lease_expires_at": datetime.now(UTC) - ago})


def reported(cloud: Cloud, user: str, status: MailStatus) -> None:
    """SendGrid's Event Webhook has told the function that keeps the events."""
    name = cloud.delivery(user).id
    event = MailEvent(delivery_id=name, recipient="r", status=status, at=datetime.now(UTC))
    record = MailRecord(id=name, user_id=user, subscription_id="default").folded([event])
    cloud.database.collection(MAIL_EVENTS).document(name).set(record.to_fields())


def in_sending(cloud: Cloud, user: str) -> None:
    """A worker claimed the delivery and was killed."""
    cloud.put_delivery(user, state="sending", owner="x", attempts=1, period_start=DUE - HOUR, period_end=DUE)


def log_lines(cloud: Cloud) -> list[str]:
    return [line for file in cloud.logs.rglob("worker.log") for line in file.read_text().splitlines()]


@pytest.mark.parametrize("choice", ["dead-letter", "resend"])
def test_an_event_of_the_mail_settles_it(cloud: Cloud, asked: Asked, choice: str) -> None:
    user, worker = cloud.user(), asking(cloud, ON_UNKNOWN_OUTCOME=choice)
    assert cloud.deliver(user, worker=worker).json()["cause"] == "unknown-outcome"
    reported(cloud, user, MailStatus.BOUNCED)
    # Not before the lease is over: the worker that sends may yet write down that it has.
    assert cloud.deliver(user, worker=worker, retry_count=1).status_code == 409
    lease_ended(cloud, user)
    answer = cloud.deliver(user, worker=worker, retry_count=1)
    assert (answer.status_code, answer.json()["result"]) == (200, "sent")
    assert cloud.delivery_of(user)["state"] == "sent"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert not asked
    assert len(cloud.mails_to(user)) == 1
    assert not cloud.letters()


def test_events_alone_settle_it_too(cloud: Cloud, asked: Asked) -> None:
    """Without the logs there is nothing to wait for once the lease is over: the record of the events decides."""
    known, unknown = cloud.user(), cloud.user()
    for user in (known, unknown):
        cloud.deliver(user)
        lease_ended(cloud, user, timedelta(0))
    reported(cloud, known, MailStatus.DELIVERED)
    assert cloud.deliver(known, retry_count=1).json()["result"] == "sent"
    assert cloud.deliver(unknown, retry_count=1).json()["reason"] == "unknown-outcome"
    assert not asked
    ((letter, _),) = cloud.letters()
    assert (letter["user_id"], "SENDGRID_LOGS" in letter["error"]) == (unknown, True)


def test_a_mail_that_sendgrid_has_was_sent(cloud: Cloud, asked: Asked) -> None:
    user = cloud.user()
    first = cloud.deliver(user, worker=asking(cloud))
    assert (first.status_code, first.json()["cause"]) == (500, "unknown-outcome")
    assert cloud.delivery_of(user)["state"] == "sending"
    assert not asked
    lease_ended(cloud, user)
    second = cloud.deliver(user, worker=asking(cloud), retry_count=1)
    assert (second.status_code, second.json()["result"]) == (200, "sent")
    (search, found), (_, alone) = asked
    (message,) = json.loads(found.body)["messages"]
    query = json.loads(search.body)["query"]
    assert f"to_email = '{user}@example.com' AND categories IN ('activity')" in query
    assert json.loads(alone.body)["custom_args"]["delivery_id"] == cloud.delivery(user).id
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["message_id"]) == ("sent", message["sg_message_id"])
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert len(cloud.mails_to(user)) == 1
    assert not cloud.letters()


def test_a_mail_is_searched_for_although_the_reports_go_elsewhere_by_now(cloud: Cloud, asked: Asked) -> None:
    user = cloud.user()
    cloud.deliver(user, worker=asking(cloud))
    lease_ended(cloud, user)
    cloud.subscription(user).update({"deliver": deliver_of(LocalDestination.WEBHOOK, cloud.inbox.url)})
    assert cloud.deliver(user, worker=asking(cloud), retry_count=1).json()["result"] == "sent"
    assert f"to_email = '{user}@example.com'" in json.loads(asked[0][0].body)["query"]
    assert len(cloud.mails_to(user)) == 1


def test_a_mail_that_was_accepted_behind_an_error_was_sent(cloud: Cloud, asked: Asked) -> None:
    async def gateway(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await carry_on()
        return Answer(status=502) if call.service == "sendgrid" else answer

    cloud.inbox.fault = gateway
    user = cloud.user()
    cloud.deliver(user, worker=asking(cloud))
    assert "SendGrid answered 502" in cloud.delivery_of(user)["last_error"]
    lease_ended(cloud, user)
    assert cloud.deliver(user, worker=asking(cloud), retry_count=1).json()["result"] == "sent"
    # What was wrong on the way stands nowhere any more.
    assert cloud.delivery_of(user)["last_error"] is None


def test_another_mail_to_the_same_address_proves_nothing(cloud: Cloud, asked: Asked) -> None:
    """Two subscriptions of one kind go to one address at once; SendGrid took the email of one of them."""
    sent, lost = cloud.user(email="both@example.com"), cloud.user(email="both@example.com")
    cloud.deliver(sent, worker=asking(cloud))
    in_sending(cloud, lost)
    for user in (sent, lost):
        lease_ended(cloud, user)
    assert cloud.deliver(lost, worker=asking(cloud), retry_count=LAST).json()["reason"] == "unknown-outcome"
    assert cloud.deliver(sent, worker=asking(cloud), retry_count=1).json()["result"] == "sent"
    ((letter, _),) = cloud.letters()
    assert letter["user_id"] == lost


def test_a_mail_to_several_is_found_by_any_of_them(cloud: Cloud, asked: Asked) -> None:
    user = cloud.user(subscription={"to": ["First.One@example.com"], "cc": ["second@example.com"]})
    cloud.deliver(user, worker=asking(cloud))
    # Since then the list has another first address.
    cloud.subscription(user).update({"to": ["new@example.com"]})
    lease_ended(cloud, user)
    assert cloud.deliver(user, worker=asking(cloud), retry_count=1).json()["result"] == "sent"


def test_a_mail_that_does_not_show_yet_is_waited_for(cloud: Cloud, asked: Asked) -> None:
    cloud.inbox.logs_delay.usual = timedelta(hours=1)
    user = cloud.user()
    cloud.deliver(user, worker=asking(cloud))
    lease_ended(cloud, user)
    waiting = cloud.deliver(user, worker=asking(cloud), retry_count=1)
    assert (waiting.status_code, waiting.json()["cause"]) == (500, "unknown-outcome")
    # With this header Cloud Tasks would hold the whole queue back.
    assert "Retry-After" not in waiting.headers
    assert cloud.delivery_of(user)["state"] == "sending"
    cloud.inbox.logs_delay.usual = timedelta(0)
    assert cloud.deliver(user, worker=asking(cloud), retry_count=1).json()["result"] == "sent"


def test_a_mail_that_never_shows_is_for_a_person(cloud: Cloud, asked: Asked) -> None:
    user = cloud.user()
    in_sending(cloud, user)
    lease_ended(cloud, user, timedelta(minutes=11))
    answer = cloud.deliver(user, worker=asking(cloud), retry_count=1)
    assert (answer.status_code, answer.json()["reason"]) == (200, "unknown-outcome")
    ((letter, _),) = cloud.letters()
    assert letter["error"].endswith("it has no record of it")
    assert [answer.body for _, answer in asked] == [b'{"messages": []}']
    assert cloud.delivery_of(user)["state"] == "dead"


def test_a_mail_that_never_shows_is_sent_again_where_the_team_wants_that(cloud: Cloud, asked: Asked) -> None:
    user = cloud.user()
    worker = asking(cloud, ON_UNKNOWN_OUTCOME="resend")
    in_sending(cloud, user)
    # Not as long as it may yet show.
    lease_ended(cloud, user)
    assert cloud.deliver(user, worker=worker).status_code == 500
    assert not cloud.mails_to(user)
    lease_ended(cloud, user, timedelta(minutes=11))
    cloud.deliver(user, worker=worker)
    assert (len(asked), len(cloud.mails_to(user))) == (2, 1)
    # And the email that was lost sight of now is found, and not sent a third time.
    lease_ended(cloud, user)
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "sent"
    assert len(cloud.mails_to(user)) == 1


@pytest.mark.parametrize("by", ["event", "logs"])
def test_on_the_last_attempt_it_is_asked_at_once(cloud: Cloud, asked: Asked, by: str) -> None:
    user = cloud.user()
    if by == "event":
        reported(cloud, user, MailStatus.PROCESSED)
    answer = cloud.deliver(user, worker=asking(cloud), retry_count=LAST)
    assert (answer.status_code, answer.json()["result"]) == (200, "sent")
    assert len(cloud.mails_to(user)) == 1
    assert bool(asked) is (by == "logs")


def test_a_key_that_may_not_ask_leaves_the_rule(cloud: Cloud, asked: Asked) -> None:
    cloud.inbox.sendgrid_scopes.discard(EMAIL_LOGS_SCOPE)
    worker = asking(cloud, K_REVISION="may-not-ask")
    users = [cloud.user(), cloud.user()]
    for user in users:
        cloud.deliver(user, worker=worker)
        lease_ended(cloud, user)
        answer = cloud.deliver(user, worker=worker, retry_count=1)
        assert (answer.status_code, answer.json()["reason"]) == (200, "unknown-outcome")
    letters = [letter for letter, _ in cloud.letters()]
    assert all("SendGrid answered 403" in letter["error"] for letter in letters)
    assert [answer.status for _, answer in asked] == [403, 403]
    lines = log_lines(cloud)
    assert all(
        any("mail_lookup_unavailable" in line and cloud.delivery(user).id in line for line in lines) for user in users
    )
    # What to do about it stands in the log once.
    assert sum("email_logs_refused" in line for line in lines) == 1


def test_the_limit_of_questions_is_waited_for(cloud: Cloud, asked: Asked) -> None:
    cloud.inbox.logs_limit.requests = 0
    users = [cloud.user(), cloud.user()]
    worker = asking(cloud, K_REVISION="too-often")
    for user in users:
        cloud.deliver(user, worker=worker)
        lease_ended(cloud, user)
    answers = [cloud.deliver(user, worker=worker, retry_count=1) for user in users]
    assert {answer.json()["cause"] for answer in answers} == {"unknown-outcome"}
    assert not any("Retry-After" in answer.headers for answer in answers)
    # The worker knows by the first refusal how long there is no use in asking.
    assert [answer.status for _, answer in asked] == [429]
    assert not cloud.letters()
    # Another process finds out for itself; by then the limit is reset.
    cloud.inbox.logs_limit.requests = 600
    for user in users:
        assert cloud.deliver(user, worker=asking(cloud), retry_count=2).json()["result"] == "sent"


def test_no_more_mails_are_looked_at_than_there_is_time_for(cloud: Cloud, asked: Asked) -> None:
    user = cloud.user(email="many@example.com")
    personalization = {"to": [{"email": "many@example.com"}], "custom_args": {"delivery_id": "another"}}
    mail = {
        "personalizations": [personalization] * (MOST_LOOKED_AT + 1),
        "from": {"email": "reports@example.com"},
        "subject": "One of many",
        "content": [{"type": "text/plain", "value": "."}],
        "categories": ["activity"],
    }
    with pytest.raises(requests.ConnectionError):
        requests.post(
            f"{cloud.inbox.url}/v3/mail/send", json=mail, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=20
        )
    in_sending(cloud, user)
    lease_ended(cloud, user)
    answer = cloud.deliver(user, worker=asking(cloud), retry_count=LAST)
    assert answer.json()["reason"] == "unknown-outcome"
    assert len(asked) == 1 + MOST_LOOKED_AT
    ((letter, _),) = cloud.letters()
    assert f"none of the {MOST_LOOKED_AT} emails nearest to the time is it" in letter["error"]
