"""What an event about an address makes of a subscription."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.mail_events.address_events import fields_for_event
from functions.shared.records.address_hash import address_hash
from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.objections import all_taken_back, objection_fields, taken_back
from functions.shared.records.recipient_pauses import Stored, stopped
from functions.shared.records.subscription import PauseReason, Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence

AT = datetime(2026, 11, 24, 13, tzinfo=UTC)
ADA, BOB, CAT = "ada@example.com", "bob@example.com", "cat@example.com"
USER = User.from_fields("u1", {"email": "Ada@example.com", "active": True})
NOW = AT + timedelta(minutes=5)


def paused(because: PauseReason) -> dict[str, Any]:
    return {
        "active": False,
        "paused_because": because.value,
        "paused_at": NOW,
        "paused_until": None,
        "next_report_at": None,
    }


def subscription(**fields: Any) -> Subscription:
    return Subscription.from_fields("u1", "default", fields, SubscriptionDefaults("activity", Cadence.DAILY))


def bounce(address: str = ADA, pauses: PauseReason | None = PauseReason.BOUNCED) -> MailEvent:
    return MailEvent(delivery_id="d1", recipient=address_hash(address), status=MailStatus.BOUNCED, at=AT, pauses=pauses)


def objecting(*addresses: str, because: str = "bounced", at: datetime = AT) -> dict[str, Any]:
    return {"objections": {address_hash(each): {"because": because, "at": at} for each in addresses}}


def after(before: Mapping[str, Any], event: MailEvent, *, user: User | None = USER, **named: Any) -> Subscription:
    fields = {**before, **fields_for_event(user, subscription(**before), event, now=NOW, **named)}
    assert fields_for_event(user, subscription(**fields), event, now=NOW, **named) == {}
    return subscription(**fields)


@pytest.mark.parametrize(
    ("fields", "address", "out", "is_paused"),
    [
        ({}, ADA, {ADA}, True),
        ({"cc": [BOB]}, ADA, {ADA}, True),
        ({"cc": [BOB]}, BOB, {BOB}, False),
        ({"to": [BOB]}, BOB, {BOB}, True),
        ({"to": [BOB]}, ADA, set(), False),
        ({"to": [ADA, BOB]}, ADA, {ADA}, False),
        ({"to": [ADA, BOB], **objecting(ADA)}, BOB, {ADA, BOB}, True),
        # A copy pauses nobody, whoever else objects.
        ({"to": [ADA, BOB], "cc": [CAT], **objecting(ADA)}, CAT, {ADA, CAT}, False),
        # Written by version 0.1.0.
        ({"to": [ADA, BOB], "suppressed": [address_hash(ADA)]}, BOB, {ADA, BOB}, True),
        ({"cc": [BOB], "suppressed": [address_hash(BOB)]}, BOB, {BOB}, False),
        ({**paused(PauseReason.BOUNCED), "bounced_address": address_hash(ADA)}, ADA, {ADA}, True),
        # The address has changed since.
        ({}, BOB, set(), False),
        # Somebody has taken it back since.
        ({"resumed_at": AT + timedelta(seconds=1)}, ADA, set(), False),
        ({"resumed_at": AT}, ADA, set(), False),
        ({"resumed_at": AT - timedelta(seconds=1)}, ADA, {ADA}, True),
        ({"objections": {address_hash(ADA): {"cleared_at": AT}}}, ADA, set(), False),
        ({"objections": {address_hash(BOB): {"cleared_at": AT}}}, ADA, {ADA}, True),
        ({"cc": [BOB], "resumed_at": AT + timedelta(seconds=1)}, BOB, set(), False),
    ],
)
def test_who_gets_no_more_mail(fields: dict[str, Any], address: str, out: set[str], is_paused: bool) -> None:
    left = after(fields, bounce(address))
    assert left.objecting.keys() == set(map(address_hash, out))
    assert (left.is_paused(NOW), left.next_report_at) == (is_paused, None)
    assert left.paused_because is (PauseReason.BOUNCED if is_paused else None)


@pytest.mark.parametrize("because", [*PauseReason, None])
@pytest.mark.parametrize("event", [PauseReason.BOUNCED, PauseReason.UNSUBSCRIBED, PauseReason.COMPLAINED])
def test_a_pause_hears_of_it_too(because: PauseReason | None, event: PauseReason) -> None:
    before = {"active": False, "paused_because": because, "paused_at": AT, "next_report_at": None}
    left = after(before, bounce(pauses=event))
    assert left.leaves_out(ADA)
    # What people wanted stays, and what would end by itself does not.
    ranks = [PauseReason.USER_INACTIVE, PauseReason.BOUNCED, PauseReason.UNSUBSCRIBED, PauseReason.COMPLAINED]
    stays = because not in ranks or ranks.index(because) >= ranks.index(event)
    assert (left.active, left.paused_because) == (False, because if stays else event)
    assert left.paused_at == AT


def test_a_pause_of_the_users_keeps_its_end() -> None:
    until = AT + timedelta(days=9)
    left = after({"paused_because": "user", "paused_until": until}, bounce())
    assert (left.active, left.paused_because, left.paused_until) == (True, PauseReason.USER, until)
    assert left.leaves_out(ADA)


def test_an_event_of_its_own_email_counts_whatever_the_lists_say_by_now() -> None:
    left = after({"to": [CAT]}, bounce(BOB), is_of_it=True)
    assert left.leaves_out(BOB)
    assert not left.is_paused(NOW)


def test_without_anybody_whom_it_is_for_an_event_of_a_copy_pauses_nobody() -> None:
    left = after({"cc": [CAT]}, bounce(CAT), user=User.from_fields("u1", {"active": True}))
    assert left.leaves_out(CAT)
    assert not left.is_paused(NOW)


@pytest.mark.parametrize("order", list(permutations([PauseReason.BOUNCED, PauseReason.COMPLAINED])))
def test_a_complaint_outranks_a_bounce_in_either_order(order: Sequence[PauseReason]) -> None:
    fields: dict[str, Any] = {}
    for because in order:
        fields |= fields_for_event(USER, subscription(**fields), bounce(pauses=because), now=NOW)
    left = subscription(**fields)
    assert left.paused_because is PauseReason.COMPLAINED
    assert [each.because for each in left.objecting.values()] == [PauseReason.COMPLAINED]


SAID = [
    (MailStatus.BOUNCED, PauseReason.BOUNCED),
    (MailStatus.UNSUBSCRIBED, PauseReason.UNSUBSCRIBED),
    (MailStatus.COMPLAINED, PauseReason.COMPLAINED),
    (MailStatus.RESUBSCRIBED, None),
]


@given(
    said=st.lists(st.tuples(st.sampled_from(SAID), st.integers(0, 3)), min_size=1, max_size=5),
    data=st.data(),
    lists=st.sampled_from([{}, {"to": [ADA, BOB]}, {"to": [BOB], "cc": [ADA]}]),
)
@settings(max_examples=300)
def test_what_becomes_of_it_depends_on_when_events_happened_and_not_on_their_order(
    said: list[tuple[tuple[MailStatus, PauseReason | None], int]], data: st.DataObject, lists: dict[str, list[str]]
) -> None:
    events = [
        MailEvent("d1", address_hash(ADA), status, AT + timedelta(seconds=seconds), pauses=pauses)
        for (status, pauses), seconds in said
    ]
    found = []
    for order in (events, data.draw(st.permutations(events))):
        fields: dict[str, Any] = dict(lists)
        for event in order:
            fields |= fields_for_event(USER, subscription(**fields), event, now=NOW)
            assert fields_for_event(USER, subscription(**fields), event, now=NOW) == {}
        left = subscription(**fields)
        found.append((left.active, left.paused_because, left.objecting))
    assert found[0] == found[1]


def resubscription(seconds: int = 1, address: str = ADA) -> MailEvent:
    return MailEvent("d1", address_hash(address), MailStatus.RESUBSCRIBED, AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("stops_first", [True, False])
def test_who_has_stopped_it_on_the_page_gets_none_whatever_the_provider_says(stops_first: bool) -> None:
    fields: dict[str, Any] = {}
    unsubscription = bounce(pauses=PauseReason.UNSUBSCRIBED)
    if not stops_first:
        # Of a pause with a reason that ends by itself.
        fields |= fields_for_event(USER, subscription(), bounce(), now=NOW)
    stored = Stored(user=USER, subscription=subscription(**fields), document=fields)
    fields |= stopped(stored, now=NOW)
    for event in (unsubscription, resubscription()):
        fields |= fields_for_event(USER, subscription(**fields), event, now=NOW)
    left = subscription(**fields)
    assert (left.active, left.paused_because) == (False, PauseReason.UNSUBSCRIBED)


def test_who_stops_it_after_an_unsubscription_at_the_provider_gets_none_when_that_is_taken_back() -> None:
    fields: dict[str, Any] = dict(
        fields_for_event(USER, subscription(), bounce(pauses=PauseReason.UNSUBSCRIBED), now=NOW)
    )
    fields |= stopped(Stored(user=USER, subscription=subscription(**fields), document=fields), now=NOW)
    # Whether it happened before the stop, and comes late, or after it.
    for seconds in (1, (NOW - AT) / timedelta(seconds=1) + 60):
        event = resubscription(int(seconds))
        left = subscription(**{**fields, **fields_for_event(USER, subscription(**fields), event, now=NOW)})
        assert (left.active, left.paused_because) == (False, PauseReason.UNSUBSCRIBED)


@pytest.mark.parametrize("because", [PauseReason.USER, PauseReason.OPERATOR, PauseReason.NOT_IN_AUDIENCE])
def test_who_subscribes_again_ends_nobody_elses_pause(because: PauseReason) -> None:
    fields = {**paused(because), **objecting(ADA, because="unsubscribed")}
    left = subscription(**{**fields, **fields_for_event(USER, subscription(**fields), resubscription(), now=NOW)})
    assert (left.active, left.paused_because, left.objecting) == (False, because, {})


def test_a_copy_that_is_wanted_again_ends_no_pause_of_those_whom_the_report_is_for() -> None:
    lists = {"to": [BOB], "cc": [ADA]}
    fields = {**lists, **objecting(ADA, BOB, because="unsubscribed"), **paused(PauseReason.UNSUBSCRIBED)}
    left = subscription(**{**fields, **fields_for_event(USER, subscription(**fields), resubscription(), now=NOW)})
    assert not left.active
    assert left.objecting.keys() == {address_hash(BOB)}


@pytest.mark.parametrize("because", [PauseReason.COMPLAINED, PauseReason.UNSUBSCRIBED])
def test_the_reason(because: PauseReason) -> None:
    assert after({}, bounce(pauses=because)).paused_because is because


def test_what_passes_changes_nothing() -> None:
    assert fields_for_event(USER, subscription(), bounce(pauses=None), now=NOW) == {}


def test_a_user_who_is_gone_has_no_address() -> None:
    assert fields_for_event(None, subscription(), bounce(), now=NOW) == {}
    assert after({"to": [ADA]}, bounce(), user=None).paused_because is PauseReason.BOUNCED


def test_resuming_outdates_every_earlier_event() -> None:
    before = subscription(to=[ADA, BOB], **objecting(BOB), suppressed=[address_hash(ADA)])
    fields = objection_fields(before, all_taken_back(before, at=AT + timedelta(hours=1)))
    resumed = subscription(**{"to": [ADA, BOB], "suppressed": [address_hash(ADA)], **fields})
    assert resumed.objecting == {}
    for address in (ADA, BOB):
        assert fields_for_event(USER, resumed, bounce(address), now=NOW) == {}


def test_one_address_takes_back_for_itself() -> None:
    before = subscription(to=[ADA, BOB], suppressed=[address_hash(ADA), address_hash(BOB)])
    fields = objection_fields(before, taken_back(before, address_hash(ADA), now=NOW))
    left = subscription(**{"to": [ADA, BOB], "suppressed": [address_hash(ADA), address_hash(BOB)], **fields})
    assert (left.leaves_out(ADA), left.leaves_out(BOB)) == (False, True)
    assert fields_for_event(USER, left, bounce(ADA), now=NOW) == {}
    assert fields_for_event(USER, subscription(to=[ADA, CAT], cc=[BOB], **fields), bounce(BOB), now=NOW) == {}


def test_where_an_application_says_so_all_want_emails_again() -> None:
    before = Subscription.from_fields(
        "u1",
        "default",
        {"objections": None, "suppressed": [address_hash(ADA)], "shard": None},
        SubscriptionDefaults("activity", Cadence.DAILY),
        version=AT,
    )
    assert not before.leaves_out(ADA)
    assert fields_for_event(USER, before, bounce(), now=NOW) == {}
    later = bounce()._replace(at=AT + timedelta(seconds=1))
    left = subscription(**fields_for_event(USER, before, later, now=NOW))
    assert (left.leaves_out(ADA), left.resumed_at) == (True, AT)


events = st.builds(
    lambda address, pauses, minutes: MailEvent(
        delivery_id="d1",
        recipient=address_hash(address),
        status=MailStatus.BOUNCED,
        at=AT + timedelta(minutes=minutes),
        pauses=pauses,
    ),
    address=st.sampled_from([ADA, BOB, CAT]),
    pauses=st.sampled_from([None, PauseReason.BOUNCED, PauseReason.COMPLAINED, PauseReason.UNSUBSCRIBED]),
    minutes=st.integers(-2, 2),
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "to": st.lists(st.sampled_from([ADA, BOB]), min_size=1, max_size=2, unique=True),
        "cc": st.just([CAT]),
        "resumed_at": st.just(AT),
    },
)


@settings(max_examples=60)
@given(document=documents, reports=st.lists(events, max_size=4))
def test_who_gets_no_more_mail_is_the_same_after_every_order(
    document: dict[str, Any], reports: list[MailEvent]
) -> None:
    def ends(order: Sequence[MailEvent]) -> list[Any]:
        fields = dict(document)
        for event in [*order, *order]:
            fields |= fields_for_event(USER, subscription(**fields), event, now=NOW)
        left = subscription(**fields)
        return [left.active, left.paused_because, left.objections]

    expected = ends(reports)
    assert all(ends(order) == expected for order in permutations(reports))
