"""The token bucket."""

from hypothesis import given
from hypothesis import strategies as st

from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.rate import TokenBucket

NOW = 1_800_000_000 * SECOND


def taken(bucket: TokenBucket, now: int) -> int:
    count = 0
    while bucket.take(now):
        count += 1
    return count


def test_it_starts_full_and_gives_its_burst_at_once() -> None:
    bucket = TokenBucket(rate=5, burst=10, now=NOW)

    assert taken(bucket, NOW) == 10
    assert bucket.ready_at(NOW) == NOW + SECOND // 5


def test_tokens_come_at_the_rate() -> None:
    bucket = TokenBucket(rate=5, burst=10, now=NOW)
    taken(bucket, NOW)

    assert taken(bucket, NOW + SECOND) == 5


def test_no_more_than_the_burst_is_saved_up() -> None:
    bucket = TokenBucket(rate=5, burst=10, now=NOW)
    taken(bucket, NOW)

    assert taken(bucket, NOW + 3600 * SECOND) == 10


def test_a_slower_rate_takes_away_what_was_saved_up() -> None:
    bucket = TokenBucket(rate=500, burst=500, now=NOW)
    bucket.change(rate=1, burst=1, now=NOW)

    assert taken(bucket, NOW) == 1
    assert bucket.ready_at(NOW) == NOW + SECOND


def test_a_faster_rate_holds_from_now_on() -> None:
    bucket = TokenBucket(rate=1, burst=10, now=NOW)
    taken(bucket, NOW)
    bucket.change(rate=100, burst=100, now=NOW)

    assert taken(bucket, NOW + SECOND) == 100


@given(st.integers(1, 5000), st.integers(1, 86_400))
def test_a_few_tokens_a_day_come_evenly_however_often_one_looks(a_day: int, looks: int) -> None:
    bucket = TokenBucket(rate=a_day / 86_400, burst=10, now=NOW)
    taken(bucket, NOW)
    step = 86_400 * SECOND // min(looks, 2_000)
    came = [now for now in range(NOW + step, NOW + 86_400 * SECOND + 1, step) for _ in range(taken(bucket, now))]

    assert len(came) <= a_day
    if a_day / 86_400 * step / SECOND < 9:  # otherwise the bucket overflows between two looks
        assert len(came) >= a_day - 1
        assert all((now - NOW) / SECOND * a_day / 86_400 > number - 1e-3 for number, now in enumerate(came, 1))


def test_a_token_a_day_waits_for_a_day() -> None:
    bucket = TokenBucket(rate=1 / 86_400, burst=10, now=NOW)
    taken(bucket, NOW)

    assert bucket.ready_at(NOW) == NOW + 86_400 * SECOND
    assert not bucket.take(NOW + 86_399 * SECOND)
    assert bucket.take(NOW + 86_400 * SECOND)


@given(st.floats(1e-5, 500), st.integers(1, 500))
def test_there_is_a_token_at_the_moment_that_is_named_and_none_well_before(rate: float, burst: int) -> None:
    bucket = TokenBucket(rate=rate, burst=burst, now=NOW)
    taken(bucket, NOW)
    ready = bucket.ready_at(NOW)

    assert not bucket.take(NOW + (ready - NOW) // 2)
    assert bucket.take(ready)


@given(st.floats(0.1, 500), st.lists(st.integers(0, SECOND), max_size=50))
def test_never_more_than_rate_and_burst_allow(rate: float, waits: list[int]) -> None:
    bucket = TokenBucket(rate=rate, burst=10, now=NOW)
    now, count = NOW, taken(bucket, NOW)
    for wait in waits:
        now += wait
        count += taken(bucket, now)

    assert count <= 10 + (now - NOW) / SECOND * rate + 1e-3
