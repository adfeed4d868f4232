"""What Cloud Monitoring is asked about revisions, and how its answers are read."""

from datetime import UTC, datetime
from typing import Any

import pytest

from deployment.canary_comparison import Figures, Latencies
from deployment.canary_figures import figures_of, histogram_of, query

NEW, OLD = "report-worker-00002-abc", "report-worker-00001-xyz"


def series(revision: str, value: dict[str, Any], **labels: str) -> dict[str, Any]:
    return {
        "metric": {"labels": labels, "type": "run.googleapis.com/request_count"},
        "resource": {"type": "cloud_run_revision", "labels": {"revision_name": revision, "project_id": "p"}},
        "metricKind": "DELTA",
        "points": [
            {"interval": {"startTime": "2026-11-24T13:00:00Z", "endTime": "2026-11-24T14:00:00Z"}, "value": value}
        ],
    }


def count(number: int) -> dict[str, Any]:
    return {"int64Value": str(number)}


def test_asks_for_the_sums_of_both_revisions() -> None:
    since = datetime(2026, 11, 24, 13, 0, 20, tzinfo=UTC)
    until = datetime(2026, 11, 24, 14, 1, 0, tzinfo=UTC)
    request = query(
        "p", "run.googleapis.com/request_count", label="result", revisions=[NEW, OLD], since=since, until=until
    )
    assert request.path == "v3/projects/p/timeSeries"
    assert request.query == {
        "filter": 'metric.type = "run.googleapis.com/request_count" AND resource.type = "cloud_run_revision"'
        f' AND resource.labels.revision_name = one_of("{NEW}", "{OLD}")',
        # Whole periods, back from the end: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/Aggregation
        "interval.startTime": "2026-11-24T13:00:00Z",
        "interval.endTime": "2026-11-24T14:01:00Z",
        "aggregation.alignmentPeriod": "3660s",
        "aggregation.perSeriesAligner": "ALIGN_DELTA",
        "aggregation.crossSeriesReducer": "REDUCE_SUM",
        "aggregation.groupByFields": ["resource.labels.revision_name", "metric.labels.result"],
    }
    # Cloud Monitoring aligns to a minute at least.
    request = query("p", "m", label="", revisions=[NEW], since=until, until=until)
    assert request.query["aggregation.alignmentPeriod"] == "60s"


def test_reads_the_figures_of_each_revision() -> None:
    distribution = {
        "count": "3",
        "bucketOptions": {"explicitBuckets": {"bounds": [100, 200]}},
        "bucketCounts": ["1", "2"],
    }
    figures = figures_of(
        [NEW, OLD, "report-dispatcher-00003-def"],
        requests=[
            series(NEW, count(10), response_code_class="2xx"),
            series(NEW, count(2), response_code_class="5xx"),
            series(OLD, count(90), response_code_class="2xx"),
        ],
        latencies=[series(NEW, {"distributionValue": distribution})],
        attempts=[
            series(NEW, count(9), result="sent"),
            series(NEW, count(1), result="dead"),
            series(OLD, count(88), result="sent"),
        ],
    )
    assert figures == {
        NEW: Figures(answers={"2xx": 10, "5xx": 2}, latencies=Latencies((100, 200), (1, 2, 0)), reports=10, dead=1),
        OLD: Figures(answers={"2xx": 90}, reports=88),
        "report-dispatcher-00003-def": Figures(),
    }
    assert figures[NEW].requests == 12


@pytest.mark.parametrize(
    ("options", "bounds"),
    [
        ({"explicitBuckets": {"bounds": [1, 5, 10]}}, (1, 5, 10)),
        ({"linearBuckets": {"numFiniteBuckets": 2, "width": 10, "offset": 5}}, (5, 15, 25)),
        ({"linearBuckets": {"numFiniteBuckets": 2, "width": 10}}, (0, 10, 20)),
        ({"exponentialBuckets": {"numFiniteBuckets": 3, "growthFactor": 2, "scale": 1}}, (1, 2, 4, 8)),
    ],
)
def test_bounds_of_buckets(options: dict[str, Any], bounds: tuple[float, ...]) -> None:
    """https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#bucketoptions"""
    latencies = histogram_of({"bucketOptions": options, "bucketCounts": ["0", "7"]})
    assert latencies == Latencies(bounds, (0, 7, *[0] * (len(bounds) - 1)))


def test_no_request_has_no_histogram() -> None:
    assert histogram_of({}).total == 0
