"""Asks Cloud Monitoring how many requests the revisions of a function have answered, and how many with an error.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run: figures are up to four minutes old, and a request that
reaches no instance is not counted.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from deployment.engine.discovery import Request, Resource, method

PERIOD = timedelta(days=1)


def query(project: str, revisions: Sequence[str], now: datetime) -> Request:
    """The request for the answers of the last day, in UTC, for each revision and class of status."""
    names = ", ".join(f'"{name}"' for name in revisions)
    parameters: dict[str, str | list[str]] = {
        "filter": 'metric.type = "run.googleapis.com/request_count" AND resource.type = "cloud_run_revision"'
        f" AND resource.labels.revision_name = one_of({names})",
        "interval.startTime": f"{now - PERIOD:%Y-%m-%dT%H:%M:%SZ}",
        "interval.endTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "aggregation.alignmentPeriod": f"{PERIOD.total_seconds():.0f}s",
        "aggregation.perSeriesAligner": "ALIGN_DELTA",
        "aggregation.crossSeriesReducer": "REDUCE_SUM",
        "aggregation.groupByFields": ["resource.labels.revision_name", "metric.labels.response_code_class"],
    }
    return method("monitoring", "v3", "projects.timeSeries.list").request(f"projects/{project}", query=parameters)


def error_shares(answer: Resource, revisions: Sequence[str]) -> list[str]:
    all_of, failed = Counter[str](), Counter[str]()
    for one in answer.get("timeSeries", []):
        revision = one["resource"]["labels"]["revision_name"]
        answers = sum(int(point["value"].get("int64Value", 0)) for point in one["points"])
        all_of[revision] += answers
        if one.get("metric", {}).get("labels", {}).get("response_code_class") in {"4xx", "5xx"}:
            failed[revision] += answers
    return [
        f"{name}: {failed[name]} of {all_of[name]} requests of the last day failed ({failed[name] / all_of[name]:.1%})"
        if all_of[name]
        else f"{name}: no request in the last day"
        for name in revisions
    ]
