"""What goes wrong, and what the queue, the ledger, the user and the operator are told of it."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from functions.shared.records.ids import run_id, task_id
from functions.worker.destinations.email.model import Mail
from functions.worker.destinations.outcome import Outcome
from local_cloud.rpc import Middleware, RpcError
from local_pipeline.inbox.faults import Answer, Call, CutConnection, Fault
from report_kit.kinds import kinds
from tests.functions.worker.integration.conftest import (
    DUE,
    HOUR,
    MAX_ATTEMPTS,
    Cloud,
    Letters,
    an_attempt,
    in_this_process,
    task,
)
from tests.support import free_ports

pytestmark = pytest.mark.usefixtures("well_again")

LAST = MAX_ATTEMPTS - 1
CarryOut = Callable[[], Awaitable[Any]]


def answering(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
    async def fault(_call: Call, _carry_out: CarryOut) -> Answer:
        return Answer(status=status, body=body, headers=headers or {})

    return fault


def accepting_and_answering(status: int) -> Fault:
    async def fault(_call: Call, carry_out: CarryOut) -> Answer:
        await carry_out()
        return Answer(status=status, body=b"<html>Bad Gateway</html>")

    return fault


NOT_NOW = answering(503, b'{"errors": [{"message": "not now", "field": null}]}')
"""As SendGrid itself says it."""


async def cut_before(_call: Call, _carry_out: CarryOut) -> Answer:
    raise CutConnection


async def cut_after(_call: Call, carry_out: CarryOut) -> Answer:
    await carry_out()
    raise CutConnection


def failing(method: str, *codes: grpc.StatusCode, after: bool = False, skip: int = 0) -> Middleware:
    """Fail the calls of a method with these codes, one after the other, after so many that are let through.

    Args:
        method: the method's name.
        codes: one for each call that fails.
        after: let the call have its effect, and lose the answer.
        skip: how many calls are let through first.
    """
    left = [None] * skip + list(codes)

    async def middleware(called: str, carry_out: CarryOut) -> Any:
        code = left.pop(0) if called.endswith(f"/{method}") and left else None
        if code is None:
            return await carry_out()
        if after:
            await carry_out()
        raise RpcError(code, "made to fail")

    return middleware


def assert_pending(cloud: Cloud, user: str, error: str) -> None:
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["lease_expires_at"], delivery["attempts"]) == ("pending", None, 1)
    assert error in delivery["last_error"]
    assert cloud.subscription_of(user)["next_report_at"] == DUE
    assert not cloud.letters()


def assert_dead(
    cloud: Cloud, user: str, reason: str, error: str, attempts: int = 1, letter_id: str | None = None
) -> None:
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["reason"]) == ("dead", reason)
    assert error in delivery["last_error"]
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    # The one dead letter of a malformed document is for all reports until it is corrected: their time is to come.
    assert cloud.subscription_of(user)["reported_until"] == (DUE - HOUR if letter_id else DUE)
    [(letter, attributes)] = cloud.letters()
    assert letter.pop("failed_at")
    assert error in letter.pop("error")
    assert letter.pop("letter_id", None) == letter_id
    assert letter == {
        "user_id": user,
        "subscription_id": "default",
        "delivery_id": cloud.delivery(user).id,
        "due_at": "2026-11-24T13:00:00Z",
        "run_id": "20261124T1300Z",
        "kind": "activity",
        "reason": reason,
        "attempts": attempts,
    }
    assert attributes == {
        "reason": reason,
        "CloudTasksTaskName": "a-task",
        "CloudTasksTaskRetryCount": str(attempts - 1),
    }


@pytest.mark.parametrize(
    ("fault", "status", "cause", "error"),
    [
        (answering(429, headers={"Retry-After": "17"}), 429, "throttled", "SendGrid answered 429"),
        (NOT_NOW, 500, "provider-unavailable", "SendGrid answered 503: not now"),
        (answering(401), 503, "provider-refuses-key", "SendGrid answered 401"),
        (answering(403), 503, "provider-refuses-key", "SendGrid answered 403"),
    ],
)
def test_a_refusal_that_may_pass_is_retried_and_dead_after_the_last_attempt(
    cloud: Cloud, fault: Fault, status: int, cause: str, error: str
) -> None:
    user = cloud.user()
    cloud.inbox.fault = fault
    answer = cloud.deliver(user)
    assert answer.status_code == status
    assert answer.json() == {"result": "retry", "delivery_id": cloud.delivery(user).id, "cause": cause}
    assert answer.headers.get("Retry-After") == ("17" if status == 429 else None)
    assert_pending(cloud, user, error)

    answer = cloud.deliver(user, retry_count=LAST)
    assert (answer.status_code, answer.json()["result"]) == (200, "dead")
    assert "Retry-After" not in answer.headers
    assert_dead(cloud, user, "retries-exhausted", error, attempts=MAX_ATTEMPTS)


def test_a_retry_after_a_refusal_sends(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.inbox.fault = NOT_NOW
    assert cloud.deliver(user).status_code == 500
    cloud.inbox.fault = None
    assert cloud.deliver(user, retry_count=1).json()["result"] == "sent"
    assert len(cloud.mails_to(user)) == 1
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["attempts"], delivery["last_error"]) == ("sent", 2, None)


def test_a_refused_key_is_an_error_to_be_alerted_of(cloud: Cloud) -> None:
    worker = cloud.worker(SENDGRID_API_KEY="SG.revoked")
    for _ in range(3):
        assert cloud.deliver(cloud.user(), worker=worker).status_code == 503
    assert cloud.letters() == []
    [alert] = cloud.system_alerts
    assert (alert["alert"], alert["run_id"], alert["figures"]) == (
        "provider-refuses-key",
        run_id(DUE),
        {"refused_mails": 1},
    )
    assert "SendGrid answered 401" in alert["detail"]


def test_a_refused_key_is_one_alert_though_the_first_tasks_of_a_process_come_at_once(cloud: Cloud) -> None:
    worker = cloud.worker(SENDGRID_API_KEY="SG.revoked", K_REVISION="all-at-once")
    users = [cloud.user() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(lambda user: cloud.deliver(user, worker=worker), users)} == {
            503
        }
    assert cloud.letters() == []
    assert len(cloud.system_alerts) == 1
    line, *_ = [
        line
        for line in worker.log_file.read_text().splitlines()
        if "provider-refuses-key" in line and '"ERROR"' in line
    ]
    assert "SG.revoked" not in worker.log_file.read_text()
    assert "SendGrid answered 401" in line


@pytest.mark.parametrize("status", [400, 413])
def test_a_refusal_of_the_mail_itself_is_permanent(cloud: Cloud, status: int) -> None:
    user = cloud.user()
    cloud.inbox.fault = answering(status, b'{"errors": [{"message": "ada@example.com is no address", "field": "to"}]}')
    answer = cloud.deliver(user)
    assert (answer.status_code, answer.json()["reason"]) == (200, "permanent-error")
    assert_dead(cloud, user, "permanent-error", f"SendGrid answered {status}: to: [address] is no address")


def test_an_address_that_sendgrid_refuses_is_permanent(cloud: Cloud) -> None:
    user = cloud.user(email="ada@-example-.c")
    assert cloud.deliver(user).json()["reason"] == "permanent-error"
    assert_dead(cloud, user, "permanent-error", "SendGrid answered 400")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"email": ...}, "email"),
        ({"email": ""}, "email"),
        ({"time_zone": "Mars/Olympus_Mons"}, "time_zone"),
        ({"active": "true"}, "active"),
        ({"name": ["Ada"]}, "name"),
    ],
)
def test_a_user_who_cannot_be_used_is_permanent_and_named_by_field(
    cloud: Cloud, fields: dict[str, Any], named: str
) -> None:
    user = cloud.user(**fields)
    answer = cloud.deliver(user)
    assert (answer.status_code, answer.json()["reason"]) == (200, "permanent-error")
    # One dead letter for the user, whichever report it is that fails.
    assert_dead(cloud, user, "permanent-error", f"the user's document: {named}", letter_id=f"{user}:malformed")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"active": "true"}, "active"),
        ({"hour": 25}, "hour"),
        ({"cadence": "cron", "cron": "0 8 31 2 *"}, "cron"),
        ({"to": []}, "to"),
    ],
)
def test_a_subscription_that_cannot_be_used_is_permanent_and_named_by_field(
    cloud: Cloud, fields: dict[str, Any], named: str
) -> None:
    user = cloud.user(subscription=fields)
    answer = cloud.deliver(user)
    assert (answer.status_code, answer.json()["reason"]) == (200, "permanent-error")
    # One dead letter for the subscription, whichever report it is that fails, and none for the user's others.
    letter_id = f"{user}:default:malformed"
    assert_dead(cloud, user, "permanent-error", f"the subscription's document: {named}", letter_id=letter_id)


def test_an_unknown_kind_is_permanent_and_names_those_that_exist(cloud: Cloud) -> None:
    user = cloud.user()
    assert cloud.deliver(user, kind="horoscope").json()["reason"] == "permanent-error"
    [(letter, _)] = cloud.letters()
    assert letter["error"] == f"kind: there is no kind 'horoscope', but {', '.join(kinds())}"
    assert letter["letter_id"] == f"{user}:default:malformed"
    assert cloud.delivery_of(user)["state"] == "dead"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_a_report_that_cannot_be_built_is_retried_and_dead_after_the_last_attempt(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.firestore_faults.middleware = failing("RunQuery", *[grpc.StatusCode.PERMISSION_DENIED] * 2)
    answer = cloud.deliver(user)
    assert (answer.status_code, answer.json()["cause"]) == (500, "report-failed")
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["attempts"]) == ("pending", 0)
    assert "PermissionDenied" in delivery["last_error"]
    answer = cloud.deliver(user, retry_count=LAST)
    assert (answer.status_code, answer.json()["reason"]) == (200, "retries-exhausted")
    assert_dead(cloud, user, "retries-exhausted", "PermissionDenied", attempts=MAX_ATTEMPTS)


def test_a_provider_that_is_not_there_is_retried(cloud: Cloud) -> None:
    user = cloud.user()
    worker = cloud.worker(SENDGRID_HOST=f"http://127.0.0.1:{free_ports(1)}")
    answer = cloud.deliver(user, worker=worker)
    assert (answer.status_code, answer.json()["cause"]) == (500, "provider-unavailable")
    assert_pending(cloud, user, "SendGrid could not be reached")


@pytest.mark.parametrize(
    ("fault", "mails", "error"),
    [
        (cut_before, 0, "gave no answer"),
        (cut_after, 1, "gave no answer"),
        (answering(503), 0, "SendGrid answered 503"),
        (accepting_and_answering(502), 1, "SendGrid answered 502"),
    ],
)
@pytest.mark.parametrize("retry_count", [0, LAST])
def test_no_clear_answer_is_a_persons_to_decide(
    cloud: Cloud, fault: Fault, mails: int, error: str, retry_count: int
) -> None:
    user = cloud.user()
    cloud.inbox.fault = fault
    answer = cloud.deliver(user, retry_count=retry_count)
    if retry_count < LAST:
        # Its claim is kept: what becomes of the email may yet be reported.
        assert (answer.status_code, answer.json()["cause"]) == (500, "unknown-outcome")
        assert cloud.delivery_of(user)["state"] == "sending"
        assert error in cloud.delivery_of(user)["last_error"]
        retry_count += 1
        cloud.delivery(user).update({"lease_expires_at": datetime.now(UTC)})
        answer = cloud.deliver(user, retry_count=retry_count)
    assert (answer.status_code, answer.json()["reason"]) == (200, "unknown-outcome")
    assert_dead(cloud, user, "unknown-outcome", error, attempts=retry_count + 1)
    cloud.inbox.fault = None
    assert cloud.deliver(user, retry_count=1).json()["result"] == "already-final"
    assert len(cloud.mails_to(user)) == mails


@pytest.mark.parametrize(("fault", "mails"), [(cut_before, 1), (cut_after, 2)])
def test_no_clear_answer_is_sent_again_where_the_team_wants_that(cloud: Cloud, fault: Fault, mails: int) -> None:
    user = cloud.user()
    worker = cloud.worker(ON_UNKNOWN_OUTCOME="resend")
    cloud.inbox.fault = fault
    answer = cloud.deliver(user, worker=worker)
    assert (answer.status_code, answer.json()["cause"]) == (500, "unknown-outcome")
    assert "gave no answer" in cloud.delivery_of(user)["last_error"]
    cloud.inbox.fault = None
    cloud.delivery(user).update({"lease_expires_at": datetime.now(UTC)})
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "sent"
    assert len(cloud.mails_to(user)) == mails


@pytest.mark.parametrize("fault", [answering(400), NOT_NOW, cut_before])
def test_nothing_is_dead_before_the_dead_letter_is_published(cloud: Cloud, fault: Fault) -> None:
    user = cloud.user()
    cloud.inbox.fault = fault
    cloud.pubsub_faults.middleware = failing("Publish", grpc.StatusCode.PERMISSION_DENIED)
    answer = cloud.deliver(user, retry_count=LAST)
    assert (answer.status_code, answer.json()["cause"]) == (500, "dead-letter-not-published")
    assert cloud.delivery_of(user)["state"] == "giving-up"
    assert cloud.subscription_of(user)["next_report_at"] == DUE
    assert not cloud.letters()
    # What is given up stays given up, also where the next attempt could send it.
    cloud.inbox.fault = None
    mails = len(cloud.mails_to(user))
    assert cloud.deliver(user).json()["result"] == "dead"
    assert (len(cloud.letters()), len(cloud.mails_to(user))) == (1, mails)


def test_an_invalid_task_is_retried_until_its_dead_letter_is_published(cloud: Cloud) -> None:
    cloud.pubsub_faults.middleware = failing("Publish", grpc.StatusCode.PERMISSION_DENIED)
    answer = cloud.post(b"{}")
    assert (answer.status_code, answer.json()["cause"]) == (500, "dead-letter-not-published")
    assert cloud.post(b"{}").status_code == 200
    assert len(cloud.letters()) == 1


def test_nobody_is_told_of_a_failure_that_the_ledger_does_not_hold(cloud: Cloud) -> None:
    user = cloud.user(email=...)
    cloud.firestore_faults.middleware = failing("Commit", grpc.StatusCode.PERMISSION_DENIED)
    answer = cloud.deliver(user)
    assert (answer.status_code, answer.json()["cause"]) == (500, "firestore")
    assert cloud.delivery_of(user) is None
    assert cloud.letters() == []


def test_a_crash_between_the_dead_letter_and_the_ledger_publishes_the_same_again(cloud: Cloud) -> None:
    user = cloud.user(email=...)
    cloud.firestore_faults.middleware = failing("Commit", grpc.StatusCode.PERMISSION_DENIED, skip=1)
    assert cloud.deliver(user).json()["cause"] == "firestore"
    held = cloud.delivery_of(user)
    assert (held["state"], held["reason"]) == ("giving-up", "permanent-error")
    # Mended meanwhile: but people have been told that it will not be sent, and so it is not.
    cloud.users.document(user).update({"email": "ada@example.com"})
    assert cloud.deliver(user, retry_count=1).json()["result"] == "dead"
    (first, _), (second, _) = cloud.letters()
    assert first["failed_at"] == second["failed_at"]
    assert cloud.mails_to(user) == []
    assert cloud.delivery_of(user)["state"] == "dead"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


@pytest.mark.parametrize(
    "codes",
    [
        [grpc.StatusCode.CANCELLED],
        [grpc.StatusCode.ABORTED],
        [grpc.StatusCode.DEADLINE_EXCEEDED],
        # Refused for good, but only the second time.
        [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED],
    ],
)
def test_a_dead_letter_that_pubsub_may_have_keeps_the_report_from_being_sent(
    cloud: Cloud, codes: list[grpc.StatusCode]
) -> None:
    user = cloud.user()
    cloud.inbox.fault = answering(400)
    cloud.pubsub_faults.middleware = failing("Publish", *codes, after=True)
    cloud.deliver(user)
    cloud.no_faults()
    cloud.deliver(user, retry_count=1)
    assert cloud.delivery_of(user)["state"] == "dead"
    assert cloud.mails_to(user) == []
    assert len({letter["failed_at"] for letter, _ in cloud.letters()}) == 1


def test_a_dead_letter_that_another_attempt_has_published_keeps_the_report_from_being_sent(cloud: Cloud) -> None:
    """The first attempt's letter is refused, after the second has published the same one and ended too early."""
    user = cloud.user()
    cloud.inbox.fault = answering(400)

    async def second_attempt(_called: str, _carry_out: CarryOut) -> Any:
        cloud.pubsub_faults.middleware = published
        deliver = functools.partial(cloud.deliver, user, retry_count=1)
        answer = await cloud.background.loop.run_in_executor(None, deliver)
        assert answer.json()["cause"] == "firestore"
        raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "made to fail")

    async def published(_called: str, carry_out: CarryOut) -> Any:
        stored = await carry_out()
        cloud.firestore_faults.middleware = failing("Commit", grpc.StatusCode.PERMISSION_DENIED)
        return stored

    cloud.pubsub_faults.middleware = second_attempt
    assert cloud.deliver(user).json()["cause"] == "dead-letter-not-published"
    cloud.no_faults()
    assert cloud.deliver(user, retry_count=2).json()["result"] == "dead"
    assert cloud.mails_to(user) == []
    assert len({letter["failed_at"] for letter, _ in cloud.letters()}) == 1


@pytest.mark.parametrize("method", ["BatchGetDocuments", "GetDocument", "Commit"])
def test_a_short_trouble_of_firestore_is_not_noticed(cloud: Cloud, method: str) -> None:
    user = cloud.user()
    trouble = grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE
    cloud.firestore_faults.middleware = failing(method, *trouble)
    assert cloud.deliver(user).json()["result"] == "sent"
    assert len(cloud.mails_to(user)) == 1


@pytest.mark.parametrize("retry_count", [0, LAST])
@pytest.mark.parametrize("method", ["BatchGetDocuments", "Commit"])
def test_a_lasting_trouble_of_firestore_is_the_queues(cloud: Cloud, method: str, retry_count: int) -> None:
    user = cloud.user()
    cloud.firestore_faults.middleware = failing(method, grpc.StatusCode.PERMISSION_DENIED)
    answer = cloud.deliver(user, retry_count=retry_count)
    assert (answer.status_code, answer.json()["cause"]) == (500, "firestore")
    cloud.firestore_faults.middleware = None
    assert cloud.mails_to(user) == []
    assert not cloud.letters()
    assert cloud.deliver(user, retry_count=1).json()["result"] == "sent"


@pytest.mark.parametrize("skip", [0, 1])
def test_a_write_whose_answer_was_lost_is_recognised(cloud: Cloud, skip: int) -> None:
    user = cloud.user()
    cloud.firestore_faults.middleware = failing("Commit", grpc.StatusCode.UNAVAILABLE, after=True, skip=skip)
    assert cloud.deliver(user).json()["result"] == "sent"
    assert len(cloud.mails_to(user)) == 1
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["attempts"]) == ("sent", 1)
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_a_mail_that_the_ledger_was_not_told_of_counts_as_unknown(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.firestore_faults.middleware = failing("Commit", grpc.StatusCode.PERMISSION_DENIED, skip=1)
    answer = cloud.deliver(user)
    assert (answer.status_code, answer.json()["cause"]) == (500, "firestore")
    assert cloud.delivery_of(user)["state"] == "sending"
    assert cloud.deliver(user, retry_count=1).status_code == 409
    assert "sent_mail_not_recorded" in cloud.worker().log_file.read_text()
    # The lease runs out.
    cloud.delivery(user).update({"lease_expires_at": datetime.now(UTC)})
    assert cloud.deliver(user, retry_count=2).json()["reason"] == "unknown-outcome"
    assert len(cloud.mails_to(user)) == 1


def test_an_owner_whose_lease_is_nearly_over_sends_nothing(cloud: Cloud) -> None:
    """Otherwise the lease would end while the provider has the request."""
    user, clock = cloud.user(), None

    async def slow(called: str, carry_out: CarryOut) -> Any:
        nonlocal clock
        answer = await carry_out()
        if called.endswith("/Commit") and clock is None:
            found = await cloud.background.loop.run_in_executor(None, cloud.delivery_of, user)
            clock = found["lease_expires_at"] - timedelta(seconds=1)
        return answer

    cloud.firestore_faults.middleware = slow
    send_report = in_this_process(cloud, Letters(), now=lambda: clock or datetime.now(UTC))
    answer = send_report(task(user), an_attempt(1, last=False))
    assert (answer.status, answer.details["cause"]) == (500, "slow-claim")
    assert cloud.mails_to(user) == []
    assert cloud.delivery_of(user)["state"] == "pending"
    assert cloud.deliver(user, retry_count=1).json()["result"] == "sent"


def test_the_second_attempt_of_a_reports_first_task_sends_it(cloud: Cloud) -> None:
    """Only the first attempt may take the delivery for one that is not there yet."""
    user = cloud.user()
    first_task = {"X-CloudTasks-TaskName": task_id(cloud.delivery(user).id)}
    cloud.inbox.fault = answering(429)
    assert cloud.deliver(user, **first_task).status_code == 429
    cloud.inbox.fault = None
    assert cloud.deliver(user, retry_count=1, **first_task).json()["result"] == "sent"
    assert len(cloud.mails_to(user)) == 1
    assert cloud.delivery_of(user)["attempts"] == 2


def test_an_owner_who_lost_the_lease_overwrites_nothing(cloud: Cloud) -> None:
    user = cloud.user()

    async def meanwhile(_call: Call, carry_out: CarryOut) -> Any:
        answer = await carry_out()
        # Another worker takes over while SendGrid is still answering.
        reference = cloud.delivery(user)
        await cloud.background.loop.run_in_executor(None, reference.update, {"owner": "another"})
        return answer

    cloud.inbox.fault = meanwhile
    assert cloud.deliver(user).json()["result"] == "leased"
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["owner"]) == ("sending", "another")
    assert cloud.subscription_of(user)["next_report_at"] == DUE


def test_a_subscription_that_was_deleted_while_the_mail_was_sent_is_no_obstacle(cloud: Cloud) -> None:
    user = cloud.user()

    async def meanwhile(_call: Call, carry_out: CarryOut) -> Any:
        for reference in (cloud.users.document(user), cloud.subscription(user)):
            await cloud.background.loop.run_in_executor(None, reference.delete)
        return await carry_out()

    cloud.inbox.fault = meanwhile
    assert cloud.deliver(user).json()["result"] == "sent"
    assert cloud.delivery_of(user)["state"] == "sent"
    assert (cloud.user_of(user), cloud.subscription_of(user)) == (None, None)


def test_a_record_that_is_none_is_one_dead_letter(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.put_delivery(user, state="no such state", lease_expires_at=7, attempts="x", email="ada@example.com")
    assert cloud.deliver(user).json()["reason"] == "unknown-outcome"
    [(letter, _)] = cloud.letters()
    assert "state: not one of pending, sending, giving-up, sent, skipped, dead" in letter["error"]
    assert cloud.delivery_of(user)["state"] == "dead"
    assert cloud.deliver(user, retry_count=1).json()["result"] == "already-final"


class Failing:
    """A provider, or a clock, that fails in an unforeseen way: each time, or the first time only."""

    def __init__(self, *, times: int = 100) -> None:
        self.left = times

    def send(self, _mail: Mail, *, seconds: float) -> Outcome:
        raise ZeroDivisionError(seconds)

    def __call__(self) -> datetime:
        self.left -= 1
        if self.left >= 0:
            raise ZeroDivisionError
        return datetime.now(UTC)


@pytest.mark.parametrize(
    ("part", "reason", "state", "result_kept"),
    [("now", "retries-exhausted", "pending", "failed"), ("provider", "unknown-outcome", "sending", "unclear")],
    ids=["", "while it was sending"],
)
def test_what_nobody_thought_of_is_retried_and_dead_after_the_last_attempt(
    cloud: Cloud, part: str, reason: str, state: str, result_kept: str
) -> None:
    letters = Letters()
    user = cloud.user()
    send_report = in_this_process(cloud, letters, **{part: Failing(times=1)})
    result = send_report(task(user), an_attempt(1, last=False))
    assert (result.status, result.result, result.details) == (500, "retry", {"cause": "internal-error"})
    assert letters.kept == []
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], [entry["result"] for entry in delivery["history"]]) == (state, [result_kept])
    assert delivery["last_error"].startswith("the worker failed unexpectedly: ZeroDivisionError")

    user = cloud.user()
    send_report = in_this_process(cloud, letters, **{part: Failing(times=1)})
    result = send_report(task(user), an_attempt(3, last=True))
    assert (result.status, result.details) == (200, {"reason": reason})
    [letter] = letters.kept
    assert "ZeroDivisionError" in letter.error
    assert cloud.delivery_of(user)["state"] == "dead"
    # The subscription stands at a delivery that is final: the next task moves it on.
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert cloud.mails_to(user) == []


def test_no_answer_has_a_traceback_or_an_address(cloud: Cloud) -> None:
    user = cloud.user(email="ada@example.com")
    cloud.firestore_faults.middleware = failing("BatchGetDocuments", grpc.StatusCode.PERMISSION_DENIED)
    answer = cloud.deliver(user)
    assert answer.status_code == 500
    assert answer.json() == {"result": "retry", "cause": "firestore", "delivery_id": cloud.delivery(user).id}
