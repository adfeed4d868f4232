"""The model of what follows a run: it agrees with what can be worked out by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.benchmarks.simulation import breaking, following, scale
from proof.benchmarks.simulation.following import MAIL_EVENTS, Habits, Service, follow
from proof.benchmarks.simulation.measure import measure
from proof.benchmarks.simulation.model import simulate
from proof.benchmarks.simulation.plan import NEW_DELIVERIES, NewCollection, Plan
from proof.benchmarks.simulation.request_cost import RequestCost, RequestCosts, RequestKind, measured

COST = RequestCost(cpu_seconds=0.01, wait_seconds=0.09, reads=2, writes=1)
COSTS = RequestCosts(measured_on="2026-11-26", event_bytes=400, costs=dict.fromkeys(RequestKind, COST))
SERVICE = Service(setting="THE_MAX_INSTANCES", instances=2, concurrency=5)


def test_what_instances_take_is_limited_by_requests_at_once_and_by_cpu() -> None:
    assert SERVICE.most_a_second(COST) == pytest.approx(2 * 5 / 0.1)
    assert replace(SERVICE, concurrency=80).most_a_second(COST) == pytest.approx(2 / 0.01)


@given(rate=st.floats(0.1, 10_000), cpu=st.floats(0.0001, 1), wait=st.floats(0, 1), concurrency=st.integers(1, 80))
def test_the_instances_that_are_named_are_enough(rate: float, cpu: float, wait: float, concurrency: int) -> None:
    cost = replace(COST, cpu_seconds=cpu, wait_seconds=wait)
    service = replace(SERVICE, concurrency=concurrency)
    enough = replace(service, instances=service.instances_for(rate, cost))
    assert enough.most_a_second(cost) >= rate * 0.999


def test_mails_come_in_the_seconds_in_which_they_were_sent() -> None:
    assert following.mails_a_second([(0.5, 10), (0.9, 15), (2.1, 40)]) == [15, 0, 25]
    assert following.mails_a_second([]) == []
    assert following.peak_of([10] * 30 + [20] * 60 + [0] * 30) == pytest.approx(20)


def test_what_is_repeated_waits_and_what_is_not_is_lost() -> None:
    a_minute_too_fast = [100.0] * 60
    assert following.longest_wait(a_minute_too_fast, 50) == pytest.approx(60 * 50 / 50)
    assert following.refused(a_minute_too_fast, 50) == pytest.approx(60 * 50)
    assert following.longest_wait(a_minute_too_fast, 100) == following.refused(a_minute_too_fast, 100) == 0


def test_people_come_later() -> None:
    rates = following.later([1_000.0], 900)
    assert sum(rates) == pytest.approx(1_000, rel=0.03)
    assert sum(second * rate for second, rate in enumerate(rates)) / sum(rates) == pytest.approx(900, rel=0.1)


def test_a_call_of_the_webhook_has_what_comes_in_half_a_minute_up_to_its_size() -> None:
    habits = Habits(bounced=0, deferred=0)
    assert following.call_of_events(0.001, COSTS, habits)[0] == 1
    events, cost = following.call_of_events(10, COSTS, habits)
    assert events == pytest.approx(300)
    assert cost.reads == pytest.approx(2 + 300 * 2)
    assert following.call_of_events(10_000, COSTS, habits)[0] == pytest.approx(768_000 / 400)


def test_an_hour_with_the_overview_open() -> None:
    # 24 hours each minute and 7 days each five minutes, of deliveries and mails: a read for a thousand of them.
    assert following.counts_an_hour(1_000_000, 0) == pytest.approx(60 * 2_000 + 12 * 14_000)
    assert following.counts_an_hour(0, 31) == pytest.approx(60 * 24 + 12 * 7)


def test_what_follows_a_run() -> None:
    outcome = simulate(Plan(reports=20_000, rate=100, concurrent=1_000, instances=100))
    found = follow(outcome, COSTS, Habits(bounced=0, deferred=0, scanned=0.5, opened=0, unsubscribed=0))
    assert found.calls.requests * found.events_a_call == pytest.approx(20_000)
    assert found.pages.requests == pytest.approx(10_000)
    assert found.pages.peak == pytest.approx(found.calls.peak * found.events_a_call / 2)


def test_the_webhooks_limit_is_where_events_begin_to_be_late() -> None:
    costs, habits = measured(), Habits()
    [limit] = [each for each in breaking.shipped_limits(costs, habits) if each.part == "mail events"]

    def late(mails_a_second: float) -> float:
        events, cost = following.call_of_events(mails_a_second * habits.events, costs, habits)
        rate = mails_a_second * habits.events / events
        return following.longest_wait([rate] * 600, MAIL_EVENTS.most_a_second(cost))

    assert late(limit.mails_a_second * 0.99) == 0
    assert late(limit.mails_a_second * 1.05) > 1


def test_the_first_limit_comes_first() -> None:
    found = breaking.shipped_limits(measured())
    assert [limit.mails_a_second for limit in found] == sorted(limit.mails_a_second for limit in found)
    assert {"dispatcher", "queue", "worker", "mail events", "preferences", "Firestore"} <= {each.part for each in found}
    assert len(breaking.limits_table(found).rows) == len(found)


def test_a_limit_is_met_by_the_size_that_needs_more() -> None:
    found = breaking.shipped_limits(measured())
    table = breaking.met_table([1_000, 100_000, 100_000_000], found)
    queue = [row[list(table.columns).index("queue")] for row in table.rows]
    assert queue == ["–", "10 dispatches a second", "10 dispatches a second"]
    assert table.rows[0][1:] == ["–"] * (len(table.columns) - 1)
    assert "–" not in table.rows[2]


def test_a_new_collection_grows_by_half_every_five_minutes() -> None:
    """As Firestore's documentation reckons: 740,000 operations a second after 90 minutes."""
    rates = [NewCollection.advised_by(at + 1) - NewCollection.advised_by(at) for at in (0, 299, 300, 90 * 60)]
    assert rates == pytest.approx([500, 500, 750, 740_000], rel=0.002)


@given(operations=st.floats(1, 1e10))
def test_the_rule_is_read_both_ways(operations: float) -> None:
    assert NewCollection.advised_by(NewCollection.seconds_for(operations)) == pytest.approx(operations, rel=1e-6)


def test_a_first_run_keeps_to_the_rule() -> None:
    fast = Plan(reports=200_000, queues=4, rate=500, concurrent=2_000, instances=1_000, failure_rate=0.0)
    ordinary, first = simulate(fast), simulate(replace(fast, new=NEW_DELIVERIES))
    assert ordinary.last_sent < 120
    assert first.last_sent == pytest.approx(NewCollection.seconds_for(200_000 * NEW_DELIVERIES.operations), rel=0.02)
    assert first.bottleneck == "Firestore's 500/50/5 rule"
    assert first.sent == 200_000


def test_tables() -> None:
    cases, costs = scale.recommended_cases([1_000, 2_000]), measured()
    follows = [follow(case.outcome, costs) for case in cases]
    for table in (
        scale.first_run_table(cases, scale.first_run_cases(cases)),
        breaking.following_table(cases, follows, costs),
        breaking.costs_table(costs),
    ):
        assert table.title in table.to_markdown()


def test_the_model_has_the_cost_of_each_request() -> None:
    costs = measured()
    assert set(costs.costs) == set(RequestKind)
    assert RequestCosts.from_json(costs.to_json()) == costs


def test_requests_are_measured() -> None:
    costs = measure(tries=1, requests_each=2, batch=3, deliveries=300)
    assert costs[RequestKind.REPORT].writes == 3
    assert (costs[RequestKind.DELIVERED].reads, costs[RequestKind.DELIVERED].writes) == pytest.approx((2, 1))
    assert (costs[RequestKind.PAGE].reads, costs[RequestKind.PAGE].writes) == (2, 0)
    assert costs[RequestKind.ONE_CLICK].writes == 1
    assert costs[RequestKind.CONSOLE_COUNTS].reads > 0
