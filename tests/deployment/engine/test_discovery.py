"""Requests hold to Google's discovery documents, before anything is sent."""

from typing import Any

import pytest

from deployment.engine.discovery import InvalidRequest, check_body, method, methods

METRIC = {"name": "runs", "filter": "severity=ERROR", "metricDescriptor": {"metricKind": "DELTA", "unit": "1"}}


def test_a_request_has_the_path_of_the_document() -> None:
    request = method("logging", "v2", "projects.metrics.create").request("projects/p", METRIC)
    assert (request.method.http_method, request.path, request.body) == ("POST", "v2/projects/p/metrics", METRIC)


def test_a_name_may_have_parentheses() -> None:
    request = method("firestore", "v1", "projects.databases.get").request("projects/p/databases/(default)")
    assert request.path == "v1/projects/p/databases/(default)"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"fliter": "x"}, r"\$: .*'fliter' was unexpected"),
        ({"filter": 5}, "filter: 5 is not of type 'string'"),
        ({"disabled": "false"}, "disabled: 'false' is not of type 'boolean'"),
        ({"metricDescriptor": {"metricKind": "DELTAS"}}, "metricDescriptor.metricKind: 'DELTAS' is not one of"),
        ({"metricDescriptor": {"labels": [{"kee": "x"}]}}, r"metricDescriptor.labels\[0\]: .*'kee' was unexpected"),
        ({"labelExtractors": {"a": 1}}, "labelExtractors.a: 1 is not of type 'string'"),
        ({"bucketOptions": {"explicitBuckets": {"bounds": [1, "2"]}}}, r"bounds\[1\]: '2' is not of type 'number'"),
    ],
)
def test_a_body_that_the_document_does_not_have_is_refused(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidRequest, match=f"logging.projects.metrics.create, .*{place}"):
        method("logging", "v2", "projects.metrics.create").request("projects/p", METRIC | change)


def test_a_field_named_as_a_word_of_the_schemas_is_a_field() -> None:
    body = METRIC | {"description": "Runs", "metricDescriptor": {"type": "x", "description": "y"}}
    assert method("logging", "v2", "projects.metrics.create").request("projects/p", body).body == body


@pytest.mark.parametrize(
    ("target", "arguments", "refusal"),
    [
        ("projects/p/metrics", {}, "is no metricName"),
        ("projects/p/metrics/m", {"query": {"mask": "x"}}, "unknown parameter mask"),
        ("projects/p/metrics/m", {"body": {}}, "takes no body"),
    ],
)
def test_a_target_a_parameter_and_a_needless_body_are_checked(
    target: str, arguments: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(InvalidRequest, match=refusal):
        method("logging", "v2", "projects.metrics.get").request(target, **arguments)
    with pytest.raises(InvalidRequest, match="needs a body"):
        method("logging", "v2", "projects.metrics.create").request("projects/p")


def test_an_interface_that_the_library_does_not_have_is_named() -> None:
    with pytest.raises(InvalidRequest, match="no discovery document of loging v2"):
        methods("loging", "v2")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("documentation.content", "documentation.content"),
        ("userLabels.pipeline", "userLabels"),
        ("conditions[0].conditionThreshold.thresholdValue", "conditions"),
    ],
)
def test_a_mask_ends_at_a_list_or_a_map(path: str, named: str) -> None:
    assert method("monitoring", "v3", "projects.alertPolicies.patch").mask_path(path) == named


def test_each_schema_of_an_interface_is_one_that_can_be_checked() -> None:
    """Also those that refer to themselves."""
    for api, version in (("monitoring", "v1"), ("monitoring", "v3"), ("logging", "v2")):
        for each in methods(api, version):
            if "request" in each.described:
                with pytest.raises(InvalidRequest, match="'no_such_field' was unexpected"):
                    check_body(each, {"no_such_field": 1})
