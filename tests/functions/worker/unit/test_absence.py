"""When the provider's records prove that it did not accept an email: every combination of facts, by an oracle that
counts minutes and shares no code with what decides."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.records.address_hash import address_hash
from functions.shared.records.delivery import Delivery, DeliveryState
from functions.worker.absence import Absent, Facts, Settling, Unproven, absence
from functions.worker.destinations.email.delivery_lookup import LookupUnavailable, MailNotFound, Neighbors, WantedMail

NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
BEFORE = NOW - timedelta(days=31)
SILENT = LookupUnavailable(error="e", lasting=False)
SETTLING, LAST, KEPT = 30, 120, 30 * 24 * 60
"""In minutes."""


class World(NamedTuple):
    """What may be so."""

    is_restored: bool
    since_end: int | None
    age: int
    recorded: tuple[str, ...]
    recorded_key: str
    answer: str
    neighbors: str


WORLDS = [
    World(*each)
    for each in itertools.product(
        (False, True),
        (None, -1, 0, 29, 30, 59, 60, 119, 120, 5000),
        (0, KEPT - 1, KEPT),
        ((), ("a",), ("a", "b"), ("a", "c")),
        ("", "k", "other"),
        ("complete", "cut", "silent", "refused"),
        ("none", "silent", "neither", "before", "after", "too early", "both"),
    )
]
HASHES = {each: address_hash(each) for each in "abc"}
ANSWERS: dict[str, Any] = {
    "complete": MailNotFound(is_complete=True),
    "cut": MailNotFound(),
    "silent": SILENT,
    "refused": LookupUnavailable(error="e", lasting=True),
}


def neighbors(world: World) -> Any:
    settled_at = NOW + timedelta(minutes=SETTLING - (world.since_end or 0))
    after = settled_at + timedelta(seconds=1)
    kinds = {
        "none": None,
        "silent": SILENT,
        "neither": Neighbors(None, None),
        "before": Neighbors(BEFORE, None),
        "after": Neighbors(None, after),
        "too early": Neighbors(BEFORE, settled_at),
        "both": Neighbors(BEFORE, after),
    }
    return kinds[world.neighbors]


def facts(world: World) -> Facts:
    return Facts(
        now=NOW,
        delivery=Delivery(
            "d",
            DeliveryState.SENDING,
            None,
            lease_expires_at=None if world.since_end is None else NOW - timedelta(minutes=world.since_end),
            handed_over={"recipients": [HASHES[each] for each in world.recorded], "key": world.recorded_key},
            restored_at=NOW if world.is_restored else None,
        ),
        wanted=WantedMail("d", ["b", "a"], NOW - timedelta(minutes=world.age), "activity"),
        key_id="k",
        keeps=timedelta(days=30),
        settling=timedelta(minutes=SETTLING),
        answer=ANSWERS[world.answer],
        neighbors=neighbors(world),
    )


def could_be_proven(world: World) -> bool:
    """Whether the same account is searched for the same recipients, as far back as need be."""
    is_same = world.recorded_key == "k" and world.recorded in {("a",), ("a", "b")}
    return is_same and not world.is_restored and world.since_end is not None and world.age < KEPT


def test_it_is_sent_again_where_all_of_it_holds_and_nowhere_else() -> None:
    again = {world for world in WORLDS if isinstance(absence(facts(world)), Absent)}
    assert again == {
        world
        for world in WORLDS
        if could_be_proven(world)
        and (world.since_end or 0) >= SETTLING
        and (world.answer, world.neighbors) == ("complete", "both")
    }
    assert len(again) > 20


def test_it_waits_for_what_may_still_come_and_for_nothing_else() -> None:
    for world in WORLDS:
        decided = absence(facts(world))
        minutes = -1 if world.since_end is None else world.since_end
        may_come = world.answer == "silent" or (
            world.answer == "complete" and world.neighbors in {"none", "silent", "before", "too early"}
        )
        # A search that was cut off, or that has nothing before it, is no better later.
        may_come |= world.answer == "cut" and world.neighbors in {"none", "silent"}
        waits = could_be_proven(world) and world.answer != "refused"
        waits &= minutes < SETTLING or (minutes < LAST and may_come)
        assert isinstance(decided, Settling) is waits, world
        if isinstance(decided, Settling):
            until = (decided.until - NOW) / timedelta(minutes=1) + minutes
            # At the next whole settling time after the claim, and no later.
            assert until == decided.looks * SETTLING
            assert 0 < until - minutes <= SETTLING + 1


def test_what_is_for_a_person_says_why() -> None:
    for world in WORLDS:
        decided = absence(facts(world))
        if isinstance(decided, Unproven):
            assert decided.note
        elif isinstance(decided, Absent):
            assert decided.evidence == {
                "searched_at": NOW,
                "accepted_before": BEFORE,
                "accepted_after": neighbors(world).after,
            }
