"""The metrics that the deployment uses, and those beside them that a mistake would hit, as Google lists them.

https://cloud.google.com/monitoring/api/metrics_gcp
https://cloud.google.com/monitoring/api/resources
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.deployment.stand_in.invalid import Invalid

RESOURCE_LABELS = {
    "cloud_run_revision": {"project_id", "service_name", "revision_name", "location", "configuration_name"},
    "cloud_tasks_queue": {"project_id", "queue_id", "location", "target_type"},
    "firestore.googleapis.com/Database": {"resource_container", "location", "database_id"},
    "pubsub_topic": {"project_id", "topic_id"},
    "pubsub_subscription": {"project_id", "subscription_id"},
}

_LISTED = {
    ("run.googleapis.com", "cloud_run_revision"): """
        request_count DELTA INT64 response_code,response_code_class
        request_latencies DELTA DISTRIBUTION response_code,response_code_class
        container/instance_count GAUGE INT64 state
        container/billable_instance_time DELTA DOUBLE
        container/cpu/utilizations DELTA DISTRIBUTION
        container/memory/utilizations DELTA DISTRIBUTION
        container/max_request_concurrencies DELTA DISTRIBUTION state
        container/startup_latencies DELTA DISTRIBUTION
    """,
    ("cloudtasks.googleapis.com", "cloud_tasks_queue"): """
        api/request_count DELTA INT64 api_method,response_code
        queue/depth GAUGE INT64
        queue/task_attempt_count DELTA INT64 response_code
        queue/task_attempt_delays DELTA DISTRIBUTION response_code
    """,
    ("firestore.googleapis.com", "firestore.googleapis.com/Database"): """
        document/read_ops_count DELTA INT64 type
        document/write_ops_count DELTA INT64 op
        document/delete_ops_count DELTA INT64
    """,
    ("pubsub.googleapis.com", "pubsub_topic"): """
        topic/byte_cost DELTA INT64 operation_type,response_code
        topic/message_sizes DELTA DISTRIBUTION
        topic/send_message_operation_count DELTA INT64 response_class,response_code
        topic/send_request_count DELTA INT64 response_class,response_code
        topic/send_request_latencies DELTA DISTRIBUTION response_class,response_code
    """,
    ("pubsub.googleapis.com", "pubsub_subscription"): """
        subscription/ack_message_count DELTA INT64 delivery_type
        subscription/backlog_bytes GAUGE INT64
        subscription/dead_letter_message_count DELTA INT64
        subscription/num_outstanding_messages GAUGE INT64
        subscription/num_retained_acked_messages GAUGE INT64
        subscription/num_undelivered_messages GAUGE INT64
        subscription/oldest_retained_acked_message_age GAUGE INT64
        subscription/oldest_unacked_message_age GAUGE INT64
        subscription/push_request_count DELTA INT64 response_class,response_code
        subscription/push_request_latencies DELTA DISTRIBUTION response_class,response_code
        subscription/sent_message_count DELTA INT64 delivery_type
    """,
}

_USER_METRIC = "logging.googleapis.com/user/"


@dataclass(frozen=True, kw_only=True)
class MetricType:
    """A type of metric.

    Attributes:
        kind: GAUGE, DELTA or CUMULATIVE.
        value_type: of its values, such as INT64.
        labels: its own.
        resources: the types of monitored resources that write it.
    """

    kind: str
    value_type: str
    labels: frozenset[str] = frozenset()
    resources: frozenset[str]


def _listed() -> dict[str, MetricType]:
    types = {}
    for (service, resource), lines in _LISTED.items():
        for line in lines.strip().splitlines():
            name, kind, value_type, labels = itertools.islice([*line.split(), ""], 4)
            types[f"{service}/{name}"] = MetricType(
                kind=kind,
                value_type=value_type,
                labels=frozenset(filter(None, labels.split(","))),
                resources=frozenset({resource}),
            )
    return types


METRIC_TYPES = _listed()


def metric_type(name: str, log_metrics: Mapping[str, Any]) -> MetricType:
    """A type of metric.

    Args:
        name: such as run.googleapis.com/request_count.
        log_metrics: the project's own log-based metrics, by their names.

    Raises:
        Invalid: there is none of this name.
    """
    if name in METRIC_TYPES:
        return METRIC_TYPES[name]
    if name.startswith(_USER_METRIC) and name.removeprefix(_USER_METRIC) in log_metrics:
        descriptor = log_metrics[name.removeprefix(_USER_METRIC)]["metricDescriptor"]
        return MetricType(
            kind=descriptor["metricKind"],
            value_type=descriptor["valueType"],
            labels=frozenset(label["key"] for label in descriptor.get("labels", [])),
            resources=frozenset(RESOURCE_LABELS),
        )
    raise Invalid(
        f'Cannot find metric that matches type = "{name}". If a metric was created recently, it could take up to 10 '
        "minutes to become available. Please try again soon."
    )
