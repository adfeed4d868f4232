"""Every moment of a subscription's time is reported once, whatever happens in whatever order."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from functions.shared.records import delivery as deliveries
from functions.shared.records import mark
from functions.shared.records.delivery import DeliveryState, SkipReason
from functions.shared.records.subscription import Subscription
from functions.shared.times.period import Period, unit_before
from functions.worker.task_delivery import TaskDelivery
from tests.moments import world
from tests.moments.sequences import OPERATIONS, STARTS, Play, play

NAMES = tuple(OPERATIONS)


@pytest.mark.parametrize("start", STARTS)
def test_no_single_operation_reports_a_moment_twice_or_never(start: str) -> None:
    wrong = {name: found for name in NAMES if (found := play(STARTS[start], [name]))}
    assert wrong == {}


@pytest.mark.parametrize("first", NAMES)
def test_no_two_operations_do(first: str) -> None:
    wrong = {second: found for second in NAMES if (found := play(STARTS["hourly"], [first, second]))}
    assert wrong == {}


@pytest.mark.parametrize("seed", range(8))
def test_no_random_sequence_does(seed: int) -> None:
    """`python -m tests.moments --every 3` plays all of three, `--random 200000` as many as you like."""
    chance = random.Random(seed)  # noqa: S311  no secret
    sequences = [(chance.choice(list(STARTS)), *chance.choices(NAMES, k=chance.randint(3, 6))) for _ in range(100)]
    wrong = {sequence: found for sequence in sequences if (found := play(STARTS[sequence[0]], sequence[1:]))}
    assert wrong == {}


def test_no_random_sequence_does_in_which_the_kind_is_paused() -> None:
    chance, sequences = random.Random(1), []  # noqa: S311  no secret
    for _ in range(100):
        before, within, after = (chance.choices(NAMES, k=chance.randint(0, 3)) for _ in range(3))
        names = [*before, "the kind is paused", "a run, carried out", *within, "the kind is resumed", *after]
        sequences.append((chance.choice(list(STARTS)), *names))
    wrong = {sequence: found for sequence in sequences if (found := play(STARTS[sequence[0]], sequence[1:]))}
    assert wrong == {}


def test_the_applications_pause_begins_with_its_latest_write_where_another_has_ended_before() -> None:
    names = (
        *("the page stops", "the operator pauses until later", "the application pauses", "three runs are missed"),
        *("the application writes nulls", "the operator pauses until soon", "the operator sets days off"),
    )
    assert play(STARTS["weekly, with days left out"], names) == []


def test_a_report_that_fell_due_before_the_application_paused_is_owed_whatever_end_it_had_written_before() -> None:
    names = (
        *("the operator pauses until later", "three runs are missed", "the application pauses until"),
        *("the application pauses", "the operator pauses until soon"),
    )
    assert play(STARTS["monthly"], names) == []


def test_an_older_report_that_becomes_final_leaves_the_next_one_due() -> None:
    played = Play(STARTS["hourly"])
    for name in ("a run, whose task waits", "the tasks are refused", "replayed", "sent by hand, and gets a 429"):
        played.perform(name)
    played.perform("the tasks are carried out")
    assert [each.state for each in played.world.every_delivery()] == [DeliveryState.SENT] * 3


Patch = Callable[[pytest.MonkeyPatch], None]


def the_period_is_not_looked_at_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TaskDelivery, "uncovered", lambda self, now: self.period)


def others_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(world, "is_untouched", lambda subscription: True)


def another_delivery_in_flight_does_not_matter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(mark.Others, "may_have_sent", lambda self, period: False)


def a_resume_moves_the_mark_to_the_present(patch: pytest.MonkeyPatch) -> None:
    original = mark.after_pause

    def after_pause(subscription: Subscription, schedule: Any, *, now: datetime) -> Subscription:
        after = original(subscription, schedule, now=now)
        is_over = subscription.paused_at is not None and after.paused_at is None
        return after._replace(reported_until=now) if is_over else after

    patch.setattr(mark, "after_pause", after_pause)


def what_waited_before_a_pause_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(mark, "_owed", lambda subscription, schedule, pause: None)


def what_a_pause_skips_counts_as_reported(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deliveries, "NOT_COUNTED", deliveries.NOT_COUNTED - {SkipReason.PAUSED})


def a_pause_begins_at_the_last_report(patch: pytest.MonkeyPatch) -> None:
    original = mark.paused_fields

    def paused_fields(subscription: Subscription, *arguments: Any, **named: Any) -> dict[str, Any]:
        return {**original(subscription, *arguments, **named), "paused_at": subscription.reported_until}

    patch.setattr(world, "paused_fields", paused_fields)


def a_report_by_hand_does_not_wait_its_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(world, "by_hand_fields", lambda subscription, user, *, now: {})
    patch.setattr(TaskDelivery, "is_replay", property(lambda self: True))


def a_due_time_that_was_set_back_is_reported_again(patch: pytest.MonkeyPatch) -> None:
    original = mark.due_period

    def due_period(subscription: Subscription, schedule: Any, *, due_at: datetime, **moments: Any) -> Period | None:
        found = original(subscription, schedule, due_at=due_at, **moments)
        return found or unit_before(schedule, schedule.covered_until(due_at))

    patch.setattr("functions.worker.task_delivery.due_period", due_period)
    patch.setattr(TaskDelivery, "uncovered", lambda self, now: self.period)


def a_delivery_moves_the_mark_to_the_time_of_the_run(patch: pytest.MonkeyPatch) -> None:
    original = mark.moved_fields

    def moved_fields(*arguments: Any, period: Period | None, now: datetime, **named: Any) -> dict[str, Any]:
        longer = (
            period._replace(end=max(period.end, now.replace(minute=0, second=0, microsecond=0))) if period else None
        )
        return original(*arguments, period=longer, now=now, **named)

    patch.setattr("functions.worker.task_delivery.moved_fields", moved_fields)


def a_pause_ends_when_somebody_looks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(mark, "_end_of_pause", lambda subscription, now, written_at: subscription.paused_until or now)


def what_a_pause_skips_is_made_up_for(patch: pytest.MonkeyPatch) -> None:
    original = mark.after_pause

    def after_pause(subscription: Subscription, schedule: Any, *, now: datetime) -> Subscription:
        return original(subscription, schedule, now=now)._replace(reported_until=subscription.reported_until)

    patch.setattr(mark, "after_pause", after_pause)


def a_pause_lasts_until_a_change_is_taken_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("functions.preferences.undo.end_of_pause", lambda subscription, now: None)


DEFECTS: tuple[Patch, ...] = (
    the_period_is_not_looked_at_again,
    others_are_not_asked,
    another_delivery_in_flight_does_not_matter,
    a_resume_moves_the_mark_to_the_present,
    what_waited_before_a_pause_is_forgotten,
    what_a_pause_skips_counts_as_reported,
    a_pause_begins_at_the_last_report,
    a_report_by_hand_does_not_wait_its_turn,
    a_due_time_that_was_set_back_is_reported_again,
    a_delivery_moves_the_mark_to_the_time_of_the_run,
    a_pause_ends_when_somebody_looks,
    a_pause_lasts_until_a_change_is_taken_back,
    what_a_pause_skips_is_made_up_for,
)
TELLING = (
    ("hourly", "a run, whose task waits", "the application writes hourly, and nulls", "a run, carried out"),
    ("hourly", "sent by hand", "an old copy of the beginning", "a run, carried out"),
    ("hourly", "a run, whose task waits", "an attempt begins, or ends", "the application writes hourly, and nulls"),
    (
        "hourly",
        "a run, whose task waits",
        "an attempt begins, or ends",
        "the application writes nulls",
        "a run, carried out",
    ),
    ("monthly", "the operator pauses", "the operator resumes"),
    ("hourly", "the operator pauses", "three runs are missed", "the operator resumes"),
    ("hourly", "a run, whose task waits", "the operator pauses", "the operator resumes"),
    ("hourly", "a run, whose task waits", "the page stops", "the tasks are carried out", "the page takes it back"),
    ("daily", "three runs are missed", "the operator pauses", "the operator resumes"),
    ("hourly", "a run, whose task waits", "the operator pauses", "three runs are missed", "the operator resumes"),
    ("hourly", "sent by hand, and gets a 429", "a run, carried out", "the tasks are carried out"),
    ("hourly", "due 3,000 days ago"),
    ("hourly", "a run, whose task waits", "three runs are missed", "the tasks are carried out"),
    (
        "hourly",
        "the user becomes inactive",
        "a run, carried out",
        "the user becomes active",
        "three runs are missed",
        "the operator resumes",
    ),
    (
        "monthly",
        "sent by hand",
        "an email bounces",
        "the application resumes",
        "three runs are missed",
        "the application pauses",
    ),
    (
        "monthly",
        "the operator pauses until soon",
        "a run, whose task waits",
        "the application writes nulls, also for the mark",
        "the application writes daily",
        "the user becomes inactive",
    ),
    (
        "daily",
        "a run, whose task waits",
        "Firestore is restored",
        "the operator sets hourly",
        "the application writes nulls, also for the mark",
    ),
    (
        "monthly",
        "the user becomes inactive",
        "a run, carried out",
        "the application resumes",
        "the user moves",
        "the application pauses until",
    ),
    (
        "daily",
        "the page stops",
        "a run, whose task waits",
        "the application resumes",
        "three runs are missed",
        "the page stops",
        "the page takes it back",
    ),
    (
        "daily",
        "the operator pauses until soon",
        "three runs are missed",
        "the user moves",
        "the application pauses until",
        "three runs are missed",
    ),
    (
        "hourly",
        "a run, whose task waits",
        "the tasks are refused",
        "a run, carried out",
        "replayed",
        "the tasks are carried out",
    ),
)
"""What each defect shows in."""


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_each_defect_is_found(defect: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [found for start, *names in TELLING if (found := play(STARTS[start], names))] == []
    defect(monkeypatch)
    assert any(_is_wrong(start, names) for start, *names in TELLING)


def _is_wrong(start: str, names: list[str]) -> bool:
    try:
        return bool(play(STARTS[start], names))
    except AssertionError:
        return True
