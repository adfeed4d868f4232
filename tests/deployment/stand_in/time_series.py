"""Cloud Monitoring's time series of the revisions, by REST.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
"""

from http import HTTPStatus
from typing import Any

from tests.deployment.stand_in.aggregation import aggregate
from tests.deployment.stand_in.filter_language import parse_filter
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.monitoring import Monitored
from tests.deployment.stand_in.monitoring_filter import select
from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest, rest_error

_LONGEST_SECONDS = 2 * 52 * 7 * 86_400
"""The longest alignment period."""


def list_time_series(state: Resource, request: RestRequest) -> RestAnswer:
    """What the revisions have done, in one period.

    Args:
        state: the project's. In `series` are, for each revision, the counts of its answers by the class of their
            status.
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
            "metric": {"labels": {"response_code_class": answer}},
            "resource": {"type": "cloud_run_revision", "labels": {"revision_name": revision}},
            "points": [{"interval": interval, "value": {"int64Value": str(count)}}],
        }
        for revision, figures in state["series"].items()
        if revision in names
        for answer, count in figures.items()
    ]
    # Empty fields are left out.
    return HTTPStatus.OK, {"timeSeries": series} if series else {}
