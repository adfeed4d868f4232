"""Filters of Cloud Logging, and what a log-based metric extracts."""

import re

from tests.deployment.stand_in.filter_language import Comparison, parse_filter
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.metric_types import RESOURCE_LABELS

_SEVERITIES = {"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}
"""https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity"""

_FIELDS = {
    *("logName", "timestamp", "receiveTimestamp", "severity", "insertId", "trace", "spanId", "textPayload"),
    *("resource.type",),
}
"""Those of a log entry that have no fields in them.
https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry"""

_OPEN = ("jsonPayload", "protoPayload", "labels", "httpRequest", "operation", "sourceLocation")
"""Those with fields that differ from entry to entry."""

_EXTRACTOR = re.compile(r'(?:EXTRACT\((?P<field>[\w.]+)\)|REGEXP_EXTRACT\((?P<of>[\w.]+),\s*"(?P<pattern>.*)"\))')


def check_logging_filter(text: str) -> None:
    """Check a filter.

    Raises:
        Invalid: it cannot be read, or compares a field that no log entry has.
    """
    comparisons = parse_filter(text)
    resources = [each.value for each in comparisons if (each.field, each.sign) == ("resource.type", "=")]
    for resource in resources:
        if resource not in RESOURCE_LABELS:
            raise Invalid(f'Unparseable filter: no type of resource: "{resource}"')
    for comparison in comparisons:
        _check(comparison, resources)


def check_extractor(text: str) -> None:
    """Check what a metric extracts of an entry.

    Raises:
        Invalid: it cannot be read, or names a field that no log entry has.
    """
    match = _EXTRACTOR.fullmatch(text)
    if match is None:
        raise Invalid(f"Failed to parse extractor expression: {text}")
    _check_field(match["field"] or match["of"], [])
    if match["pattern"] is not None and _groups(match["pattern"]) != 1:
        raise Invalid(f"The regular expression must have one capture group: {text}")


def _check(comparison: Comparison, resources: list[str]) -> None:
    _check_field(comparison.field, resources)
    if comparison.function:
        raise Invalid(f'Unparseable filter: unknown function "{comparison.function}"')
    if comparison.sign in {"=~", "!~"}:
        _groups(comparison.value)
    if comparison.field == "severity" and comparison.value not in _SEVERITIES:
        raise Invalid(f'Unparseable filter: unknown severity "{comparison.value}"')


def _check_field(field: str, resources: list[str]) -> None:
    place, _, inner = field.partition(".")
    labels = {label for each in resources or RESOURCE_LABELS for label in RESOURCE_LABELS[each]}
    is_label = field.startswith("resource.labels.") and field.removeprefix("resource.labels.") in labels
    if field not in _FIELDS and not is_label and not (place in _OPEN and inner):
        raise Invalid(f"Unparseable filter: Field not found: '{field}'")


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error as error:
        raise Invalid(f'Unparseable filter: invalid regular expression "{pattern}": {error}') from None
