"""What went wrong with a request, and what to do about it: by the codes, reasons and details of Google's errors.

https://cloud.google.com/apis/design/errors
https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from deployment.engine.organization_policy import advice_about, constraints_in
from functions.shared.project_files import deploy_command

_PASSING = frozenset({"RESOURCE_EXHAUSTED", "UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", "ABORTED", "UNKNOWN"})
"""Codes of what passes by itself."""

_CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
"""By their numbers. https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""

UNFINISHED = "UNFINISHED"
"""Our own code, of what a run waits for no longer. To ask for it anew would not hasten it."""

_API_OFF = "SERVICE_DISABLED"
_BILLING = "link a billing account: gcloud billing projects link {project} --billing-account=ACCOUNT"
_LOG_IN = "log in again: gcloud auth application-default login, or gcloud auth login"

_ADVICE_FOR_REASON = {
    _API_OFF: "an API that was just enabled can take ten minutes to be ready; wait a little.",
    "BILLING_DISABLED": _BILLING,
    "UREQ_PROJECT_BILLING_NOT_FOUND": _BILLING,
    "ACCESS_TOKEN_EXPIRED": _LOG_IN,
    "SECURITY_POLICY_VIOLATED": (
        "a perimeter of VPC Service Controls forbids this; who administers it finds why by the id in the message. "
        "docs/guides/organization.md has what the pipeline needs in a perimeter."
    ),
    "LOCATION_ORG_POLICY_VIOLATED": advice_about(["gcp.resourceLocations"]),
    "CUSTOM_ORG_POLICY_VIOLATION": advice_about([]),
    "USER_PROJECT_DENIED": (
        "your account needs roles/serviceusage.serviceUsageConsumer on {project}, whose quota the calls count for."
    ),
}
"""By the reason of an ErrorInfo.
https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto"""

_ADVICE_OF_ANOTHER = (
    "Google counts these calls for the project {consumer}, in which the API is off: have them counted for this one, "
    "export GOOGLE_CLOUD_QUOTA_PROJECT={project}, or turn it on there, "
    "gcloud services enable {api}.googleapis.com --project={consumer}"
)
"""https://cloud.google.com/docs/quotas/set-quota-project"""

_ADVICE_OF_SERVICE_USAGE = (
    "the Service Usage API, by which a deployment turns on all others, is off in the project {consumer}, for which "
    "Google counts these calls: gcloud services enable serviceusage.googleapis.com --project={consumer}"
)
"""gcloud counts its own calls for a project of Google's. https://cloud.google.com/service-usage/docs/getting-started"""

_ADVICE_FOR_METHOD = {
    ("cloudkms.projects.locations.keyRings.cryptoKeys.setIamPolicy", "PERMISSION_DENIED"): (
        "the key's administrator lets Google's services use it: docs/guides/encryption.md has the commands."
    ),
    ("run.projects.locations.builds.submit", "FAILED_PRECONDITION"): (
        'Cloud Build builds only in some regions for this project: docs/start/deploy.md names them under "Choose the '
        'settings".'
    ),
    ("run.projects.locations.builds.submit", "INVALID_ARGUMENT"): (
        "the message names the setting that is wrong, or what the account that builds may not do: then wait a little, "
        "and run this again."
    ),
    ("cloudtasks.projects.locations.queues.create", "FAILED_PRECONDITION"): (
        "Cloud Tasks keeps the name of a deleted queue for some days, and {target} was one; set QUEUE_NAME to another "
        "one, which all queues' names follow."
    ),
}

_ADVICE_FOR_FIELD = {
    "template.scaling.max_instance_count": (
        "a function may have more CPUs than Cloud Run's quota in the region: lower its MAX_INSTANCES or CPU in "
        'deploy.env, or ask for more, as docs/guides/deployment.md says under "CPUs".'
    )
}
"""By the field that a BadRequest names."""

_ADVICE_FOR_CODE = {
    "UNAUTHENTICATED": _LOG_IN,
    "PERMISSION_DENIED": (
        "your account lacks a permission. An administrator grants what a deployment needs: "
        "{deploy} --bootstrap --deployer=MEMBER (docs/guides/permissions.md)."
    ),
    "RESOURCE_EXHAUSTED": (
        "a quota is used up; wait a minute, or ask for more at "
        "https://console.cloud.google.com/iam-admin/quotas?project={project}"
    ),
    "INVALID_ARGUMENT": "a setting is not one that Google takes; the message names it.",
    "FAILED_PRECONDITION": "something else has to be so first; the message names it.",
    "NOT_FOUND": "somebody has removed what the request is about, or it cannot be seen everywhere yet: wait a little.",
    "ALREADY_EXISTS": "somebody else has made it meanwhile: the next run finds it.",
    UNFINISHED: "wait until it is over, and run this again.",
    "ABORTED": "somebody else has changed it meanwhile: the next run reads it again.",
    **dict.fromkeys(
        ("UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED"),
        "Google, or the way to it, fails: wait a little (https://status.cloud.google.com). Behind a proxy, or with a "
        "company's certificates, set HTTPS_PROXY and REQUESTS_CA_BUNDLE.",
    ),
}
_NO_ADVICE = 'see docs/guides/deployment.md, "Errors that people meet".'


@dataclass(kw_only=True, eq=False)
class GoogleError(Exception):
    """A request that failed: the method and what it was about, the status of HTTP, or 0 if no answer came, the
    canonical code, and what Google says. Of the ErrorInfo are the reason, such as SERVICE_DISABLED, and the consumer,
    the project whose quota the request counts for; `is_anothers` if that is not the one that is deployed to. The
    constraints are of the organization's policies that it violates, the fields, those of the request that are wrong.
    The caller may know better than the code what to do: the advice; and what to do first if Google may not see
    everywhere yet what the request concerns: `unseen`."""

    request: str
    status: int
    code: str
    message: str
    reason: str = ""
    consumer: str = ""
    violations: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    advice: str = ""
    retry_after: float = 0.0
    is_anothers: bool = False
    unseen: str = ""

    @classmethod
    def of_answer(cls, request: str, status: int, document: Any) -> "GoogleError":
        """The error in an answer, which may be none of Google's: that of a proxy, for example."""
        error = document.get("error") if isinstance(document, dict) else None
        if not isinstance(error, dict):
            return cls(request=request, status=status, code=_code_of(status), message=str(document)[:1000])
        details = [each for each in error.get("details", []) if isinstance(each, dict)]
        message, violations = error.get("message", ""), tuple(_violations(details))
        named = [each["metadata"].get("customConstraints", "") for each in details if "metadata" in each]
        return cls(
            request=request,
            status=status,
            code=error.get("status") or _code_of(status),
            message=message,
            constraints=constraints_in([*named, *violations, message]),
            reason=next((each["reason"] for each in details if "reason" in each), ""),
            consumer=next(
                (
                    each["metadata"]["consumer"].rpartition("/")[2]
                    for each in details
                    if "consumer" in each.get("metadata", {})
                ),
                "",
            ),
            violations=violations,
            fields=tuple(
                violation.get("field", "") for each in details for violation in each.get("fieldViolations", [])
            ),
            links=tuple(link["url"] for each in details for link in each.get("links", []) if "url" in link),
        )

    @classmethod
    def of_connection(cls, request: str, error: Exception) -> "GoogleError":
        """That no answer came: nobody knows whether the request was carried out."""
        return cls(request=request, status=0, code="UNAVAILABLE", message=str(error))

    @classmethod
    def of_operation(cls, name: str, status: dict[str, Any]) -> "GoogleError":
        """How an operation ended. https://cloud.google.com/apis/design/errors#error_model"""
        number = status.get("code")
        code = _CODES[number] if isinstance(number, int) and 0 < number < len(_CODES) else "UNKNOWN"
        document = {"error": {**status, "status": code}}
        return cls.of_answer(name, HTTPStatus.OK, document)

    @classmethod
    def of_odd_answer(cls, request: str, document: Any) -> "GoogleError":
        """That an answer has not what it must have. It may be that of a proxy, and another one better."""
        text = f"the answer lacks what it must have: {document}"
        return cls(request=request, status=HTTPStatus.OK, code="UNKNOWN", message=text[:1000])

    def __str__(self) -> str:
        return self.message

    @property
    def passes(self) -> bool:
        is_in_progress = "activation or deactivation is in progress" in self.message
        return (
            self.code in _PASSING
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or self.api_is_off
            or (is_in_progress and self.code == "FAILED_PRECONDITION")
        )

    @property
    def is_final(self) -> bool:
        """Whether it says itself that no time helps: it names a field of ours, a rule of the organization, or a
        precondition of ours."""
        return bool(
            (self.fields and self.code == "INVALID_ARGUMENT")
            or self.constraints
            or (self.reason in _ADVICE_FOR_REASON and not self.api_is_off)
            or self.status == HTTPStatus.PRECONDITION_FAILED
        )

    @property
    def may_be_done(self) -> bool:
        """Whether the request may have been carried out all the same."""
        is_odd_answer = self.status == HTTPStatus.OK and not self.of_what_was_begun
        return is_odd_answer or self.status == 0 or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def of_what_was_begun(self) -> bool:
        """Whether a request was taken, and what it began has failed."""
        return "operations/" in self.request

    @property
    def api_is_off(self) -> bool:
        """Whether the interface is not enabled, or not yet, and a deployment can enable it."""
        return self.reason == _API_OFF and not self.is_anothers and not self.service_usage_is_off

    @property
    def service_usage_is_off(self) -> bool:
        """Whether the interface is off by which others are enabled."""
        return self.reason == _API_OFF and self.request.startswith("serviceusage.")

    @property
    def is_absence(self) -> bool:
        return self.code == "NOT_FOUND"

    def report(self, project: str) -> Iterator[str]:
        yield f"Request: {self.request}"
        yield f"Google says: {self.code}{f' ({self.reason})' if self.reason else ''}: {self.message}"
        yield from (f"  {violation}" for violation in self.violations)
        yield from (f"  {link}" for link in self.links)
        yield f"What to do: {self.to_do(project)}"

    def to_do(self, project: str) -> str:
        advice = (
            (_ADVICE_OF_ANOTHER if self.reason == _API_OFF and self.is_anothers else "")
            or (_ADVICE_OF_SERVICE_USAGE if self.service_usage_is_off else "")
            or (advice_about(self.constraints) if self.constraints else "")
            or self.advice
            or next((_ADVICE_FOR_FIELD[field] for field in self.fields if field in _ADVICE_FOR_FIELD), "")
            or _ADVICE_FOR_REASON.get(self.reason)
            or _ADVICE_FOR_METHOD.get((self.request.partition(" ")[0], self.code))
            or _ADVICE_FOR_CODE.get(self.code, _NO_ADVICE)
        )
        target, api = self.request.rpartition("/")[2], self.request.partition(".")[0]
        consumer = self.consumer or project
        advice = advice.format(project=project, deploy=deploy_command(), target=target, consumer=consumer, api=api)
        if not self.unseen:
            return advice
        # What is new may also be refused for good.
        is_refusal = self.code in {"PERMISSION_DENIED", "FAILED_PRECONDITION"}
        return f"{self.unseen} If it stays so: {advice}" if is_refusal else self.unseen


def _violations(details: list[dict[str, Any]]) -> Iterator[str]:
    for detail in details:
        for violation in [*detail.get("violations", []), *detail.get("fieldViolations", [])]:
            yield ": ".join(
                str(violation[key])
                for key in ("type", "subject", "field", "quotaMetric", "description")
                if violation.get(key)
            )


def _code_of(status: int) -> str:
    """The code where an answer names none. https://cloud.google.com/apis/design/errors#handling_errors"""
    known = {
        HTTPStatus.BAD_REQUEST: "INVALID_ARGUMENT",
        HTTPStatus.UNAUTHORIZED: "UNAUTHENTICATED",
        HTTPStatus.FORBIDDEN: "PERMISSION_DENIED",
        HTTPStatus.NOT_FOUND: "NOT_FOUND",
        HTTPStatus.CONFLICT: "ABORTED",
        HTTPStatus.PRECONDITION_FAILED: "FAILED_PRECONDITION",
        HTTPStatus.TOO_MANY_REQUESTS: "RESOURCE_EXHAUSTED",
        HTTPStatus.SERVICE_UNAVAILABLE: "UNAVAILABLE",
        HTTPStatus.GATEWAY_TIMEOUT: "DEADLINE_EXCEEDED",
    }
    return known.get(HTTPStatus(status), "UNKNOWN") if status in set(HTTPStatus) else "UNKNOWN"
