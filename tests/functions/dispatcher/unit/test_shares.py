"""Where a run is cut into shares."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.dispatcher.division.shares import MOST_SHARES, Moment, cut
from functions.dispatcher.due_users import Cursor

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HALF_PAST = NOON - timedelta(minutes=30)

USERS = [f"user-{number:05}" for number in range(10_000)]
NAMES = USERS[99::100]
"""What Firestore gives: a hundred places, evenly spread."""

START = Cursor(next_report_at=NOON - timedelta(days=1), user_id="user")


def shares_of(users: list[tuple[datetime, str]], cuts: list[Cursor]) -> Counter[int]:
    """How many users each share has, by reading what lies between its ends as Firestore does."""
    ends = [None, *((place.next_report_at, place.user_id) for place in cuts), None]
    return Counter(
        share
        for share, (after, until) in enumerate(pairwise(ends))
        for user in users
        if (after is None or user > after) and (until is None or user <= until)
    )


def test_users_of_one_moment_are_cut_by_name_into_even_shares() -> None:
    cuts = cut([Moment(NOON, len(USERS))], NAMES, 2_000, after=START)
    shares = shares_of([(NOON, user) for user in USERS], cuts)
    assert len(shares) == 5
    assert all(1_800 <= size <= 2_200 for size in shares.values())


@pytest.mark.parametrize("read", [500, 3_000, 5_500])
def test_what_is_left_of_a_moment_is_cut_behind_the_place_that_has_been_reached(read: int) -> None:
    place = Cursor(next_report_at=NOON, user_id=USERS[read])
    left = [(NOON, user) for user in USERS[read + 1 :]]
    cuts = cut([Moment(NOON, len(left))], NAMES, 2_000, after=place)
    assert all(cut.order > place.order for cut in cuts)
    shares = shares_of(left, cuts)
    assert len(shares) == -(-len(left) // 2_000)
    assert max(shares.values()) - min(shares.values()) <= 400


def test_small_moments_are_put_together() -> None:
    quarters = [Moment(NOON - timedelta(minutes=15 * number), 100) for number in range(30, 0, -1)]
    moments = [*quarters, Moment(NOON, 9_000)]
    users = [(moment.due_at, USERS[number]) for moment in moments for number in range(moment.users)]
    shares = shares_of(users, cut(moments, NAMES, 4_000, after=START))
    assert sum(shares.values()) == len(users)
    assert len(shares) == 3
    assert max(shares.values()) < 1.2 * len(users) / 3


@pytest.mark.parametrize(("users", "names"), [(2_000, NAMES), (0, NAMES), (100_000, [])])
def test_what_is_not_worth_it_or_cannot_be_cut_is_left_whole(users: int, names: list[str]) -> None:
    assert cut([Moment(NOON, users)], names, 2_000, after=START) == []


def test_no_more_shares_than_make_sense() -> None:
    assert (
        len(cut([Moment(NOON, 10**9)], [f"{number:05}" for number in range(1_000)], 1_000, after=START))
        == MOST_SHARES - 1
    )


@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=6),
    names=st.lists(st.sampled_from(USERS[:400]), unique=True, max_size=30),
    share_size=st.integers(1, 200),
    reached=st.integers(0, 399),
)
@example(sizes=[2, 0], names=["user-00000"], share_size=1, reached=0)
def test_everybody_is_in_one_share_whatever_the_places(
    sizes: list[int], names: list[str], share_size: int, reached: int
) -> None:
    moments = [Moment(NOON + timedelta(hours=number), size) for number, size in enumerate(sizes)]
    users = [(moment.due_at, USERS[number]) for moment in moments for number in range(moment.users)]
    cuts = cut(moments, sorted(names), share_size, after=Cursor(next_report_at=NOON, user_id=USERS[reached]))
    assert shares_of(users, cuts).total() == len(users)
    places = [(place.next_report_at, place.user_id) for place in cuts]
    assert places == sorted(set(places))
