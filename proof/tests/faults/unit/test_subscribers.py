"""The harness's subscriptions use every field of a subscription."""

from datetime import UTC, datetime
from itertools import islice

from functions.shared.records.subscription import ADDRESS_LISTS
from functions.shared.times.schedule import Cadence
from proof.faults.subscribers import PLANS, make_subscribers

SUBSCRIBERS = list(islice(make_subscribers("u", datetime(2026, 11, 24, 13, tzinfo=UTC)), 3 * len(PLANS)))


def test_they_have_each_cadence_that_a_scenario_can_meet() -> None:
    # A quarter begins in four months of the year alone, two weeks in every second, and scenarios begin at any time.
    assert {plan["cadence"] for plan in PLANS} == {
        cadence for cadence in Cadence if cadence.months <= 1 and cadence.weeks <= 1
    }


def test_they_name_addresses_in_each_list() -> None:
    assert {name for _, known in SUBSCRIBERS for name in known.addresses} == set(ADDRESS_LISTS)


def test_those_who_are_named_get_the_reports_and_so_does_the_user_unless_others_are_in_to() -> None:
    for key, known in SUBSCRIBERS:
        named = {address for addresses in known.addresses.values() for address in addresses}
        own = set() if "to" in known.addresses else {f"{key.user_id}@example.com"}
        assert known.recipients(key.user_id) == named | own
