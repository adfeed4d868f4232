"""The model of a run: it agrees with what can be worked out by hand, and it loses no report."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.queues.retry_policy import RetryPolicy
from functions.shared.times.schedule import Cadence
from proof.benchmarks.simulation import check, report_reads, scale
from proof.benchmarks.simulation.cost import cost
from proof.benchmarks.simulation.limits import MAILS_A_SECOND, QUEUE_CONCURRENT_DISPATCHES, QUEUE_DISPATCHES_A_SECOND
from proof.benchmarks.simulation.model import simulate
from proof.benchmarks.simulation.plan import DUE_INDEX, SHIPPED_RETRIES, Pace, Plan, RisingIndex, recommended

NO_RETRIES = RetryPolicy(
    max_attempts=1,
    max_retry_duration=timedelta(0),
    min_backoff=timedelta(seconds=10),
    max_backoff=timedelta(seconds=10),
    max_doublings=0,
)
PACE = Pace(cpu_seconds=0.02, wait_seconds=0.24)
ROOMY = Plan(reports=2_000, rate=100, concurrent=1_000, instances=100, failure_rate=0.0, burst=1, pace=PACE)


def test_the_queues_rate_is_kept() -> None:
    outcome = simulate(ROOMY)
    assert outcome.last_sent == pytest.approx(2_000 / 100 + 3, abs=4)
    assert outcome.bottleneck == "the queues' rate"
    assert simulate(replace(ROOMY, queues=4, instances=1_000)).last_sent == pytest.approx(2_000 / 400, abs=4)


def test_the_dispatchers_pace_is_kept() -> None:
    slow = Pace(tasks_a_second=20)
    outcome = simulate(replace(ROOMY, pace=slow))
    assert outcome.enqueued == pytest.approx(100)
    assert outcome.last_sent == pytest.approx(100, abs=4)
    assert outcome.bottleneck == "the dispatcher"


def test_a_rising_index_is_kept() -> None:
    index = RisingIndex("the test", shards=2, writes=20)
    outcome = simulate(replace(ROOMY, rising=(DUE_INDEX, index)))
    assert outcome.last_sent == pytest.approx(2_000 / (2 * 500 / 20), abs=4)
    assert outcome.bottleneck == "Firestore's index of the test"


def test_the_due_index_without_shards_ends_at_1_8_million_an_hour() -> None:
    """The model would have found it: a field of due times alone, as it was at first."""
    unsharded = replace(DUE_INDEX, shards=1)
    assert unsharded.reports_a_second * 3600 == 1_800_000
    plan = recommended(1_000_000, within=timedelta(minutes=2))
    outcome = simulate(replace(plan, rising=(unsharded,)))
    assert outcome.last_sent == pytest.approx(1_000_000 / 500, rel=0.05)
    assert outcome.bottleneck == "Firestore's index of what is due"
    assert simulate(plan).last_sent < outcome.last_sent / 10


def test_the_workers_cpu_is_kept() -> None:
    busy = replace(ROOMY, rate=500, concurrent=10, instances=1, pace=Pace(cpu_seconds=0.1, wait_seconds=0.1))
    outcome = simulate(busy)
    assert outcome.last_sent == pytest.approx(2_000 * 0.1, rel=0.05)
    assert outcome.instances == 1
    assert outcome.bottleneck == "the worker"


def test_what_sendgrid_takes_is_kept() -> None:
    outcome = simulate(replace(ROOMY, mails_a_second=20))
    assert outcome.last_sent >= 2_000 / 20 - 1
    assert outcome.bottleneck == "SendGrid"


def test_an_attempt_that_fails_is_repeated_by_the_schedule() -> None:
    outcomes = (simulate(replace(ROOMY, reports=1, failure_rate=0.6), seed=seed) for seed in range(100))
    outcome = next(outcome for outcome in outcomes if outcome.sent and outcome.attempts == 4)
    waits = [SHIPPED_RETRIES.wait_before_retry(retry).total_seconds() for retry in range(1, outcome.attempts)]
    assert outcome.last_sent == pytest.approx(sum(waits) + outcome.attempts * 0.26 + 3, abs=0.5)


def test_who_fails_at_the_last_attempt_is_given_up() -> None:
    outcome = simulate(replace(ROOMY, failure_rate=0.25, retries=NO_RETRIES))
    assert outcome.attempts == 2_000
    assert outcome.dead == pytest.approx(500, rel=0.2)


@given(
    reports=st.integers(1, 3_000),
    queues=st.integers(1, 4),
    rate=st.sampled_from([5, 50, 500]),
    concurrent=st.integers(1, 200),
    instances=st.integers(1, 20),
    shards=st.integers(1, 30),
    failure_rate=st.sampled_from([0.0, 0.1, 0.8]),
    mails=st.sampled_from([5, 10_000]),
)
def test_everybody_is_sent_to_or_given_up(
    reports: int,
    queues: int,
    rate: int,
    concurrent: int,
    instances: int,
    shards: int,
    failure_rate: float,
    mails: float,
) -> None:
    plan = Plan(
        reports=reports,
        queues=queues,
        rate=rate,
        concurrent=concurrent,
        instances=instances,
        rising=(replace(DUE_INDEX, shards=shards),),
        failure_rate=failure_rate,
        mails_a_second=mails,
    )
    outcome = simulate(plan)
    assert outcome.sent + outcome.dead == reports
    assert reports <= outcome.attempts <= reports * plan.retries.max_attempts
    assert outcome.instances <= instances
    assert cost(plan, outcome).total > 0


def test_groups_come_to_the_same_as_single_reports() -> None:
    reports = 70_000
    single = replace(recommended(reports, within=timedelta(minutes=5)), failure_rate=0.02)
    grouped = replace(single, reports=10 * reports, queues=10 * single.queues, instances=10 * single.instances)
    one, ten = simulate(single), simulate(grouped)
    assert ten.half_sent == pytest.approx(one.half_sent, rel=0.05)
    assert ten.attempts == pytest.approx(10 * one.attempts, rel=0.01)


@pytest.mark.parametrize("reports", [1, 1_000, 1_000_000, 100_000_000])
def test_what_is_recommended_is_possible(reports: int) -> None:
    plan = recommended(reports, within=timedelta(minutes=30))
    assert plan.rate <= QUEUE_DISPATCHES_A_SECOND
    assert plan.concurrent <= QUEUE_CONCURRENT_DISPATCHES
    assert plan.dispatches_a_second <= MAILS_A_SECOND + plan.queues
    assert all(plan.dispatches_a_second <= index.reports_a_second + plan.queues for index in plan.rising)


def test_tables_and_picture(tmp_path: Path) -> None:
    cases = scale.recommended_cases([1_000, 2_000])
    changed = scale.what_if_cases(1_000)
    tables = (
        scale.settings_table(cases),
        scale.outcome_table(cases),
        scale.index_table(),
        scale.what_if_table(changed),
    )
    for table in tables:
        assert table.title in table.to_markdown()
    # Imported here: it takes half a second, and all processes of the tests collect this file.
    from proof.benchmarks.simulation import plots

    plots.time_by_reports({"as recommended": cases}, tmp_path / "time.png")
    assert (tmp_path / "time.png").read_bytes().startswith(b"\x89PNG")


def test_figures_are_read_at_less_than_anything_else() -> None:
    activity, usage = (report_reads.reads_of(kind, Cadence.DAILY, 40) for kind in ("activity", "usage"))
    assert activity.figures <= 5 < activity.rolled_up < activity.one_by_one
    assert usage.figures < usage.added_up < usage.rolled_up < usage.one_by_one
    assert "figures alone" in report_reads.cost_table(1_000).to_markdown()


def test_the_model_is_held_against_the_pipeline() -> None:
    (table,) = check.measure(cases=[("retries", 20, 50, 20, 0.2)], real_seeds=1, calibration=3)
    assert len(table.rows) == 1
