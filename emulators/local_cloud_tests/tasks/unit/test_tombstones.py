"""Names that may not be used again yet."""

from local_cloud.tasks.tombstones import Tombstones


def test_a_name_is_refused_for_its_lifetime_and_free_afterwards() -> None:
    names = Tombstones(100)
    names.bury("a", now=0)
    names.bury("b", now=50)

    assert names.holds("a", 99)
    assert not names.holds("a", 100)
    assert names.holds("b", 149)
    assert not names.holds("c", 99)


def test_a_name_that_ends_twice_is_refused_from_the_second_time_on() -> None:
    names = Tombstones(100)
    names.bury("a", now=0)
    names.bury("a", now=60)

    assert names.holds("a", 120)
    assert not names.holds("a", 160)


def test_without_a_lifetime_nothing_is_refused() -> None:
    names = Tombstones(0)
    names.bury("a", now=7)

    assert not names.holds("a", 7)
