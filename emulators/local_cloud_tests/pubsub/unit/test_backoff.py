from datetime import timedelta

from local_cloud.pubsub.backoff import AT_ONCE, PUSH_BACKOFF, Backoff


def test_each_failure_doubles_the_wait_up_to_the_greatest() -> None:
    backoff = Backoff(minimum=timedelta(seconds=10), maximum=timedelta(seconds=600))
    waits = [backoff.after(failures).total_seconds() for failures in range(1, 10)]
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_a_message_can_fail_for_weeks() -> None:
    assert PUSH_BACKOFF.after(100_000) == timedelta(seconds=60)


def test_without_a_policy_there_is_no_wait() -> None:
    assert AT_ONCE.after(5) == timedelta()


def test_a_minimum_above_the_maximum_is_cut_to_it() -> None:
    assert Backoff(minimum=timedelta(seconds=50), maximum=timedelta(seconds=20)).after(1) == timedelta(seconds=20)
