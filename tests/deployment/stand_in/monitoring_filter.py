"""Filters of Cloud Monitoring: which time series they select."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from tests.deployment.stand_in.filter_language import Comparison, parse_filter
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.metric_types import RESOURCE_LABELS, MetricType, metric_type

SELECTORS = {
    "select_slo_burn_rate": 2,
    "select_slo_health": 1,
    "select_slo_compliance": 1,
    "select_slo_budget": 1,
    "select_slo_budget_fraction": 1,
    "select_slo_budget_total": 1,
}
"""The selectors of an objective's time series, and how many arguments each takes.
https://cloud.google.com/stackdriver/docs/solutions/slo-monitoring/api/timeseries-selectors"""

OBJECTIVE_SERIES = MetricType(kind="GAUGE", value_type="DOUBLE", resources=frozenset())
"""The time series of an objective."""

_SELECTOR = re.compile(r'(?P<name>\w+)\("(?P<objective>[^"]*)"(?:,\s*"(?P<lookback>[^"]*)")?\)')
_FUNCTIONS = {"starts_with", "ends_with", "has_substring", "one_of", "monitoring.regex.full_match"}
_SIGNS = {"=", "!=", ":", ">", ">=", "<", "<="}


def select(text: str, *, log_metrics: Mapping[str, Any], objectives: Collection[str]) -> MetricType:
    """The type of the time series that a filter selects.

    Args:
        text: the filter.
        log_metrics: the project's log-based metrics, by their names.
        objectives: the names of the project's service level objectives.

    Raises:
        Invalid: the filter cannot be read, or selects nothing that there can be.
    """
    if text.startswith("select_"):
        return _select_objective(text, objectives)
    comparisons = parse_filter(text)
    for comparison in comparisons:
        _check(comparison)
    metric = metric_type(_one_of(comparisons, "metric.type", text), log_metrics)
    resource = _one_of(comparisons, "resource.type", text)
    if resource not in metric.resources:
        raise Invalid(f'The metric is not written by resources of the type "{resource}": {text}')
    for comparison in comparisons:
        check_field(comparison.field, metric, resource)
    return metric


def check_field(field: str, metric: MetricType, resource: str) -> None:
    """Check that time series have a field.

    Args:
        field: such as resource.label.location.
        metric: their type.
        resource: the type of their resource; empty where any that writes them is meant.

    Raises:
        Invalid: they have none of this name.
    """
    place, _, label = re.sub(r"\.label\.", ".labels.", field).partition(".labels.")
    labels = {
        "metric": metric.labels,
        "resource": {each for one in ([resource] if resource else metric.resources) for each in RESOURCE_LABELS[one]},
    }.get(place, frozenset())
    if field not in {"metric.type", "resource.type"} and label not in labels:
        raise Invalid(f"The supplied filter does not specify a valid field: {field}")


def _one_of(comparisons: list[Comparison], field: str, text: str) -> str:
    values = [each.value for each in comparisons if each.field == field and each.sign == "=" and not each.function]
    if len(values) != 1:
        raise Invalid(f"The filter must name one {field}: {text}")
    return values[0]


def _check(comparison: Comparison) -> None:
    if comparison.sign not in _SIGNS:
        raise Invalid(f'Could not parse filter: "{comparison.sign}" is no operator')
    if comparison.function and comparison.function not in _FUNCTIONS:
        raise Invalid(f'Could not parse filter: unknown function "{comparison.function}"')
    if not comparison.is_quoted:
        raise Invalid(f'Could not parse filter: "{comparison.value}" must stand in quotation marks')
    if comparison.function == "monitoring.regex.full_match":
        _compile(comparison.value)


def _compile(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise Invalid(f'Could not parse filter: the pattern "{pattern}": {error}') from None


def _select_objective(text: str, objectives: Collection[str]) -> MetricType:
    match = _SELECTOR.fullmatch(text)
    if match is None or match["name"] not in SELECTORS:
        raise Invalid(f"Could not parse filter: no selector of time series: {text}")
    if (match["lookback"] is not None) != (SELECTORS[match["name"]] == 2):
        raise Invalid(f"Could not parse filter: the arguments of {match['name']}: {text}")
    if match["lookback"] and not re.fullmatch(r"\d+(ns|us|ms|s|m|h)", match["lookback"]):
        raise Invalid(f"Could not parse filter: no period: {match['lookback']}")
    if match["objective"] not in objectives:
        raise Invalid(f"The service level objective {match['objective']} was not found.")
    return OBJECTIVE_SERIES
