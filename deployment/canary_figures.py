"""Asks Cloud Monitoring what the revisions of a function did, and reads its answers.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run: a request that reaches no instance is not counted, and
the latency leaves out the start of an instance, so that a revision with a small share, whose instances start more often
for each request, does not seem slower for it. What happened is visible after up to four minutes, that of both revisions
at once.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from deployment.canary_comparison import Figures, Latencies
from deployment.engine.discovery import Request, Resource, method
from deployment.engine.google_client import GoogleClient

REQUESTS = "run.googleapis.com/request_count"
LATENCIES = "run.googleapis.com/request_latencies"

_PERIOD = timedelta(minutes=1)
"""Cloud Run's own, and the shortest that Cloud Monitoring aligns to."""


def read_figures(
    client: GoogleClient,
    project: str,
    *,
    attempts_metric: str,
    revisions: Sequence[str],
    since: datetime,
    until: datetime,
) -> dict[str, Figures]:
    """What each of some revisions did in a time, in UTC. The metric is that of the worker's attempts
    (deployment/metrics/attempts.json)."""

    def read(metric: str, label: str = "") -> list[Resource]:
        asked = query(project, metric, label=label, revisions=revisions, since=since, until=until)
        # A log-based metric is not known before its first entry.
        answer = client.read_if_there(asked) or {}
        series: list[Resource] = answer.get("timeSeries", [])
        return series

    return figures_of(
        revisions,
        requests=read(REQUESTS, "response_code_class"),
        latencies=read(LATENCIES),
        attempts=read(f"logging.googleapis.com/user/{attempts_metric}", "result"),
    )


def query(
    project: str, metric: str, *, label: str, revisions: Sequence[str], since: datetime, until: datetime
) -> Request:
    """The request for the sums of a metric over a time, for each revision and value of a label."""
    names = ", ".join(f'"{name}"' for name in revisions)
    minutes = max(-(-(until - since) // _PERIOD), 1)
    parameters: dict[str, str | list[str]] = {
        "filter": f'metric.type = "{metric}" AND resource.type = "cloud_run_revision"'
        f" AND resource.labels.revision_name = one_of({names})",
        "interval.startTime": _json_time(until - minutes * _PERIOD),
        "interval.endTime": _json_time(until),
        "aggregation.alignmentPeriod": f"{minutes * 60}s",
        "aggregation.perSeriesAligner": "ALIGN_DELTA",
        "aggregation.crossSeriesReducer": "REDUCE_SUM",
        "aggregation.groupByFields": ["resource.labels.revision_name", *([f"metric.labels.{label}"] if label else [])],
    }
    return method("monitoring", "v3", "projects.timeSeries.list").request(f"projects/{project}", query=parameters)


def figures_of(
    revisions: Sequence[str], *, requests: list[Resource], latencies: list[Resource], attempts: list[Resource]
) -> dict[str, Figures]:
    """The figures of each revision, from the time series of the three metrics."""
    answers: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for revision, answer, value in _values(requests, "response_code_class"):
        answers[revision][answer] = answers[revision].get(answer, 0) + int(value["int64Value"])
    results: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for revision, result, value in _values(attempts, "result"):
        results[revision][result] = results[revision].get(result, 0) + int(value["int64Value"])
    histograms = {revision: histogram_of(value["distributionValue"]) for revision, _, value in _values(latencies, "")}
    return {
        revision: Figures(
            answers=answers[revision],
            latencies=histograms.get(revision, Latencies()),
            reports=sum(results[revision].values()),
            dead=results[revision].get("dead", 0),
        )
        for revision in revisions
    }


def histogram_of(distribution: Resource) -> Latencies:
    """A distribution as Cloud Monitoring writes it, which leaves out zeros.

    https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#bucketoptions
    """
    options = distribution.get("bucketOptions", {})
    bounds: Iterator[float]
    if "exponentialBuckets" in options:
        exponential = options["exponentialBuckets"]
        bounds = (
            exponential["scale"] * exponential["growthFactor"] ** index
            for index in range(exponential["numFiniteBuckets"] + 1)
        )
    elif "linearBuckets" in options:
        linear = options["linearBuckets"]
        bounds = (
            linear.get("offset", 0.0) + linear["width"] * index for index in range(linear["numFiniteBuckets"] + 1)
        )
    else:
        bounds = iter(options.get("explicitBuckets", {}).get("bounds", ()))
    upper = tuple(bounds)
    counts = [int(count) for count in distribution.get("bucketCounts", ())]
    return Latencies(upper, tuple(counts + [0] * (len(upper) + 1 - len(counts))))


def _values(series: list[Resource], label: str) -> Iterator[tuple[str, str, Resource]]:
    """The revision, the label's value and the value of each point."""
    for one in series:
        for point in one["points"]:
            labels = one.get("metric", {}).get("labels", {})
            yield one["resource"]["labels"]["revision_name"], labels.get(label, ""), point["value"]


def _json_time(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
