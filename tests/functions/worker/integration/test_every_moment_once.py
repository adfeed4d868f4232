"""What would report a moment twice, or never: with the real worker, over Firestore's own client."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.mark import paused_fields, placed_fields, resumed_fields
from functions.shared.records.subscription import PauseReason, Subscription
from functions.shared.records.user import User
from functions.worker.task_answer import TaskAnswer
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.report import PermanentError
from report_kit.user_data import UserData
from tests.functions.worker.integration.conftest import (
    DEFAULTS,
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
from tests.functions.worker.integration.test_doubt import replayed
from tests.functions.worker.integration.test_failures import NOT_NOW
from tests.seeding import as_found, subscription_of

pytestmark = pytest.mark.usefixtures("well_again")

MOSTLY = {"skip_empty": False}


def attempt(
    cloud: Cloud, user: str, meanwhile: Callable[[], Any] = lambda: None, *, number: int = 2, **named: Any
) -> TaskAnswer:
    """An attempt in this process. While it builds its report, something else happens."""

    def user_data(_user: str, _seconds: float) -> UserData:
        meanwhile()
        return InMemoryUserData({})

    send_report = in_this_process(cloud, Letters(), builder=builder(user_data))
    return send_report(task(user, **named), an_attempt(number, last=number >= MAX_ATTEMPTS))


def covered(cloud: Cloud, user: str, due_at: datetime = DUE) -> tuple[Any, Any]:
    """What a delivery covers, by its record."""
    record = cloud.delivery(user, due_at=due_at).get().to_dict()
    return record["period_start"], record["period_end"]


def reads(cloud: Cloud, user: str) -> tuple[Subscription, User]:
    """A user and the subscription, as another part of the pipeline reads them."""
    found = subscription_of(cloud.subscription(user).get(), DEFAULTS)
    whose = User.from_snapshot(as_found(cloud.users.document(user).get()))
    assert found is not None
    assert whose is not None
    return found, whose


def schedules_anew(cloud: Cloud, user: str, run_time: datetime) -> None:
    """The application has a subscription scheduled again, as the guide says, and a run does that."""
    cloud.subscription(user).update({"shard": None, "next_report_at": None})
    subscription, whose = reads(cloud, user)
    cloud.subscription(user).update(placed_fields(subscription, whose, run_time=run_time))


def test_what_an_event_has_settled_covers_nothing_after_its_due_time(cloud: Cloud) -> None:
    """The run that finds it is three hours late, and the record does not say what it covers."""
    user = cloud.user(subscription=MOSTLY)
    cloud.put_delivery(user, state="sent", owner="mail-event")
    assert attempt(cloud, user, run=DUE + 3 * HOUR).result == "already-final"
    assert cloud.subscription_of(user)["reported_until"] == DUE
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_what_fails_unexpectedly_on_its_last_attempt_says_what_it_covers(cloud: Cloud) -> None:
    user = cloud.user(subscription=MOSTLY)

    def fails() -> None:
        raise MemoryError

    assert attempt(cloud, user, fails, number=MAX_ATTEMPTS).result == "dead"
    assert covered(cloud, user) == (DUE - HOUR, DUE)
    assert cloud.deliver(user, due_at=DUE + HOUR, run=DUE + 2 * HOUR).json()["result"] == "sent"
    assert covered(cloud, user, DUE + HOUR) == (DUE, DUE + 2 * HOUR)


def test_a_failed_attempt_says_what_its_report_covers(cloud: Cloud) -> None:
    user = cloud.user(subscription=MOSTLY)

    def fails() -> None:
        raise RuntimeError("unforeseen")

    attempt(cloud, user, fails)
    assert covered(cloud, user) == (DUE - HOUR, DUE)


def test_a_task_that_was_overtaken_sends_nothing(cloud: Cloud) -> None:
    user = cloud.user(subscription={**MOSTLY, "minute": 30})
    schedules_anew(cloud, user, DUE + HOUR)
    assert attempt(cloud, user, due_at=DUE + HOUR, run=DUE + HOUR).result == "sent"
    assert covered(cloud, user, DUE + HOUR) == (DUE - HOUR, DUE + HOUR / 2)
    assert attempt(cloud, user).details == {"reason": "covered"}
    assert len(cloud.mails_to(user)) == 1


def test_a_task_whose_subscription_waits_to_be_scheduled_anew_is_carried_out(cloud: Cloud) -> None:
    user = cloud.user(subscription=MOSTLY)
    cloud.subscription(user).update({"shard": None, "next_report_at": None})
    assert attempt(cloud, user).result == "sent"
    schedules_anew(cloud, user, DUE + HOUR)
    assert attempt(cloud, user, due_at=DUE + HOUR, run=DUE + HOUR).result == "sent"
    assert covered(cloud, user, DUE + HOUR) == (DUE, DUE + HOUR)


def test_a_report_waits_for_another_one_of_its_time_that_is_not_settled(cloud: Cloud) -> None:
    user = cloud.user(subscription=MOSTLY)
    lease = datetime.now(UTC) + timedelta(seconds=60)
    in_flight: dict[str, Any] = {"state": "sending", "owner": "another", "lease_expires_at": lease, "attempts": 1}
    cloud.put_delivery(user, **in_flight, period_start=DUE - HOUR, period_end=DUE)
    schedules_anew(cloud, user, DUE + HOUR)
    following: dict[str, Any] = {"due_at": DUE + HOUR, "run": DUE + HOUR}
    answer = attempt(cloud, user, **following)
    assert (answer.status, answer.details) == (409, {"cause": "another-delivery-unsettled"})
    cloud.put_delivery(user, state="sent", period_start=DUE - HOUR, period_end=DUE)
    assert attempt(cloud, user, **following).details == {"cause": "period-cut"}
    assert attempt(cloud, user, **following).result == "sent"
    assert covered(cloud, user, DUE + HOUR) == (DUE, DUE + HOUR)


def test_what_another_delivery_covers_while_a_report_is_built_is_not_sent_again(cloud: Cloud) -> None:
    user = cloud.user(subscription=MOSTLY)

    def is_overtaken() -> None:
        schedules_anew(cloud, user, DUE + HOUR)
        assert attempt(cloud, user, due_at=DUE + HOUR, run=DUE + HOUR).result == "sent"

    assert attempt(cloud, user, is_overtaken).details == {"reason": "covered"}
    assert len(cloud.mails_to(user)) == 1


def test_a_task_that_waits_through_a_pause_covers_what_it_would_have(cloud: Cloud) -> None:
    monday = datetime(2026, 11, 23, 8, tzinfo=UTC)
    week = {"cadence": "weekly", "next_report_at": monday, "reported_until": monday - timedelta(days=7, hours=8)}
    user = cloud.user(subscription={**MOSTLY, **week})
    subscription, whose = reads(cloud, user)
    at = monday + timedelta(minutes=1)
    cloud.subscription(user).update(paused_fields(subscription, whose, PauseReason.USER, now=at))
    subscription, whose = reads(cloud, user)
    cloud.subscription(user).update(resumed_fields(subscription, whose, now=at + timedelta(minutes=4)))
    assert cloud.subscription_of(user)["next_report_at"] == monday
    assert attempt(cloud, user, due_at=monday, run=monday).result == "sent"
    assert covered(cloud, user, monday) == (monday - timedelta(days=7, hours=8), monday - timedelta(hours=8))


def test_a_report_after_a_pause_leaves_out_what_the_pause_skipped(cloud: Cloud) -> None:
    user = cloud.user(subscription={**MOSTLY, "reported_until": DUE - HOUR})
    subscription, whose = reads(cloud, user)
    cloud.subscription(user).update(paused_fields(subscription, whose, PauseReason.USER, now=DUE - HOUR / 2))
    subscription, whose = reads(cloud, user)
    cloud.subscription(user).update(resumed_fields(subscription, whose, now=DUE + 5 * HOUR / 2))
    following = DUE + 3 * HOUR
    assert cloud.subscription_of(user)["next_report_at"] == following
    assert attempt(cloud, user, due_at=following, run=following).result == "sent"
    assert covered(cloud, user, following) == (DUE + 2 * HOUR, following)


def test_a_report_that_was_skipped_before_its_pause_was_taken_back_comes_with_the_next(cloud: Cloud) -> None:
    user = cloud.user(subscription=MOSTLY)
    before = cloud.subscription_of(user)
    subscription, whose = reads(cloud, user)
    cloud.subscription(user).update(
        paused_fields(subscription, whose, PauseReason.UNSUBSCRIBED, now=DUE + timedelta(minutes=5))
    )
    assert attempt(cloud, user).details == {"reason": "paused"}
    cloud.subscription(user).set(before)
    assert attempt(cloud, user, run=DUE + HOUR).result == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert attempt(cloud, user, due_at=DUE + HOUR, run=DUE + HOUR).result == "sent"
    assert covered(cloud, user, DUE + HOUR) == (DUE - HOUR, DUE + HOUR)


def test_a_report_by_hand_that_is_throttled_and_the_next_share_no_moment(cloud: Cloud) -> None:
    """It keeps its turn: the next report comes after it, and covers what it has left."""
    by_hand = DUE - timedelta(minutes=5)
    user = cloud.user(subscription={**MOSTLY, "next_report_at": by_hand})
    pending: dict[str, Any] = {"state": "pending", "attempts": 0, "period_start": DUE - HOUR, "period_end": by_hand}
    cloud.put_delivery(user, due_at=by_hand, **pending)
    cloud.inbox.fault = NOT_NOW
    assert attempt(cloud, user, due_at=by_hand).status == 500
    cloud.inbox.fault = None
    assert attempt(cloud, user).details == {"reason": "covered"}
    assert attempt(cloud, user, due_at=by_hand).result == "sent"
    assert covered(cloud, user, by_hand) == (DUE - HOUR, by_hand)
    # The task of the schedule came too early, so the next one reports its time, too.
    assert attempt(cloud, user, run=DUE + HOUR).result == "already-final"
    assert attempt(cloud, user, due_at=DUE + HOUR, run=DUE + HOUR).result == "sent"
    assert covered(cloud, user, DUE + HOUR) == (by_hand, DUE + HOUR)


@pytest.mark.parametrize("due_at", [DUE - 2 * HOUR, DUE + HOUR])
def test_an_old_copy_that_is_written_back_repeats_nothing(cloud: Cloud, due_at: datetime) -> None:
    """Whether its due time has a final delivery or not."""
    user = cloud.user(subscription=MOSTLY)
    cloud.put_delivery(
        user, due_at=DUE - 2 * HOUR, state="sent", period_start=DUE - 3 * HOUR, period_end=DUE - 2 * HOUR
    )
    cloud.put_delivery(user, state="sent", period_start=DUE - 2 * HOUR, period_end=DUE)
    cloud.subscription(user).update({"next_report_at": due_at, "reported_until": DUE - 3 * HOUR})
    answers = [attempt(cloud, user, due_at=due_at, run=DUE + HOUR) for _ in range(2)]
    if due_at < DUE:
        assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
        answers = [attempt(cloud, user, due_at=DUE + HOUR, run=DUE + HOUR) for _ in range(2)]
    assert "sent" in {answer.result for answer in answers}
    assert covered(cloud, user, DUE + HOUR) == (DUE, DUE + HOUR)


@pytest.mark.parametrize("due_at", [datetime(1970, 1, 1, tzinfo=UTC), DUE - timedelta(days=3000)])
def test_a_due_time_long_ago_makes_one_report_of_what_is_left(cloud: Cloud, due_at: datetime) -> None:
    user = cloud.user(subscription={**MOSTLY, "next_report_at": due_at, "reported_until": DUE - 3 * HOUR})
    assert attempt(cloud, user, due_at=due_at, run=DUE).result == "sent"
    assert covered(cloud, user, due_at) == (DUE - 3 * HOUR, DUE)
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_the_dead_letter_of_a_malformed_document_leaves_its_time_to_the_next_report(cloud: Cloud) -> None:
    user = cloud.user(subscription={**MOSTLY, "hour": 25})
    assert cloud.deliver(user).json()["reason"] == "permanent-error"
    cloud.letters()
    cloud.subscription(user).update({"hour": 8})
    assert attempt(cloud, user, due_at=DUE + HOUR, run=DUE + HOUR).result == "sent"
    assert covered(cloud, user, DUE + HOUR) == (DUE - HOUR, DUE + HOUR)


def test_a_report_that_its_kind_cannot_make_keeps_its_time_until_a_replay_sends_it(cloud: Cloud) -> None:
    def mistake() -> None:
        raise PermanentError("kinds/sales/report.yaml:24: queries.orders: no such column: produkt")

    user = cloud.user(subscription=MOSTLY)
    assert attempt(cloud, user, mistake).details == {"reason": "permanent-error"}
    assert attempt(cloud, user, due_at=DUE + HOUR, run=DUE + HOUR).result == "sent"
    assert covered(cloud, user, DUE + HOUR) == (DUE, DUE + HOUR)
    replayed(cloud, user)
    assert attempt(cloud, user).result == "sent"
    assert covered(cloud, user) == (DUE - HOUR, DUE)
