"""A subscription's reports, explored to the end: each is sent once, whoever acts in whatever order, every moment is
reported once, and nothing is ever stuck."""

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import Any

import pytest

from functions.dispatcher.held_subscriptions import HeldSubscriptions
from functions.dispatcher.rescue.rescue_step import is_lost
from functions.dispatcher.rescue.rescuer import Rescuer
from functions.shared.firestore.delivery_store import DeliveryStore
from functions.shared.firestore.outcomes import Outcomes
from functions.shared.firestore.write import delete
from functions.shared.records import mark
from functions.shared.records.dead_letter import StoredDeadLetter
from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_table import Replayed
from functions.shared.records.outcome import Outcome, outcome_of
from functions.shared.records.subscription import Subscription
from tests.protocol.__main__ import explored
from tests.protocol.actors import Provider
from tests.protocol.played import of_the_machine
from tests.protocol.search import search
from tests.protocol.world import UNKNOWN, Bounds, World


def assert_kept(bounds: Bounds, way: Sequence[str] = ()) -> None:
    found = explored(bounds, way)
    print(f"{len(found.states):,} states")  # noqa: T201  pytest -rP shows how many it saw
    assert [[*found.trace(number), rule] for number, rule in found.wrong] == []
    assert [found.trace(number) for number in found.stuck[:1]] == []


ONE = Bounds(attempts=1)
EACH = ONE._replace(kills=1, losses=1, duplicates=1, mishaps=1, replays=1, dismissals=1, stops=1, changes=1, tasks=1)
"""One disturbance of each kind."""
TWO_DUE_TIMES = ONE._replace(hours=1, mishaps=1, events=0)
CHANGED = TWO_DUE_TIMES._replace(changes=1, kills=1, mishaps=0, together=1)
PAUSED = TWO_DUE_TIMES._replace(stops=1, together=1)
KIND_PAUSED = TWO_DUE_TIMES._replace(kind_pauses=1, together=1)
HEARD = ONE._replace(outcomes=1, tasks=1, together=1)
PAUSED_UNHEARD = HEARD._replace(attempts=2, kills=1, stops=1, mishaps=0, events=0)
"""A further call comes: without one, an event is lost if a worker is killed and the recipient pauses."""


EVERY = [each for each in Provider if each is not Provider.RESEND]
"""With RESEND any number of mishaps is any number of emails."""


@pytest.mark.parametrize("provider", EVERY)
def test_two_at_a_time_keep_the_promise(provider: Provider) -> None:
    assert_kept(ONE._replace(provider=provider, tasks=1))


@pytest.mark.timeout(300)
@pytest.mark.thorough
def test_three_at_a_time_do() -> None:
    assert_kept(ONE._replace(together=3))


@pytest.mark.timeout(300)
@pytest.mark.thorough
@pytest.mark.parametrize("provider", [Provider.NEITHER, Provider.LOGS])
@pytest.mark.parametrize("trouble", ["kills", "losses", "duplicates"])
def test_they_do_if_one_is_killed_or_not_answered_anywhere(provider: Provider, trouble: str) -> None:
    assert_kept(ONE._replace(provider=provider, tasks=1, **{trouble: 1}))


@pytest.mark.timeout(300)
@pytest.mark.thorough
@pytest.mark.parametrize("provider", [Provider.NEITHER, Provider.LOGS, Provider.KEYS])
def test_they_do_if_any_one_thing_goes_wrong_within_two_due_times(provider: Provider) -> None:
    assert_kept(EACH._replace(disturbances=1, hours=1, provider=provider))


ABSENCE = Bounds(provider=Provider.ABSENCE, mishaps=1, events=0, days=0)


@pytest.mark.parametrize("bounds", [ABSENCE, ABSENCE._replace(kills=1, attempts=1, tasks=1)])
def test_they_do_if_what_the_logs_prove_absent_is_sent_again(bounds: Bounds) -> None:
    assert_kept(bounds)


RESENT = Bounds(provider=Provider.RESEND, mishaps=1, tasks=1)


@pytest.mark.parametrize(
    "bounds",
    [
        RESENT,
        pytest.param(RESENT._replace(kills=1, events=0), marks=pytest.mark.thorough),
        pytest.param(RESENT._replace(restores=1, events=0, together=1), marks=pytest.mark.thorough),
    ],
)
def test_they_do_if_the_team_has_what_stays_unknown_sent_again(bounds: Bounds) -> None:
    assert_kept(bounds)


@pytest.mark.parametrize("bounds", [ABSENCE._replace(standstills=1), ABSENCE._replace(late_logs=1)])
def test_that_rests_on_what_the_settling_time_is_for(bounds: Bounds) -> None:
    """A worker that sends after it, and logs that show an email after it, are the world's business."""
    [(number, rule)] = (found := explored(bounds)).wrong
    assert rule == "2 emails of one report, where 1 may go out"
    way = found.trace(number)
    first = next(number for number, words in enumerate(way) if words.startswith("worker a hands the email over"))
    settled = way.index("the settling time passes")
    assert way.index("worker a claims the delivery") < settled
    assert (first > settled) is bool(bounds.standstills)


@pytest.mark.timeout(300)
@pytest.mark.thorough
def test_they_do_if_any_two_things_go_wrong() -> None:
    assert_kept(EACH._replace(disturbances=2, losses=0, stops=0, changes=0))


@pytest.mark.parametrize("way", UNKNOWN)
def test_they_do_if_an_operator_replays_twice_and_dismisses(way: str) -> None:
    assert_kept(ONE._replace(replays=2, dismissals=1, mishaps=1, tasks=1), UNKNOWN[way])


@pytest.mark.timeout(300)
@pytest.mark.thorough
@pytest.mark.parametrize("provider", EVERY)
def test_they_do_after_a_restore_of_any_copy(provider: Provider) -> None:
    assert_kept(ONE._replace(provider=provider, restores=1, events=0))


@pytest.mark.timeout(300)
@pytest.mark.thorough
def test_they_do_after_a_restore_and_one_more_thing_that_goes_wrong() -> None:
    assert_kept(EACH._replace(restores=1, disturbances=1, losses=0, changes=0, together=1))


@pytest.mark.timeout(300)
@pytest.mark.thorough
def test_every_moment_is_reported_once_if_the_application_changes_the_schedule() -> None:
    assert_kept(CHANGED)


@pytest.mark.timeout(300)
@pytest.mark.thorough
def test_every_moment_is_reported_once_if_the_recipient_pauses_and_resumes() -> None:
    assert_kept(PAUSED)


def test_every_moment_is_reported_once_if_an_operator_pauses_and_resumes_the_kind() -> None:
    assert_kept(KIND_PAUSED)


@pytest.mark.thorough
def test_it_is_if_two_act_at_a_time_and_the_kind_is_paused_twice() -> None:
    assert_kept(KIND_PAUSED._replace(kind_pauses=2, together=2, tasks=1))


@pytest.mark.parametrize(
    "bounds",
    [HEARD._replace(kills=1), HEARD._replace(losses=1), pytest.param(PAUSED_UNHEARD, marks=pytest.mark.thorough)],
)
def test_the_application_hears_of_each_report(bounds: Bounds) -> None:
    assert_kept(bounds)


@pytest.mark.timeout(300)
@pytest.mark.thorough
def test_it_does_if_any_one_thing_goes_wrong_within_two_due_times() -> None:
    assert_kept(EACH._replace(outcomes=1, kind_pauses=1, disturbances=1, hours=1))


HISTORIES = (
    (ONE._replace(losses=1, mishaps=1, events=0, tasks=1), ()),
    (ONE._replace(kills=1, events=0, tasks=1, together=1, provider=Provider.KEYS), ()),
    (TWO_DUE_TIMES._replace(stops=1, mishaps=0, tasks=1), ()),
    (ONE._replace(replays=1, mishaps=1, tasks=1), UNKNOWN["accepted"]),
    (ONE._replace(replays=2, kills=1, mishaps=2, tasks=1, together=1), UNKNOWN["accepted"]),
    (HEARD._replace(losses=1, mishaps=1, events=0), ()),
)


@pytest.mark.parametrize(("bounds", "way"), HISTORIES)
def test_histories_that_are_taken_for_one_go_on_alike(bounds: Bounds, way: Sequence[str]) -> None:
    world = World(bounds, merges=False)
    with of_the_machine():
        start = world.after(world.first(), way)
        search([start], world.following, wrong=world.wrong, is_good_end=world.is_good_end)
    histories, goes_on = world.histories, dict[Any, Hashable]()
    for (before, answer), after in histories.numbers.items():
        if before is not None:
            alike = histories.alike[after]
            assert goes_on.setdefault((histories.alike[before], answer), alike) == alike
    # There are such.
    assert len(goes_on) < len(histories.numbers)


Patch = Callable[[pytest.MonkeyPatch], None]


def a_restore_is_not_guarded_against(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Delivery, "restored", lambda self, restored_at: self)


def a_write_is_not_conditional(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Delivery, "is_only_noted_since", lambda self, read: True)


def a_resume_moves_the_mark_to_the_present(patch: pytest.MonkeyPatch) -> None:
    original = mark.after_pause

    def after_pause(subscription: Subscription, schedule: Any, *, now: datetime) -> Subscription:
        after = original(subscription, schedule, now=now)
        is_over = subscription.paused_at is not None and after.paused_at is None
        return after._replace(reported_until=now) if is_over else after

    patch.setattr(mark, "after_pause", after_pause)


def a_replay_forgets_what_may_have_been_sent(patch: pytest.MonkeyPatch) -> None:
    original = Replayed.fields
    patch.setattr(Replayed, "fields", lambda self, before: {**original(self, before), "may_have_been_sent": False})


def a_replay_that_was_interrupted_leaves_its_letter_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(StoredDeadLetter, "in_replay", property(lambda self: False))


def a_letter_that_a_restore_has_lost_is_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Rescuer, "tell_untold", lambda self: None)


def what_waits_for_a_kind_is_not_put_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HeldSubscriptions, "release", lambda self, shards, is_late: True)


def the_time_of_a_pause_counts(patch: pytest.MonkeyPatch) -> None:
    def lost(delivery: Delivery | None, **moments: Any) -> bool:
        return is_lost(delivery, **{**moments, "resumed_at": None})

    patch.setattr("functions.dispatcher.rescue.rescuer.is_lost", lost)


def an_event_relies_on_a_further_call(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("functions.shared.firestore.delivery_store._is_found_again", lambda *_: False)
    patch.setattr("functions.shared.firestore.delivery_store.keep", lambda outcome: delete(outcome.path))


def a_subscription_moves_before_its_event_is_told(patch: pytest.MonkeyPatch) -> None:
    original = DeliveryStore._told

    def told(self: DeliveryStore, task: Any, documents: Any, outcome: Any, move: Any) -> None:
        if outcome and move:
            self.move(task, move, documents=documents)
        original(self, task, documents, outcome, move)

    patch.setattr(DeliveryStore, "_told", told)


def a_kept_event_is_deleted_before_it_is_told(patch: pytest.MonkeyPatch) -> None:
    original = Outcomes.tell_all

    def tell_all(self: Outcomes, outcomes: Sequence[Outcome]) -> None:
        self._database.write_each([delete(each.path) for each in outcomes])
        original(self, outcomes)

    patch.setattr(Outcomes, "tell_all", tell_all)


def an_event_that_pubsub_does_not_take_counts_as_told(patch: pytest.MonkeyPatch) -> None:
    original = Outcomes.tell
    patch.setattr(Outcomes, "tell", lambda self, outcome: original(self, outcome) or True)


def an_event_has_the_time_of_the_latest_write(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "functions.shared.firestore.delivery_store.outcome_of",
        lambda delivery: outcome_of(delivery._replace(history=())),
    )


def no_run_publishes_what_is_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outcomes, "tell_kept", lambda self: 0)


REPLAYED = ONE._replace(replays=1, tasks=1, together=1)
DEFECTS: tuple[tuple[Patch, Bounds, Sequence[str]], ...] = (
    (a_restore_is_not_guarded_against, ONE._replace(restores=1, events=0, together=1), ()),
    (a_write_is_not_conditional, ONE._replace(kills=1), ()),
    (a_resume_moves_the_mark_to_the_present, PAUSED, ()),
    (what_waits_for_a_kind_is_not_put_back, KIND_PAUSED, ()),
    (the_time_of_a_pause_counts, KIND_PAUSED._replace(kills=1, mishaps=0, hours=0), ()),
    (a_replay_forgets_what_may_have_been_sent, REPLAYED, UNKNOWN["accepted"]),
    (a_replay_that_was_interrupted_leaves_its_letter_open, REPLAYED._replace(kills=1), UNKNOWN["not accepted"]),
    (a_letter_that_a_restore_has_lost_is_not_told, ONE._replace(restores=1, mishaps=1, events=0, together=1), ()),
    (an_event_relies_on_a_further_call, HEARD._replace(attempts=2, kills=2), ()),
    (a_subscription_moves_before_its_event_is_told, HEARD._replace(kills=1), ()),
    (a_kept_event_is_deleted_before_it_is_told, HEARD._replace(kills=1, losses=1), ()),
    (an_event_that_pubsub_does_not_take_counts_as_told, HEARD._replace(losses=1), ()),
    (an_event_has_the_time_of_the_latest_write, HEARD._replace(kills=1), ()),
    (no_run_publishes_what_is_kept, HEARD._replace(losses=1), ()),
)
"""Defects that were mended once. Others are put back where they belong: what is reported and skipped when a schedule
changes and a pause ends, in tests/moments; who objects, in tests/objections; what the rescue writes beside the state,
in proof/mutants/explored_mutants.py."""


@pytest.mark.thorough
@pytest.mark.parametrize(("defect", "bounds", "way"), DEFECTS, ids=lambda each: getattr(each, "__name__", ""))
def test_each_defect_is_found(
    defect: Patch, bounds: Bounds, way: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    defect(monkeypatch)
    found = explored(bounds, way)
    assert found.wrong or found.stuck
