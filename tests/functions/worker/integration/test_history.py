"""What a delivery's record keeps of its attempts, and that keeping it stops no one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from functions.shared.settings import OnUnknownOutcome
from functions.worker.task_answer import TaskAnswer
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.user_data import UserData
from tests.functions.worker.integration.conftest import (
    DUE,
    HOUR,
    MAX_ATTEMPTS,
    Cloud,
    Letters,
    an_attempt,
    builder,
    in_this_process,
    task,
)
from tests.functions.worker.integration.test_failures import NOT_NOW, failing

pytestmark = pytest.mark.usefixtures("well_again")

NO_DATA = "the report cannot be built: "
Meanwhile = Callable[[], Any]


def results(cloud: Cloud, user: str) -> list[tuple[int, str, bool]]:
    """Number, result, and whether it claimed the delivery, of each attempt that is kept."""
    history = cloud.delivery_of(user)["history"]
    return [(entry.get("number", 0), entry["result"], "claimed_at" in entry) for entry in history]


def attempt(
    cloud: Cloud, user: str, number: int, meanwhile: Meanwhile = lambda: None, *, fails: bool = False, **parts: Any
) -> TaskAnswer:
    """An attempt in this process. While it builds its report, something else happens, or it fails."""

    def user_data(_user: str, _seconds: float) -> UserData:
        meanwhile()
        if fails:
            raise RuntimeError("no data for ada@example.com")
        return InMemoryUserData({})

    send_report = in_this_process(cloud, parts.pop("letters", Letters()), builder=builder(user_data), **parts)
    return send_report(task(user), an_attempt(number, last=number >= MAX_ATTEMPTS))


def test_what_fails_before_the_claim_is_written_once_and_what_follows_is_added(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.firestore_faults.middleware = failing("RunQuery", grpc.StatusCode.PERMISSION_DENIED)
    cloud.firestore.usage.reset()
    assert cloud.deliver(user).json()["cause"] == "report-failed"
    assert cloud.firestore.usage.writes == 1
    failed = cloud.delivery_of(user)
    assert (failed["state"], failed["attempts"], "owner" in failed) == ("pending", 0, False)
    assert failed["last_error"].startswith(NO_DATA)
    [entry] = failed["history"]
    assert failed["last_error"].startswith(entry.pop("error"))
    assert entry.pop("at") == failed["last_attempt_at"]
    assert entry.pop("seconds") >= 0
    assert entry == {"number": 1, "result": "failed"}

    cloud.no_faults()
    assert cloud.deliver(user, retry_count=1).json()["result"] == "sent"
    sent = cloud.delivery_of(user)
    assert (sent["state"], sent["attempts"], sent["last_error"]) == ("sent", 1, None)
    assert sent["created_at"] == failed["created_at"]
    assert results(cloud, user) == [(1, "failed", False), (2, "sent", True)]


def test_a_refusal_costs_no_further_write(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.inbox.fault = NOT_NOW
    cloud.firestore.usage.reset()
    assert cloud.deliver(user).status_code == 500
    # The claim, and its end.
    assert cloud.firestore.usage.writes == 2
    assert cloud.deliver(user, retry_count=MAX_ATTEMPTS - 1).json()["result"] == "dead"
    assert results(cloud, user) == [(1, "failed", True), (MAX_ATTEMPTS, "dead", True)]
    assert all("SendGrid answered 503" in entry["error"] for entry in cloud.delivery_of(user)["history"])
    cloud.letters()


def test_a_skipped_delivery_keeps_its_attempt(cloud: Cloud) -> None:
    user = cloud.user(subscription={"active": False})
    assert cloud.deliver(user).json()["result"] == "skipped"
    assert results(cloud, user) == [(1, "skipped", False)]


@pytest.mark.parametrize("record", [None, {"state": "pending", "attempts": 0}], ids=["no record", "a record"])
@pytest.mark.parametrize(
    ("number", "parts", "result"),
    [(1, {}, "sent"), (MAX_ATTEMPTS, {"fails": True}, "dead")],
    ids=["which sends", "which gives it up"],
)
def test_a_failed_attempt_does_not_stop_another_one_that_has_read_the_delivery(
    cloud: Cloud, record: dict[str, Any] | None, number: int, parts: dict[str, Any], result: str
) -> None:
    user = cloud.user(subscription={"skip_empty": False})
    if record:
        cloud.put_delivery(user, **record)

    def meanwhile() -> None:
        assert attempt(cloud, user, 2, fails=True).details == {"cause": "report-failed"}

    assert attempt(cloud, user, number, meanwhile, **parts).result == result
    assert results(cloud, user) == [(2, "failed", False), (number, result, result == "sent")]
    assert cloud.delivery_of(user)["attempts"] == (result == "sent")
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert len(cloud.mails_to(user)) == (result == "sent")


def test_nor_one_that_has_nothing_to_report(cloud: Cloud) -> None:
    user = cloud.user(subscription={"skip_empty": True})
    assert attempt(cloud, user, 1, lambda: attempt(cloud, user, 2, fails=True)).result == "skipped"
    assert results(cloud, user) == [(2, "failed", False), (1, "skipped", False)]
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_two_workers_that_have_read_the_same_failure_send_one_mail(cloud: Cloud) -> None:
    user = cloud.user(subscription={"skip_empty": False})

    def meanwhile() -> None:
        attempt(cloud, user, 2, fails=True)
        assert attempt(cloud, user, 3).result == "sent"

    assert attempt(cloud, user, 1, meanwhile).result == "already-final"
    assert len(cloud.mails_to(user)) == 1


@pytest.mark.parametrize("record", [None, {"state": "pending", "attempts": 0}], ids=["no record", "a record"])
def test_a_failed_attempt_leaves_alone_what_another_one_has_done_meanwhile(
    cloud: Cloud, record: dict[str, Any] | None
) -> None:
    user = cloud.user(subscription={"skip_empty": False})
    if record:
        cloud.put_delivery(user, **record)
    found: list[Any] = []

    def meanwhile() -> None:
        assert attempt(cloud, user, 2).result == "sent"
        found.append(cloud.delivery_of(user))

    assert attempt(cloud, user, 1, meanwhile, fails=True).details == {"cause": "report-failed"}
    assert found == [cloud.delivery_of(user)]


def test_a_failed_attempt_leaves_the_claim_of_another_alone_even_if_its_lease_is_over(cloud: Cloud) -> None:
    user = cloud.user()
    lease = datetime.now(UTC) - timedelta(seconds=1)
    cloud.put_delivery(user, state="sending", owner="slow", lease_expires_at=lease, attempts=1)
    before = cloud.delivery_of(user)
    answer = attempt(cloud, user, 2, fails=True, on_unknown_outcome=OnUnknownOutcome.RESEND)
    assert answer.details == {"cause": "report-failed"}
    assert cloud.delivery_of(user) == before


def test_an_attempt_ends_as_usual_if_its_failure_cannot_be_written_down(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.firestore_faults.middleware = failing("Commit", grpc.StatusCode.PERMISSION_DENIED)
    assert attempt(cloud, user, 1, fails=True).details == {"cause": "report-failed"}
    assert cloud.delivery_of(user) is None


def test_what_others_have_written_into_the_history_is_left_out(cloud: Cloud) -> None:
    user = cloud.user()
    odd = [7, {"at": "now", "result": "sent"}, {"at": DUE, "result": "no such result"}, None]
    cloud.put_delivery(user, state="pending", history=[*odd, {"at": DUE, "result": "replayed"}])
    assert cloud.deliver(user).json()["result"] in {"sent", "skipped"}
    assert results(cloud, user)[0] == (0, "replayed", False)
    assert len(results(cloud, user)) == 2
