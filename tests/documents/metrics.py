"""The tables of docs/reference/metrics.md, made from what deploy.sh gives to Cloud Monitoring."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.documents.generated_parts import table
from tests.support import REPOSITORY

_DEPLOYMENT = REPOSITORY / "deployment"
_COMPARISONS = {"COMPARISON_GT": "more than", "COMPARISON_LT": "less than"}
_COMBINERS = {"OR": "or", "AND": "and", "AND_WITH_MATCHING_RESOURCE": "and, of one service,"}
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def _read(name: str) -> Any:
    return json.loads((_DEPLOYMENT / name).read_text(encoding="utf-8"))


def _plain(text: str) -> str:
    return _VARIABLE.sub(r"\1", text).replace("$$", "$")


def log_based_metrics(_part: str) -> str:
    """The metrics that Cloud Logging counts in the functions' lines."""
    rows = []
    for file in sorted((_DEPLOYMENT / "metrics").glob("*.json")):
        metric = json.loads(file.read_text(encoding="utf-8"))
        descriptor = metric["metricDescriptor"]
        kind = "distribution" if descriptor["valueType"] == "DISTRIBUTION" else "counter"
        labels = ", ".join(f"`{label['key']}`" for label in descriptor.get("labels", []))
        event = ", ".join(f"`{name}`" for name in re.findall(r'jsonPayload\.message="(\w+)"', metric["filter"]))
        rows.append((f"`PREFIX-{file.stem}`", kind, labels, event, metric["description"]))
    return table(("metric", "kind", "labels", "of the log events", "what it is"), rows)


def objective(_part: str) -> str:
    """The service level objective."""
    made = _read("objective.json")
    cut = made["serviceLevelIndicator"]["requestBased"]["distributionCut"]
    rows = [
        ("service", f"`{_plain('${PREFIX}-reports')}`"),
        ("name", "`on-time`"),
        ("goal", "`SLO_PERCENT`"),
        ("in", f"{int(made['rollingPeriod'].removesuffix('s')) // 86400} days, rolling"),
        ("good", f"`PREFIX-lateness` of at most {_duration(cut['range']['max'])}"),
    ]
    return table(("objective", ""), rows)


def alert_policies(_part: str) -> str:
    """The alert policies, with their conditions in words."""
    rows = []
    for file in sorted((_DEPLOYMENT / "alert_policies").glob("*.json")):
        policy = json.loads(file.read_text(encoding="utf-8"))
        combined = f" {_COMBINERS[policy['combiner']]} ".join(map(_condition, policy["conditions"]))
        name = f"[`{file.stem}`](../guides/runbooks.md#{file.stem})"
        rows.append((name, policy["severity"].lower(), combined))
    return table(("policy", "severity", "opens when"), rows)


def _condition(condition: Mapping[str, Any]) -> str:
    if "conditionMatchedLog" in condition:
        return f"a log entry matches `{_plain(condition['conditionMatchedLog']['filter'])}`"
    threshold = condition["conditionThreshold"]
    value = threshold["thresholdValue"]
    limit = f"`{_plain(value)}`" if isinstance(value, str) else f"{value:,}"
    held = int(threshold["duration"].removesuffix("s"))
    return (
        f"{_measured(threshold)} is {_COMPARISONS[threshold['comparison']]} {limit}"
        f"{f', for {_duration(held)}' if held else ''}"
        f"{'; no data counts as zero' if 'evaluationMissingData' in threshold else ''}"
    )


def _measured(threshold: Mapping[str, Any]) -> str:
    text = threshold["filter"]
    if burn := re.fullmatch(r'select_slo_burn_rate\(".*/([\w-]+)", "(\d+)s"\)', text):
        return f"the burn rate of `{burn[1]}` in {_duration(int(burn[2]))}"
    [metric] = re.findall(r'metric\.type = "([^"]+)"', text)
    answers = "".join(f" with {each}" for each in re.findall(r'response_code_class = "(\w+)"', text))
    [aggregation] = threshold["aggregations"]
    how = aggregation["perSeriesAligner"].removeprefix("ALIGN_").lower().replace("_", " ")
    period = _duration(int(aggregation["alignmentPeriod"].removesuffix("s")))
    share = ", as a share of all," if "denominatorFilter" in threshold else ""
    return f"`{metric}` of {', '.join(_resources(text))}{answers}{share} ({how} of {period})"


def _resources(text: str) -> Iterator[str]:
    for name in re.findall(r"resource\.labels\.(?:service_name|queue_id|topic_id|subscription_id) = ([^ ]+)", text):
        yield f"`{_plain(name.removeprefix('monitoring.regex.full_match(').strip('()')).strip(chr(34))}`"


def _duration(seconds: float) -> str:
    for size, name in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"


def dashboard(_part: str) -> str:
    """The tiles of the dashboard."""
    return "\n".join(f"- {title}" for title in _titles(_read("dashboard.json")))


def _titles(found: Any) -> Iterator[str]:
    match found:
        case {"title": str(title)}:
            yield title
        case dict():
            for each in found.values():
                yield from _titles(each)
        case list():
            for each in found:
                yield from _titles(each)


PARTS = {
    "log-based-metrics": log_based_metrics,
    "objective": objective,
    "alert-policies": alert_policies,
    "dashboard": dashboard,
}
"""By name, what makes a part of the page."""
