"""No sequence emails an address that objects, and none keeps anybody else from getting emails."""

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import pytest

from functions.dispatcher.scheduling import new_place
from functions.mail_events import take_events
from functions.mail_events.address_events import fields_for_event
from functions.shared.records import objections, recipient_pauses
from functions.shared.records.mail_event import MailEvent, MailRecord
from functions.shared.records.recipients import Recipient, RecipientRole, recipients
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from tests.objections import world
from tests.objections.sequences import OPERATIONS, STARTS, play
from tests.objections.world import World

NAMES = tuple(OPERATIONS)


@pytest.mark.parametrize("start", STARTS)
def test_no_single_operation_does(start: str) -> None:
    assert {name: found for name in NAMES if (found := play(STARTS[start], [name]))} == {}


@pytest.mark.parametrize("seed", range(6))
def test_no_random_sequence_does(seed: int) -> None:
    """`python -m tests.objections --every 2` plays all of two, `--random 200000` as many as you like."""
    chance = random.Random(seed)  # noqa: S311  no secret
    sequences = [(chance.choice(list(STARTS)), *chance.choices(NAMES, k=chance.randint(2, 6))) for _ in range(60)]
    assert {each: found for each in sequences if (found := play(STARTS[each[0]], each[1:]))} == {}


Patch = Callable[[pytest.MonkeyPatch], None]


def a_user_who_is_active_again_takes_all_back(patch: pytest.MonkeyPatch) -> None:
    original = World._resume_for_active_user

    def resume(self: World, name: str, run_time: datetime) -> None:
        before = self.subscription(name)
        original(self, name, run_time)
        if not before.active and self.subscription(name).active:
            self.write(name, {"objections": {}, "resumed_at": run_time})

    patch.setattr(World, "_resume_for_active_user", resume)


def a_list_that_changes_takes_a_bounce_back(patch: pytest.MonkeyPatch) -> None:
    original = World._resume_for_new_address

    def resume(self: World, name: str, run_time: datetime) -> None:
        before = self.subscription(name)
        original(self, name, run_time)
        if not before.active and self.subscription(name).active:
            self.write(name, {"objections": {}})

    patch.setattr(World, "_resume_for_new_address", resume)


def what_is_paused_hears_of_no_event(patch: pytest.MonkeyPatch) -> None:
    def fields(user: User | None, subscription: Subscription, event: MailEvent, **named: Any) -> Mapping[str, Any]:
        return fields_for_event(user, subscription, event, **named) if subscription.active else {}

    patch.setattr(world, "fields_for_event", fields)


def the_run_takes_all_back_that_came_before_it(patch: pytest.MonkeyPatch) -> None:
    def place(subscription: Subscription, user: User | None, run_time: datetime) -> dict[str, Any]:
        fields = new_place(subscription, user, run_time)
        after = objections.all_taken_back(subscription, at=run_time)
        return {**fields, **(objections.objection_fields(subscription, after) if subscription.active else {})}

    patch.setattr(world, "new_place", place)


def one_recipient_takes_back_for_all(patch: pytest.MonkeyPatch) -> None:
    def of_all(subscription: Subscription, hashed: str, *, now: datetime) -> Subscription:
        return objections.taken_back(subscription, hashed, now=now)._replace(resumed_at=now)

    patch.setattr(recipient_pauses, "taken_back", of_all)


def a_copy_counts_as_whom_the_report_is_for(patch: pytest.MonkeyPatch) -> None:
    def addressees(subscription: Subscription, user: User | None) -> list[Recipient]:
        every = recipients(subscription, user)
        return [each for each in every if each.role is RecipientRole.CC] or every

    patch.setattr(objections, "addressees", addressees)


def a_second_event_of_an_email_is_no_news(patch: pytest.MonkeyPatch) -> None:
    def news(before: MailRecord, events: Iterable[MailEvent]) -> list[MailEvent]:
        return [each for each in events if before.folded([each]) != before]

    patch.setattr(take_events, "_news", news)


def only_lists_count_and_not_the_subscription_of_the_email(patch: pytest.MonkeyPatch) -> None:
    def fields(user: User | None, subscription: Subscription, event: MailEvent, **named: Any) -> Mapping[str, Any]:
        return fields_for_event(user, subscription, event, **{**named, "is_of_it": False})

    patch.setattr(world, "fields_for_event", fields)


def who_subscribes_again_stays_out(patch: pytest.MonkeyPatch) -> None:
    def fields(user: User | None, subscription: Subscription, event: MailEvent, **named: Any) -> Mapping[str, Any]:
        return fields_for_event(user, subscription, event, **named) if event.pauses else {}

    patch.setattr(world, "fields_for_event", fields)


def who_subscribes_again_undoes_a_stop(patch: pytest.MonkeyPatch) -> None:
    def unchanged(subscription: Subscription, hashed: str, *, now: datetime) -> Subscription:
        return subscription

    patch.setattr(objections, "stopped", unchanged)


DEFECTS: Mapping[Patch, tuple[str, ...]] = {
    a_user_who_is_active_again_takes_all_back: (
        "own, and a copy",
        *("cat complains", "the user is inactive", "a run", "the user is active"),
    ),
    a_list_that_changes_takes_a_bounce_back: ("another's", "bob bounces", "the lists are bob, dan"),
    what_is_paused_hears_of_no_event: ("own", "the user bounces", "the user complains", "the user moves"),
    the_run_takes_all_back_that_came_before_it: (
        "own, and a copy",
        *("cat complains", "the application says that all want it", "cat complains"),
    ),
    one_recipient_takes_back_for_all: (
        "own, and a copy",
        *("the user complains", "the page resumes", "cat complained long ago"),
    ),
    a_copy_counts_as_whom_the_report_is_for: ("own, and a copy", "cat bounces"),
    a_second_event_of_an_email_is_no_news: ("own", "the user complains", "the page resumes", "the user complains"),
    who_subscribes_again_stays_out: ("own", "the user unsubscribes", "the user resubscribes by the other"),
    who_subscribes_again_undoes_a_stop: ("own", "the page stops", "the user unsubscribes", "the user resubscribes"),
    only_lists_count_and_not_the_subscription_of_the_email: (
        "a list",
        *("there are no lists", "bob complains", "the lists are bob, dan"),
    ),
}
"""Each defect, and what it shows in."""


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_each_defect_is_found(defect: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    start, *names = DEFECTS[defect]
    assert play(STARTS[start], names) == []
    defect(monkeypatch)
    assert play(STARTS[start], names) != []
