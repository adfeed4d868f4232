"""When a new revision counts as worse than the old one, and when there are too few requests to say."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment.canary_comparison import (
    CHANCE,
    LEAST_REQUESTS,
    Comparison,
    Figures,
    Latencies,
    Outcome,
    Verdict,
    compare,
    outcome,
    probability_by_chance,
)

BOUNDS = (100.0, 200.0, 400.0, 800.0)
COUNTS = st.integers(min_value=0, max_value=400)


def figures(ok: int, failed: int = 0, refused: int = 0, **rest: Any) -> Figures:
    return Figures(answers={"2xx": ok, "5xx": failed, "4xx": refused}, **rest)


def histogram(*counts: int) -> Latencies:
    return Latencies(BOUNDS, counts)


@pytest.mark.parametrize(
    ("new", "old", "verdict", "line"),
    [
        # No request fails.
        (figures(100), figures(900), Verdict.HEALTHY, "answers 5xx: 0 of 100 (0 %) against 0 of 900 (0 %)"),
        # Both fail as often.
        (figures(95, 5), figures(855, 45), Verdict.HEALTHY, "answers 5xx: 5 of 100 (5 %) against 45 of 900 (5 %)"),
        # One failure, and even two, may be chance; the third is not.
        (figures(98, 2), figures(900), Verdict.HEALTHY, "answers 5xx: 2 of 100 (2 %) against 0 of 900 (0 %)"),
        (
            figures(97, 3),
            figures(900),
            Verdict.WORSE,
            "answers 5xx: 3 of 100 (3 %) against 0 of 900 (0 %) of the old one's",
        ),
        # It is plain with few requests, too, if the difference is large.
        (
            figures(0, 4),
            figures(40),
            Verdict.WORSE,
            "answers 5xx: 4 of 4 (100 %) against 0 of 40 (0 %) of the old one's",
        ),
        # It refuses what the other takes.
        (figures(50, 0, 50), figures(850, 0, 50), Verdict.WORSE, "answers 4xx"),
        # It is certain, and too small to matter.
        (figures(99_400, 600), figures(897_300, 2_700), Verdict.HEALTHY, "answers 5xx"),
        # Fewer failures are never worse.
        (figures(100), figures(500, 400), Verdict.HEALTHY, "answers 5xx"),
        # A dead letter matters, however many reports there are.
        (
            figures(10_000, reports=10_000, dead=8),
            figures(90_000, reports=90_000, dead=9),
            Verdict.WORSE,
            "dead letters: 8 of 10,000 (0.08 %) against 9 of 90,000 (0.01 %) of the old one's",
        ),
        # An hourly run, or a page that few visit.
        (
            figures(1),
            figures(9),
            Verdict.TOO_FEW,
            "1 request to the new revision, 9 to the old one: too few to compare, 100 each are needed",
        ),
        (figures(0), figures(0), Verdict.TOO_FEW, "0 requests to the new revision, 0 to the old one"),
        (figures(900), figures(99), Verdict.TOO_FEW, "900 requests to the new revision, 99 to the old one"),
    ],
)
def test_failures(new: Figures, old: Figures, verdict: Verdict, line: str) -> None:
    comparison = compare(new, old)
    assert comparison.verdict is verdict, comparison
    assert any(detail.startswith(line) for detail in comparison.details), comparison


@pytest.mark.parametrize(
    ("new", "old", "worse"),
    [
        (histogram(100, 0, 0, 0, 0), histogram(900, 0, 0, 0, 0), []),
        # Slower throughout.
        (
            histogram(0, 0, 100, 0, 0),
            histogram(900, 0, 0, 0, 0),
            ["the median latency: 300 ms against 50 ms of the old one"],
        ),
        # One request in eight hangs.
        (
            histogram(88, 0, 0, 0, 12),
            histogram(880, 10, 5, 0, 5),
            ["the 95th percentile of the latency: 800 ms against 97 ms of the old one"],
        ),
        # As if the new one had most of the traffic.
        (histogram(0, 0, 900, 0, 0), histogram(100, 0, 0, 0, 0), ["the median latency"]),
        # Slower, but by 25 ms, which no one notices.
        (histogram(50, 50, 0, 0, 0), histogram(900, 0, 0, 0, 0), []),
        # Two slow requests are chance.
        (histogram(98, 0, 0, 0, 2), histogram(900, 0, 0, 0, 0), []),
        # Faster is not worse.
        (histogram(100, 0, 0, 0, 0), histogram(0, 0, 0, 900, 0), []),
    ],
)
def test_latencies(new: Latencies, old: Latencies, worse: list[str]) -> None:
    comparison = compare(figures(new.total, latencies=new), figures(old.total, latencies=old))
    found = comparison.details if comparison.verdict is Verdict.WORSE else ()
    assert len(found) >= len(worse)
    assert bool(found) == bool(worse), comparison
    for line in worse:
        assert any(detail.startswith(line) for detail in found), comparison


def test_a_quantile_is_in_proportion_within_its_bucket() -> None:
    latencies = histogram(0, 100, 100, 0, 0)
    assert latencies.quantile(0.25) == 150
    assert latencies.quantile(0.5) == 200
    assert latencies.quantile(0.75) == 300
    # No one knows how long those of the last bucket took.
    assert histogram(0, 0, 0, 0, 5).quantile(0.5) == 800
    with pytest.raises(ValueError, match="nothing"):
        histogram(0, 0, 0, 0, 0).quantile(0.5)


def test_a_failure_among_few_requests_is_told() -> None:
    comparison = compare(figures(0, 1), figures(9))
    assert comparison.verdict is Verdict.TOO_FEW
    assert comparison.has_new_failures
    assert comparison.details[1] == "answers 5xx: 1 of the new one's, none of the old one's"

    # Strangers ask a public page for what is not there, in any version.
    assert not compare(figures(5, 0, 1), figures(50, 0, 9)).has_new_failures
    assert compare(figures(5, reports=5, dead=1), figures(50, reports=50)).has_new_failures


HEALTHY = compare(figures(100), figures(900))
WORSE = compare(figures(0, 100), figures(900))
TOO_FEW = compare(figures(1), figures(9))
DOUBTFUL = compare(figures(0, 1), figures(9))


@pytest.mark.parametrize(
    ("comparisons", "expected"),
    [
        ([HEALTHY], Outcome.HEALTHY),
        # The dispatcher never has requests enough; it does not keep the others from being promoted.
        ([HEALTHY, TOO_FEW], Outcome.HEALTHY),
        ([HEALTHY, DOUBTFUL], Outcome.UNCLEAR),
        ([TOO_FEW], Outcome.UNCLEAR),
        ([HEALTHY, TOO_FEW, WORSE], Outcome.WORSE),
    ],
)
def test_one_answer_for_all_functions(comparisons: list[Comparison], expected: Outcome) -> None:
    assert outcome(comparisons) is expected


def test_fishers_exact_test() -> None:
    """The lady tasting tea: https://en.wikipedia.org/wiki/Lady_tasting_tea"""
    assert math.isclose(probability_by_chance(4, 4, 0, 4), 1 / 70)
    assert math.isclose(probability_by_chance(3, 4, 1, 4), 17 / 70)
    assert probability_by_chance(0, 4, 4, 4) == pytest.approx(1)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_as_many_failures_of_as_many_requests_are_no_difference(ok: int, failed: int, refused: int, times: int) -> None:
    old = Figures(answers={"2xx": ok * times, "5xx": failed * times, "4xx": refused * times})
    assert compare(figures(ok, failed, refused), old).verdict is not Verdict.WORSE


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_one_of_the_two_at_most_is_worse(ok: int, failed: int, other_ok: int, other_failed: int) -> None:
    one, other = figures(ok, failed), figures(other_ok, other_failed)
    assert [compare(one, other).verdict, compare(other, one).verdict].count(Verdict.WORSE) <= 1


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_one_more_failure_never_makes_it_better(ok: int, failed: int, other_ok: int, other_failed: int) -> None:
    before = compare(figures(ok, failed), figures(other_ok, other_failed)).verdict
    after = compare(figures(ok, failed + 1), figures(other_ok, other_failed)).verdict
    assert before is not Verdict.WORSE or after is Verdict.WORSE


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_healthy_takes_requests_enough(ok: int, failed: int, other_ok: int, other_failed: int) -> None:
    verdict = compare(figures(ok, failed), figures(other_ok, other_failed)).verdict
    if min(ok + failed, other_ok + other_failed) < LEAST_REQUESTS:
        assert verdict is not Verdict.HEALTHY
    else:
        assert verdict is not Verdict.TOO_FEW


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_chance_makes_it_worse_as_seldom_as_it_says(new_all: int, old_all: int, bad: int) -> None:
    """Of all ways in which chance deals the bad requests out, as few as CHANCE come out as worse."""
    bad = min(bad, new_all + old_all)
    ways = {
        new_bad: math.comb(new_all, new_bad) * math.comb(old_all, bad - new_bad)
        for new_bad in range(max(0, bad - old_all), min(bad, new_all) + 1)
    }
    false_alarms = sum(
        count
        for new_bad, count in ways.items()
        if probability_by_chance(new_bad, new_all, bad - new_bad, old_all) < CHANCE
    )
    assert false_alarms <= CHANCE * math.comb(new_all + old_all, bad)
