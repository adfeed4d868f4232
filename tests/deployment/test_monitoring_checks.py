"""The stand-in refuses what Cloud Monitoring and Cloud Logging refuse, so that the tests see a mistake in a file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployment.render import fill
from tests.deployment.conftest import REPOSITORY
from tests.deployment.stand_in.logging_filter import check_extractor, check_logging_filter
from tests.deployment.stand_in.messages import Invalid
from tests.deployment.stand_in.monitoring import Monitored
from tests.deployment.stand_in.monitoring_filter import select

DEPLOYMENT = REPOSITORY / "deployment"
OBJECTIVE = "projects/my-project/services/report-reports/serviceLevelObjectives/on-time"
VALUES = {
    "PREFIX": "report",
    "REGION": "us-central1",
    "PROJECT_ID": "my-project",
    "QUEUE_NAME": "reports",
    "TOPIC": "report-dead-letters",
    "DASHBOARD": "Report pipeline (report)",
    "QUEUE_DEPTH": "18000",
    "SLO_PERCENT": "99",
    "ALERT": "no-run",
    "CHANNELS": "projects/my-project/notificationChannels/1",
    "RUNBOOK_URL": "https://wiki.example/runbooks",
}


def document(path: Path, before: str = "", after: str = "") -> dict[str, Any]:
    """A file of the deployment, filled in, with a text of it replaced by another."""
    text = json.dumps(fill(json.loads(path.read_text(encoding="utf-8")), VALUES))
    assert before in text
    changed: dict[str, Any] = json.loads(text.replace(before, after, 1) if before else text)
    return changed


METRICS = {f"report-{path.stem}": document(path) for path in (DEPLOYMENT / "metrics").glob("*.json")}
MONITORED = Monitored(log_metrics=METRICS, objectives=[OBJECTIVE])


def check_objective(both: dict[str, Any]) -> None:
    MONITORED.check_service(both["service"])
    MONITORED.check_objective({key: value for key, value in both.items() if key != "service"})


CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "alert_policies": MONITORED.check_policy,
    "metrics": MONITORED.check_log_metric,
    "dashboard.json": MONITORED.check_dashboard,
    "objective.json": check_objective,
}
MISTAKES = [
    # The metric, its resource and their labels.
    ("alert_policies/queue-depth.json", "queue/depth", "queue/deph", "Cannot find metric"),
    (
        "alert_policies/no-run.json",
        "run.googleapis.com/request_count",
        "run.googleapis.com/requests",
        "Cannot find metric",
    ),
    ("dashboard.json", "user/report-attempts", "user/report-attempt", "Cannot find metric"),
    ("objective.json", "user/report-lateness", "user/report-latenes", "Cannot find metric"),
    (
        "alert_policies/queue-depth.json",
        '\\"cloud_tasks_queue\\"',
        '\\"cloud_task_queue\\"',
        "not written by resources",
    ),
    ("alert_policies/no-run.json", "resource.labels.service_name", "resource.labels.service", "valid field"),
    ("alert_policies/no-run.json", "metric.labels.response_code_class", "metric.labels.code_class", "valid field"),
    ("alert_policies/queue-depth.json", "resource.label.queue_id", "resource.label.queue", "valid field"),
    # The filter's language.
    ("alert_policies/queue-depth.json", " AND metric.type", " ADN metric.type", "Could not parse filter"),
    ("alert_policies/queue-depth.json", "monitoring.regex.full_match(", "monitoring.regex.match(", "unknown function"),
    ("alert_policies/queue-depth.json", "(-[0-9]+)?", "(-[0-9]+?", "the pattern"),
    ("alert_policies/error-budget-fast.json", "select_slo_burn_rate", "select_slo_burnrate", "no selector"),
    ("alert_policies/error-budget-fast.json", ', \\"3600s\\"', "", "the arguments"),
    ("alert_policies/error-budget-fast.json", "/on-time", "/in-time", "was not found"),
    # Aggregation.
    ("alert_policies/queue-depth.json", "ALIGN_MAX", "ALIGN_MAXIMUM", "TYPE_ENUM"),
    ("alert_policies/queue-depth.json", "ALIGN_MAX", "ALIGN_DELTA", "not valid for metric kind GAUGE"),
    ("alert_policies/task-age.json", "ALIGN_PERCENTILE_95", "ALIGN_MAX", "value type DISTRIBUTION"),
    ("alert_policies/task-age.json", "ALIGN_PERCENTILE_95", "ALIGN_DELTA", "not valid for value type DISTRIBUTION"),
    ("alert_policies/queue-depth.json", '"60s"', '"60"', "alignmentPeriod"),
    ("dashboard.json", "REDUCE_PERCENTILE_50", "REDUCE_SUM", "shows no distribution"),
    # Fields, enums and what belongs together.
    ("alert_policies/no-run.json", "evaluationMissingData", "evaluateMissingData", "Cannot find field"),
    ("alert_policies/no-run.json", '"duration": "3600s"', '"duration": "0s"', "evaluation_missing_data"),
    ("alert_policies/no-run.json", "COMPARISON_LT", "COMPARISON_NE", "comparison"),
    ("alert_policies/no-run.json", '"severity": "CRITICAL"', '"severity": "PAGE"', "TYPE_ENUM"),
    ("alert_policies/no-run.json", '"autoClose": "86400s"', '"autoClose": "60s"', "auto_close"),
    ("alert_policies/needs-a-person.json", "notificationRateLimit", "notificationLimit", "Cannot find field"),
    ("dashboard.json", '"title"', '"titel"', "Cannot find field"),
    ("dashboard.json", "STACKED_BAR", "STACKED_BARS", "TYPE_ENUM"),
    ("dashboard.json", '"yPos": 16', '"yPos": 8', "overlap"),
    ("objective.json", '"goal": 0.99', '"goal": 99', "goal"),
    ("objective.json", "2592000s", "2592001s", "rolling_period"),
    ("objective.json", "report-lateness", "report-attempts", "DELTA or CUMULATIVE"),
    # Filters of logs, and what metrics make of entries.
    ("alert_policies/needs-a-person.json", "severity >= CRITICAL", "severity >= CRITCAL", "unknown severity"),
    ("alert_policies/needs-a-person.json", "OR severity", "OR severty", "Field not found"),
    ("metrics/runs.json", "jsonPayload.message", "jsonPayloads.message", "Field not found"),
    ("metrics/runs.json", "resource.labels.service_name", "resource.labels.service", "Field not found"),
    ("metrics/runs.json", "cloud_run_revision", "cloud_run_revisions", "no type of resource"),
    ("metrics/lateness.json", "jsonPayload.message", "(jsonPayload.message", "Could not parse filter"),
    ("metrics/runs.json", '"INT64"', '"INT"', "TYPE_ENUM"),
    ("metrics/runs.json", "EXTRACT(", "EXTRAKT(", "extractor"),
    ("metrics/runs.json", '"key": "continued"', '"key": "goes_on"', "label extractors differ"),
    ("metrics/lateness.json", '"DISTRIBUTION"', '"INT64"', "value extractor"),
    ("metrics/lateness.json", "[30, 60,", "[60, 60,", "Bounds must increase"),
]


@pytest.mark.parametrize(("file", "before", "after", "refusal"), MISTAKES)
def test_a_mistake_is_refused(file: str, before: str, after: str, refusal: str) -> None:
    check = CHECKS[file.partition("/")[0]]
    check(document(DEPLOYMENT / file))
    with pytest.raises(Invalid, match=refusal):
        check(document(DEPLOYMENT / file, before, after))


@pytest.mark.parametrize("file", sorted(path.name for path in (DEPLOYMENT / "alert_policies").glob("*.json")))
def test_the_deployments_policies_are_taken(file: str) -> None:
    MONITORED.check_policy(document(DEPLOYMENT / "alert_policies" / file))


@pytest.mark.parametrize(
    "text",
    [
        'severity>=ERROR AND NOT (jsonPayload.result="sent" OR labels.a=~"^x$")',
        'resource.type="cloud_tasks_queue" resource.labels.queue_id="reports"',
        'jsonPayload.lateness_seconds<3600 AND jsonPayload.continued=false AND timestamp>="2026-11-24T13:00:00Z"',
    ],
)
def test_takes_filters_of_logs(text: str) -> None:
    check_logging_filter(text)


def test_takes_an_extractor_by_pattern() -> None:
    check_extractor('REGEXP_EXTRACT(jsonPayload.error, "([a-z]+)")')
    with pytest.raises(Invalid, match="one capture group"):
        check_extractor('REGEXP_EXTRACT(jsonPayload.error, "[a-z]+")')


@pytest.mark.parametrize(
    "text", ["", 'metric.type="run.googleapis.com/request_count"', 'resource.type="cloud_run_revision"']
)
def test_a_filter_names_a_metric_and_a_resource(text: str) -> None:
    with pytest.raises(Invalid):
        select(text, log_metrics={}, objectives=())
