"""The stand-in refuses what Cloud Monitoring and Cloud Logging refuse, so that the tests see a mistake in a file."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from deployment.engine.declared import Kind
from deployment.engine.discovery import InvalidRequest, check_body
from deployment.resources.monitoring import DASHBOARD, METRIC, POLICY, SERVICE, monitoring
from deployment.resources.monitoring import OBJECTIVE as OBJECTIVE_KIND
from tests.deployment import declared_settings
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.logging_filter import check_extractor, check_logging_filter
from tests.deployment.stand_in.monitoring import Monitored
from tests.deployment.stand_in.monitoring_filter import select

OBJECTIVE = "projects/my-project/services/report-reports/serviceLevelObjectives/on-time"
SETTINGS = declared_settings.SETTINGS.model_copy(update={"alert_email": ""})
DECLARED = {each.what: each for each in monitoring(SETTINGS)}


def document(what: str, before: str = "", after: str = "") -> dict[str, Any]:
    """The fields of a declared resource, with a text in them replaced by another."""
    text = json.dumps(DECLARED[what].fields)
    assert before in text
    changed: dict[str, Any] = json.loads(text.replace(before, after, 1) if before else text)
    return changed


METRICS = {each.id: dict(each.fields) for each in DECLARED.values() if each.kind == METRIC}
MONITORED = Monitored(log_metrics=METRICS, objectives=[OBJECTIVE])
CHECKS: dict[Kind, Callable[[dict[str, Any]], None]] = {
    POLICY: MONITORED.check_policy,
    METRIC: MONITORED.check_log_metric,
    DASHBOARD: MONITORED.check_dashboard,
    SERVICE: MONITORED.check_service,
    OBJECTIVE_KIND: MONITORED.check_objective,
}


def check(what: str, changed: dict[str, Any]) -> None:
    """Refuse what the discovery document does not have, and what the service itself refuses."""
    kind = DECLARED[what].kind
    check_body(kind.method("create"), changed)
    CHECKS[kind](changed)


BOARD = 'dashboard "Report pipeline (report)"'
ON_TIME = "objective on-time of report-reports"
MISTAKES = [
    # The metric, its resource and their labels.
    ("alert policy queue-depth", "queue/depth", "queue/deph", "Cannot find metric"),
    ("alert policy no-run", "run.googleapis.com/request_count", "run.googleapis.com/requests", "Cannot find metric"),
    (BOARD, "user/report-attempts", "user/report-attempt", "Cannot find metric"),
    (ON_TIME, "user/report-lateness", "user/report-latenes", "Cannot find metric"),
    ("alert policy queue-depth", '\\"cloud_tasks_queue\\"', '\\"cloud_task_queue\\"', "not written by resources"),
    ("alert policy no-run", "resource.labels.service_name", "resource.labels.service", "valid field"),
    ("alert policy no-run", "metric.labels.response_code_class", "metric.labels.code_class", "valid field"),
    ("alert policy queue-depth", "resource.label.queue_id", "resource.label.queue", "valid field"),
    # The filter's language.
    ("alert policy queue-depth", " AND metric.type", " ADN metric.type", "Could not parse filter"),
    ("alert policy queue-depth", "monitoring.regex.full_match(", "monitoring.regex.match(", "unknown function"),
    ("alert policy queue-depth", "(-[0-9]+)?", "(-[0-9]+?", "the pattern"),
    ("alert policy error-budget-fast", "select_slo_burn_rate", "select_slo_burnrate", "no selector"),
    ("alert policy error-budget-fast", ', \\"3600s\\"', "", "the arguments"),
    ("alert policy error-budget-fast", "/on-time", "/in-time", "was not found"),
    # Aggregation.
    ("alert policy queue-depth", "ALIGN_MAX", "ALIGN_MAXIMUM", "is not one of"),
    ("alert policy queue-depth", "ALIGN_MAX", "ALIGN_DELTA", "not valid for metric kind GAUGE"),
    ("alert policy task-age", "ALIGN_PERCENTILE_95", "ALIGN_MAX", "value type DISTRIBUTION"),
    ("alert policy task-age", "ALIGN_PERCENTILE_95", "ALIGN_DELTA", "not valid for value type DISTRIBUTION"),
    ("alert policy queue-depth", '"60s"', '"60"', "alignmentPeriod"),
    (BOARD, "REDUCE_PERCENTILE_50", "REDUCE_SUM", "shows no distribution"),
    # Fields, enums and what belongs together.
    ("alert policy no-run", "evaluationMissingData", "evaluateMissingData", "was unexpected"),
    ("alert policy no-run", '"duration": "3600s"', '"duration": "0s"', "evaluation_missing_data"),
    ("alert policy no-run", "COMPARISON_LT", "COMPARISON_NE", "comparison"),
    ("alert policy no-run", '"severity": "CRITICAL"', '"severity": "PAGE"', "is not one of"),
    ("alert policy no-run", '"autoClose": "86400s"', '"autoClose": "60s"', "auto_close"),
    ("alert policy needs-a-person", "notificationRateLimit", "notificationLimit", "was unexpected"),
    (BOARD, '"title"', '"titel"', "was unexpected"),
    (BOARD, "STACKED_BAR", "STACKED_BARS", "is not one of"),
    (BOARD, '"yPos": 16', '"yPos": 8', "overlap"),
    (ON_TIME, '"goal": 0.99', '"goal": 99', "goal"),
    (ON_TIME, "2592000s", "2592001s", "rolling_period"),
    (ON_TIME, "report-lateness", "report-attempts", "DELTA or CUMULATIVE"),
    # Filters of logs, and what metrics make of entries.
    ("alert policy needs-a-person", "severity >= CRITICAL", "severity >= CRITCAL", "unknown severity"),
    ("alert policy needs-a-person", "OR severity", "OR severty", "Field not found"),
    ("metric report-runs", "jsonPayload.message", "jsonPayloads.message", "Field not found"),
    ("metric report-runs", "resource.labels.service_name", "resource.labels.service", "Field not found"),
    ("metric report-runs", "cloud_run_revision", "cloud_run_revisions", "no type of resource"),
    ("metric report-lateness", "jsonPayload.message", "(jsonPayload.message", "Could not parse filter"),
    ("metric report-runs", '"INT64"', '"INT"', "is not one of"),
    ("metric report-runs", "EXTRACT(", "EXTRAKT(", "extractor"),
    ("metric report-runs", '"key": "continued"', '"key": "goes_on"', "label extractors differ"),
    ("metric report-lateness", '"DISTRIBUTION"', '"INT64"', "value extractor"),
    ("metric report-lateness", "[30, 60,", "[60, 60,", "Bounds must increase"),
]


@pytest.mark.parametrize(("what", "before", "after", "refusal"), MISTAKES)
def test_a_mistake_is_refused(what: str, before: str, after: str, refusal: str) -> None:
    with pytest.raises((Invalid, InvalidRequest), match=refusal):
        check(what, document(what, before, after))


@pytest.mark.parametrize("what", DECLARED)
def test_what_the_deployment_declares_is_taken(what: str) -> None:
    check(what, document(what))


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
