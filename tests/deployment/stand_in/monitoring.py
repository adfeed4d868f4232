"""What Cloud Monitoring and Cloud Logging refuse of alert policies, dashboards, metrics and objectives."""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.deployment.stand_in.aggregation import aggregate
from tests.deployment.stand_in.duration import seconds_of
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.logging_filter import check_extractor, check_logging_filter
from tests.deployment.stand_in.metric_types import MetricType
from tests.deployment.stand_in.monitoring_filter import OBJECTIVE_SERIES, select

Resource = dict[str, Any]

_DAY = 86_400
_OF_POLICIES = 25 * 3_600
_OF_CHARTS = 2 * 52 * 7 * _DAY
"""The longest alignment periods, in seconds."""

_LABEL = re.compile(r"[a-z0-9_-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """What a project has that its policies, dashboards and objectives may name. Each method raises Invalid for a
    document that the service refuses.

    Attributes:
        log_metrics: its log-based metrics, by their names.
        objectives: the full names of its service level objectives.
    """

    log_metrics: Mapping[str, Resource] = field(default_factory=dict)
    objectives: Collection[str] = ()

    @classmethod
    def of(cls, resources: Mapping[str, Resource]) -> "Monitored":
        """What a project has.

        Args:
            resources: all of its resources, by names that end with projects/PROJECT/….
        """
        names = {name: f"projects/{name.partition('projects/')[2]}" for name in resources}
        return cls(
            log_metrics={name.rpartition("/")[2]: resources[key] for key, name in names.items() if "/metrics/" in name},
            objectives=[name for name in names.values() if "/serviceLevelObjectives/" in name],
        )

    def check_policy(self, policy: Resource) -> None:
        """https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies"""
        conditions = policy.get("conditions", [])
        _require(bool(policy.get("displayName")), "Field alert_policy.display_name is required.")
        _require(1 <= len(conditions) <= 6, "Field alert_policy.conditions must have 1 to 6 conditions.")
        _require(policy.get("combiner", "COMBINE_UNSPECIFIED") != "COMBINE_UNSPECIFIED", "combiner must be specified.")
        _check_labels(policy.get("userLabels", {}))
        of_logs = [condition for condition in conditions if "conditionMatchedLog" in condition]
        _require(not of_logs or len(conditions) == 1, "A policy with a log match condition has no other condition.")
        strategy = policy.get("alertStrategy", {})
        is_limited = "notificationRateLimit" in strategy
        _require(
            is_limited == bool(of_logs), "notification_rate_limit is required for log match conditions, and only there."
        )
        _require(
            1_800 <= (seconds_of(strategy.get("autoClose", "1800s")) or 0) <= 7 * _DAY, "auto_close is out of range."
        )
        _require(
            len(policy.get("documentation", {}).get("links", [])) <= 3, "documentation.links has more than 3 links."
        )
        for condition in conditions:
            kinds = [key for key in condition if key.startswith("condition")]
            _require(len(kinds) == 1, f"A condition has one kind: {kinds}")
            if "conditionMatchedLog" in condition:
                check_logging_filter(condition["conditionMatchedLog"]["filter"])
            else:
                self._check_threshold(condition["conditionThreshold"])

    def _check_threshold(self, threshold: Resource) -> None:
        duration = seconds_of(threshold.get("duration"))
        _require(
            duration is not None and duration % 60 == 0 and duration <= 23.5 * 3_600,
            f"Field duration must be whole minutes, at most 23.5 hours: {threshold.get('duration')}",
        )
        if "evaluationMissingData" in threshold:
            _require((duration or 0) >= 60, "evaluation_missing_data needs a duration of 60 seconds at least.")
        _require(threshold["comparison"] in {"COMPARISON_GT", "COMPARISON_LT"}, "Field comparison is not supported.")
        _require("thresholdValue" in threshold, "Field threshold_value is required.")
        self._check_compared(threshold["filter"], threshold.get("aggregations", []))
        if "denominatorFilter" in threshold:
            self._check_compared(threshold["denominatorFilter"], threshold.get("denominatorAggregations", []))

    def _check_compared(self, text: str, aggregations: list[Resource]) -> None:
        series = self._select(text)
        if series is OBJECTIVE_SERIES:
            _require(not aggregations, "The time series of an objective are not aggregated.")
        for aggregation in aggregations:
            series = aggregate(series, aggregation, longest_seconds=_OF_POLICIES)
        _require(series.value_type in {"INT64", "DOUBLE"}, f"Values of {series.value_type} cannot be compared: {text}")

    def check_dashboard(self, dashboard: Resource) -> None:
        """https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards"""
        _require(bool(dashboard.get("displayName")), "Field dashboard.displayName is required.")
        layout = dashboard["mosaicLayout"]
        _require(1 <= layout["columns"] <= 48, "Field columns must be between 1 and 48.")
        for tile in layout["tiles"]:
            is_inside = tile.get("xPos", 0) + tile["width"] <= layout["columns"]
            _require(is_inside and tile["height"] >= 1, f"The tile is not within the grid: {tile['widget']['title']}")
        for one, other in itertools.combinations(layout["tiles"], 2):
            _require(not _overlap(one, other), f"Tiles overlap: {one['widget']['title']}, {other['widget']['title']}")
        for tile in layout["tiles"]:
            widget = tile["widget"]
            _require(len(set(widget) - {"title", "id"}) == 1, f"A widget shows one thing: {widget['title']}")
            for series_filter in _series_filters(widget):
                series = aggregate(
                    self._select(series_filter["filter"]),
                    series_filter.get("aggregation", {}),
                    longest_seconds=_OF_CHARTS,
                )
                _require(series.value_type != "DISTRIBUTION", f"A line shows no distribution: {widget['title']}")

    def check_log_metric(self, metric: Resource) -> None:
        """https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.metrics"""
        check_logging_filter(metric["filter"])
        descriptor, extractors = metric.get("metricDescriptor", {}), metric.get("labelExtractors", {})
        labels = [label["key"] for label in descriptor.get("labels", [])]
        _require(
            sorted(labels) == sorted(extractors), f"Labels and label extractors differ: {labels}, {list(extractors)}"
        )
        is_distribution = descriptor.get("valueType") == "DISTRIBUTION"
        _require(
            descriptor.get("valueType") in {"INT64", "DISTRIBUTION"}, "Field value_type must be INT64 or DISTRIBUTION."
        )
        _require(descriptor.get("metricKind") == "DELTA", "Field metric_kind must be DELTA.")
        _require(
            ("valueExtractor" in metric) == is_distribution, "A value extractor is for a distribution, which needs one."
        )
        _require(is_distribution or "bucketOptions" not in metric, "Bucket options are for a distribution.")
        for extractor in [*extractors.values(), *([metric["valueExtractor"]] if is_distribution else [])]:
            check_extractor(extractor)
        bounds = metric.get("bucketOptions", {}).get("explicitBuckets", {}).get("bounds", [])
        _require(all(one < other for one, other in itertools.pairwise(bounds)), "Bounds must increase.")

    def check_service(self, service: Resource) -> None:
        """https://cloud.google.com/monitoring/api/ref_v3/rest/v3/services"""
        _check_labels(service.get("userLabels", {}))

    def check_objective(self, objective: Resource) -> None:
        """https://cloud.google.com/monitoring/api/ref_v3/rest/v3/services.serviceLevelObjectives"""
        _check_labels(objective.get("userLabels", {}))
        _require(0 < objective.get("goal", 0) <= 0.9999, "Field goal must be above 0, and at most 0.9999.")
        days = (seconds_of(objective.get("rollingPeriod")) or 0) / _DAY
        _require(days in range(1, 31), "Field rolling_period must be 1 to 30 whole days.")
        cut = objective["serviceLevelIndicator"]["requestBased"]["distributionCut"]
        series = self._select(cut["distributionFilter"])
        is_cut = series.value_type == "DISTRIBUTION" and series.kind in {"DELTA", "CUMULATIVE"}
        _require(is_cut, "Field distribution_filter must select distributions that are DELTA or CUMULATIVE.")
        _require(cut["range"].get("min", 0) < cut["range"]["max"], "Field range must have a minimum below its maximum.")

    def _select(self, text: str) -> MetricType:
        return select(text, log_metrics=self.log_metrics, objectives=self.objectives)


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise Invalid(text)


def _check_labels(labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        _require(bool(_LABEL.fullmatch(key) and key[:1].isalpha() and _LABEL.fullmatch(value)), f"Label {key}: {value}")


def _overlap(one: Resource, other: Resource) -> bool:
    return all(
        one.get(start, 0) < other.get(start, 0) + other[size] and other.get(start, 0) < one.get(start, 0) + one[size]
        for start, size in (("xPos", "width"), ("yPos", "height"))
    )


def _series_filters(node: Any) -> Iterator[Resource]:
    if isinstance(node, dict):
        if "timeSeriesFilter" in node:
            yield node["timeSeriesFilter"]
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from _series_filters(inner)
