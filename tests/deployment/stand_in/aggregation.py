"""How time series are aligned and reduced, and what comes of it.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#Aligner
https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#Reducer
"""

from dataclasses import replace
from typing import Any

from tests.deployment.stand_in.duration import seconds_of
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.metric_types import MetricType
from tests.deployment.stand_in.monitoring_filter import check_field

_NUMERIC = {"INT64", "DOUBLE"}
_DISTRIBUTION = {"DISTRIBUTION"}
_BOOLEAN = {"BOOL"}
_SAMPLED = {"GAUGE", "DELTA"}
_SUMMED = {"DELTA", "CUMULATIVE"}

_ALIGNERS: dict[str, tuple[set[str], set[str], str, str]] = {
    "ALIGN_DELTA": (_SUMMED, _NUMERIC | _DISTRIBUTION, "DELTA", ""),
    "ALIGN_RATE": (_SUMMED, _NUMERIC, "GAUGE", "DOUBLE"),
    "ALIGN_INTERPOLATE": ({"GAUGE"}, _NUMERIC, "GAUGE", ""),
    "ALIGN_NEXT_OLDER": ({"GAUGE"}, _NUMERIC | _DISTRIBUTION | _BOOLEAN, "GAUGE", ""),
    "ALIGN_MIN": (_SAMPLED, _NUMERIC, "GAUGE", ""),
    "ALIGN_MAX": (_SAMPLED, _NUMERIC, "GAUGE", ""),
    "ALIGN_MEAN": (_SAMPLED, _NUMERIC, "GAUGE", "DOUBLE"),
    "ALIGN_COUNT": (_SAMPLED, _NUMERIC | _BOOLEAN, "GAUGE", "INT64"),
    "ALIGN_SUM": (_SAMPLED, _NUMERIC | _DISTRIBUTION, "GAUGE", ""),
    "ALIGN_STDDEV": (_SAMPLED, _NUMERIC, "GAUGE", "DOUBLE"),
    "ALIGN_PERCENT_CHANGE": (_SAMPLED, _NUMERIC, "GAUGE", "DOUBLE"),
    **{
        f"ALIGN_{name}": ({"GAUGE"}, _BOOLEAN, "GAUGE", "DOUBLE")
        for name in ("COUNT_TRUE", "COUNT_FALSE", "FRACTION_TRUE")
    },
    **{
        f"ALIGN_PERCENTILE_{number}": (_SAMPLED, _DISTRIBUTION, "GAUGE", "DOUBLE")
        for number in ("99", "95", "50", "05")
    },
}
"""For each aligner the kinds and the value types that it takes, and what it makes of them. An empty type: it stays."""

_REDUCERS: dict[str, tuple[set[str], str]] = {
    "REDUCE_MEAN": (_NUMERIC | _DISTRIBUTION, "DOUBLE"),
    "REDUCE_MIN": (_NUMERIC, ""),
    "REDUCE_MAX": (_NUMERIC, ""),
    "REDUCE_SUM": (_NUMERIC | _DISTRIBUTION, ""),
    "REDUCE_STDDEV": (_NUMERIC | _DISTRIBUTION, "DOUBLE"),
    "REDUCE_COUNT": (_NUMERIC | _DISTRIBUTION | _BOOLEAN, "INT64"),
    **{f"REDUCE_{name}": (_BOOLEAN, "DOUBLE") for name in ("COUNT_TRUE", "COUNT_FALSE", "FRACTION_TRUE")},
    **{f"REDUCE_PERCENTILE_{number}": (_NUMERIC | _DISTRIBUTION, "DOUBLE") for number in ("99", "95", "50", "05")},
}
"""For each reducer the value types that it takes, and what it makes of them."""

_SHORTEST_SECONDS = 60


def aggregate(series: MetricType, aggregation: dict[str, Any], *, longest_seconds: float) -> MetricType:
    """What comes of time series.

    Args:
        series: what they are.
        aggregation: the message.
        longest_seconds: the longest alignment period that is allowed here.

    Raises:
        Invalid: they cannot be aggregated so.
    """
    aligner = aggregation.get("perSeriesAligner", "ALIGN_NONE")
    reducer = aggregation.get("crossSeriesReducer", "REDUCE_NONE")
    if aligner == "ALIGN_NONE":
        if reducer != "REDUCE_NONE":
            raise Invalid(f"{reducer} needs an aligner")
        return series
    seconds = seconds_of(aggregation.get("alignmentPeriod"))
    if seconds is None or not _SHORTEST_SECONDS <= seconds <= longest_seconds:
        raise Invalid(f"Field aggregation.alignmentPeriod had an invalid value: {aggregation.get('alignmentPeriod')}")
    kinds, types, kind, value_type = _ALIGNERS[aligner]
    if series.kind not in kinds or series.value_type not in types:
        raise Invalid(
            f"Field aggregation.perSeriesAligner had an invalid value of {aligner}: not valid for metric kind "
            f"{series.kind} and value type {series.value_type}"
        )
    aligned = replace(series, kind=kind, value_type=value_type or series.value_type)
    if reducer == "REDUCE_NONE":
        return aligned
    types, value_type = _REDUCERS[reducer]
    if aligned.value_type not in types:
        raise Invalid(
            f"Field aggregation.crossSeriesReducer had an invalid value of {reducer}: not valid for value type "
            f"{aligned.value_type}"
        )
    for field in aggregation.get("groupByFields", []):
        check_field(field, series, "")
    return replace(aligned, value_type=value_type or aligned.value_type)
