"""`reports size`: what it says follows from the limits and from what the benchmarks have measured."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.commands.app import app
from operations.sizing import limits
from operations.sizing.limits import QUEUE_CONCURRENT_DISPATCHES, QUEUE_DISPATCHES_A_SECOND, REGIONAL_CPUS, all_limits
from operations.sizing.plan import DATA_READS, OWN_READS, WITHIN, WRITES, recommended

MEASURED = (Path(__file__).parents[3] / "docs/explanation/performance.md").read_text(encoding="utf-8")


def test_it_computes_with_what_the_benchmarks_have_measured() -> None:
    rows = {row[0]: row[1:] for row in (re.split(r" *\| *", line.strip("| ")) for line in MEASURED.splitlines())}
    assert float(rows["the worker"][0]) == limits.REPORT_CPU_SECONDS * 1000
    assert int(rows["reports a second, ours"][-1].replace(",", "")) > 2 * limits.TASKS_A_SECOND
    assert f"{OWN_READS} reads and {WRITES} writes for a report" in MEASURED
    assert f"{DATA_READS} with the sample users' figures" in MEASURED


@pytest.mark.parametrize("reports", [1, 1_000, 250_000, 1_000_000, 10_000_000])
def test_they_are_sent_in_half_an_hour(reports: int) -> None:
    plan = recommended(reports)
    assert plan.seconds < 1.03 * WITHIN.total_seconds()
    assert plan.rate * plan.queues >= reports / WITHIN.total_seconds()


@pytest.mark.parametrize("reports", [1, 1_000, 1_000_000, 43_000_000, 1_000_000_000])
@pytest.mark.parametrize("emails", [1, 75, 10_000, 1_000_000])
def test_what_is_recommended_is_possible(reports: int, emails: int) -> None:
    plan = recommended(reports, emails_a_second=emails)
    assert plan.rate <= QUEUE_DISPATCHES_A_SECOND
    assert plan.concurrent <= QUEUE_CONCURRENT_DISPATCHES
    assert plan.instances <= REGIONAL_CPUS
    assert plan.rate * plan.queues < min(emails, plan.limit.a_second) + plan.queues
    assert plan.limit in all_limits(emails)
    assert plan.seconds >= reports / plan.limit.a_second


def test_a_slower_email_provider_makes_it_longer_and_more_reads_make_it_dearer() -> None:
    plan = recommended(250_000)
    slower, dearer = recommended(250_000, emails_a_second=20), recommended(250_000, data_reads=80)
    assert (slower.rate, slower.limit.part) == (20, "email provider")
    assert slower.seconds > 250_000 / 20
    assert dearer.firestore - plan.firestore == pytest.approx(250_000 * 1.01 * (80 - DATA_READS) * 0.03 / 100_000)
    assert recommended(250_000, within=timedelta(minutes=10)).seconds < plan.seconds / 2


def _said(*arguments: str, status: int = 0) -> str:
    ended = CliRunner().invoke(app, ["size", *arguments])
    assert ended.exit_code == status, ended.output
    return " ".join(ended.output.split())


@pytest.mark.parametrize("reports", ["0", "-1", "abc", "1e5", "1000000001"])
def test_a_number_that_cannot_be_is_refused_in_one_line(reports: str) -> None:
    assert _said(reports, status=2).startswith("reports size: Invalid value for 'REPORTS': Input should be ")


def test_one_report_has_an_answer() -> None:
    said = _said("1")
    assert "The last report is sent after 3 s, and a run costs $0.00." in said
    assert "As shipped" not in said


def test_the_first_limit_is_named_and_what_to_do_beyond() -> None:
    said = _said("250000")
    assert "after 30 min, and a run costs $1.80." in said
    assert "As shipped, it is sent after 6.9 h: 10 dispatches a second (queue)." in said
    assert "Beyond 27,000,000 reports an hour: remove it (docs/guides/size.md#indexes-that-rise-with-time)" in said
    assert said.endswith("or a second project for some of your users.")


def test_a_run_that_takes_longer_says_so() -> None:
    said = _said("43000000")
    assert "No setting brings that to 30 min: the index of a run's deliveries (Firestore)." in said
    assert "An hourly run begins before that." in said


def test_a_program_gets_one_json_value() -> None:
    found = json.loads(CliRunner().invoke(app, ["size", "250000", "--json"]).stdout)
    assert (found["queues"], found["max_dispatches_per_second"], found["worker_max_instances"]) == (1, 139, 8)
    assert found["dollars"]["a_run"] == pytest.approx(sum(found["dollars"].values()) / 2, abs=0.001)
    assert found["first_limit"]["reports_an_hour"] == 27_000_000
