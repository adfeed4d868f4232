"""An error is known by its code, reason and details, and each says what to do."""

from typing import Any

import pytest

from deployment.engine.google_error import GoogleError


def error(status: int, code: str = "", *details: dict[str, Any], message: str = "No.") -> GoogleError:
    document = {"error": {"code": status, "message": message, "details": list(details)}}
    if code:
        document["error"]["status"] = code
    return GoogleError.of_answer("logging.projects.metrics.get projects/p/metrics/m", status, document)


OFF = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}
QUOTA = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"subject": "project:p", "description": "Write requests per minute"}],
}
POLICY = {
    "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
    "violations": [{"type": "constraints/gcp.resourceLocations", "subject": "p", "description": "us-central1"}],
}
MANAGED = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "CUSTOM_ORG_POLICY_VIOLATION",
    "metadata": {"customConstraints": "constraints/iam.managed.allowedPolicyMembers", "resource": "projects/p"},
}
CUSTOM = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "CUSTOM_ORG_POLICY_VIOLATION",
    "metadata": {"customConstraints": "customConstraints/custom.noPublicServices", "service": "run.googleapis.com"},
}
PERIMETER: list[dict[str, Any]] = [
    {
        "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
        "violations": [{"type": "VPC_SERVICE_CONTROLS", "description": "4Tg"}],
    },
    {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SECURITY_POLICY_VIOLATED",
        "metadata": {"uid": "4Tg", "service": "run.googleapis.com"},
    },
]
HELP = {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"url": "https://example.com/help"}]}


@pytest.mark.parametrize(
    ("failed", "passes"),
    [
        (error(429, "RESOURCE_EXHAUSTED", QUOTA), True),
        (error(500), True),
        (error(502), True),
        (error(503, "UNAVAILABLE"), True),
        (error(409, "ABORTED"), True),
        (error(403, "PERMISSION_DENIED", OFF), True),
        (GoogleError.of_connection("x", OSError("reset")), True),
        (error(403, "PERMISSION_DENIED"), False),
        (error(400, "INVALID_ARGUMENT"), False),
        (error(404, "NOT_FOUND"), False),
        (error(409, "ALREADY_EXISTS"), False),
        (error(401, "UNAUTHENTICATED"), False),
    ],
)
def test_what_passes_by_itself(failed: GoogleError, *, passes: bool) -> None:
    assert failed.passes == passes


@pytest.mark.parametrize(
    ("failed", "lines"),
    [
        (error(403, "PERMISSION_DENIED"), ["PERMISSION_DENIED: No.", "docs/guides/permissions.md"]),
        (error(403, "PERMISSION_DENIED", OFF), ["(SERVICE_DISABLED)", "ten minutes"]),
        (
            error(429, "RESOURCE_EXHAUSTED", QUOTA),
            ["project:p: Write requests per minute", "quotas?project=my-project"],
        ),
        (
            error(400, "FAILED_PRECONDITION", POLICY),
            ["constraints/gcp.resourceLocations", "set REGION and FIRESTORE_LOCATION", "docs/guides/organization.md"],
        ),
        (
            error(412, message="'us-central1' violates constraint 'constraints/gcp.resourceLocations'."),
            ["FAILED_PRECONDITION", "set REGION and FIRESTORE_LOCATION"],
        ),
        (error(400, "FAILED_PRECONDITION", MANAGED), ["(CUSTOM_ORG_POLICY_VIOLATION)", "have my-project excepted"]),
        (error(403, "PERMISSION_DENIED", CUSTOM), ["an exception for my-project", "docs/guides/organization.md"]),
        (
            error(403, "PERMISSION_DENIED", *PERIMETER),
            ["VPC_SERVICE_CONTROLS: 4Tg", "a perimeter of VPC Service Controls"],
        ),
        (error(400, "INVALID_ARGUMENT", HELP), ["https://example.com/help", "a setting"]),
        (error(401), ["UNAUTHENTICATED", "gcloud auth login"]),
        (error(418), ["UNKNOWN", "Errors that people meet"]),
    ],
)
def test_it_says_what_to_do(failed: GoogleError, lines: list[str]) -> None:
    text = "\n".join(failed.report("my-project"))
    assert "Request: logging.projects.metrics.get projects/p/metrics/m" in text
    for line in lines:
        assert line in text


@pytest.mark.parametrize("document", ["<html>Bad gateway</html>", {}, ["x"], {"error": "invalid_grant"}])
def test_an_answer_that_is_none_of_googles_is_an_error_too(document: Any) -> None:
    failed = GoogleError.of_answer("x", 502, document)
    assert (failed.code, failed.passes) == ("UNKNOWN", True)
