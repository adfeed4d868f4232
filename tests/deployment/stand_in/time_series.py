"""Cloud Monitoring's time series of the revisions, by REST.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from tests.deployment.stand_in.aggregation import aggregate
from tests.deployment.stand_in.filter_language import parse_filter
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.metric_types import MetricType
from tests.deployment.stand_in.monitoring import Monitored
from tests.deployment.stand_in.monitoring_filter import select
from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest, rest_error

_BOUNDS = [100, 1000]
_LONGEST_SECONDS = 2 * 52 * 7 * 86_400
"""The longest alignment period."""


def list_time_series(state: Resource, request: RestRequest) -> RestAnswer:
    """What the revisions have done, in one period.

    Args:
        state: the project's. In `series` is what each look at all three metrics finds, and the last one for good: for
            each revision, the counts of `answers` by the class of their status, of `results` of attempts to send, and
            of `latencies` in buckets of up to 100 ms, up to 1,000 ms, and more.
        request: the request.
    """
    query = {name: values[0] for name, values in request.query.items()}
    aggregation: dict[str, Any] = {
        name.removeprefix("aggregation."): value for name, value in query.items() if name.startswith("aggregation.")
    }
    aggregation["groupByFields"] = request.query.get("aggregation.groupByFields", [])
    try:
        metric = select(query["filter"], log_metrics=Monitored.of(state["resources"]).log_metrics, objectives=())
        aggregate(metric, aggregation, longest_seconds=_LONGEST_SECONDS)
    except Invalid as error:
        status, code = HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT"
        if str(error).startswith("Cannot find metric"):
            status, code = HTTPStatus.NOT_FOUND, "NOT_FOUND"
        return rest_error(status, code, str(error))
    names = [one.value for one in parse_filter(query["filter"]) if one.field == "resource.labels.revision_name"]
    interval = {"startTime": query["interval.startTime"], "endTime": query["interval.endTime"]}
    series = [
        {
            "metric": {"labels": labels},
            "resource": {"type": "cloud_run_revision", "labels": {"revision_name": revision}},
            "points": [{"interval": interval, "value": value}],
        }
        for revision, figures in state["series"][0].items()
        if revision in names
        for labels, value in _values(figures, metric)
    ]
    if "result" in metric.labels and len(state["series"]) > 1:
        del state["series"][0]
    # Empty fields are left out.
    return HTTPStatus.OK, {"timeSeries": series} if series else {}


def _values(figures: Resource, metric: MetricType) -> Iterator[tuple[dict[str, str], Resource]]:
    if metric.value_type == "DISTRIBUTION":
        counts = figures.get("latencies", [])
        options = {"explicitBuckets": {"bounds": _BOUNDS}}
        yield {}, {"distributionValue": {"bucketOptions": options, "bucketCounts": [str(count) for count in counts]}}
        return
    name, label = ("results", "result") if "result" in metric.labels else ("answers", "response_code_class")
    for key, count in figures.get(name, {}).items():
        yield {label: key}, {"int64Value": str(count)}
