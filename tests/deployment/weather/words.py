"""Google's own words, by the belief that has struck. tests/documents/google_beliefs.yaml says where they were read."""

from http import HTTPStatus

from tests.deployment.stand_in.cloud_run import UNABLE_TO_PULL
from tests.deployment.stand_in.rest_request import RestAnswer, rest_error

_WORDS = {
    "act-as": (403, "Permission 'iam.serviceAccounts.actAs' denied on service account {name} (or it may not exist)."),
    "act-as-unseen": (
        404,
        "Service account projects/-/serviceAccounts/{name} was not found. Please verify that it exists, and that the "
        "caller has been granted the 'iam.serviceAccounts.actAs' permission.",
    ),
    "api-forbidden": (403, "The caller does not have permission"),
    "api-warming": (
        403,
        "{title} API has not been used in project {number} before or it is disabled. Enable it by visiting "
        "https://console.developers.google.com/apis/api/{name}/overview?project={number} then retry. If you enabled "
        "this API recently, wait a few minutes for the action to propagate to our systems and retry.",
    ),
    "account-forbidden": (403, "Permission 'iam.serviceAccounts.{verb}' denied on resource (or it may not exist)."),
    "account-unseen": (404, "Unknown service account {name}."),
    "database-unseen": (404, "Project '{project}' or database '{last}' does not exist."),
    "enable-in-progress": (
        400,
        "Another activation or deactivation is in progress for the following service(s): {name} and project {project}.",
    ),
    "grant-build": (
        400,
        "Invalid build request. could not resolve source: googleapi: Error 403: {name} does not have "
        "storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on "
        "resource (or it may not exist)., forbidden",
    ),
    "grant-image": (403, UNABLE_TO_PULL.replace("{agent}", "{name}")),
    "member-unknown": (400, "Service account {name} does not exist."),
    "metric-unknown-to-objectives": (
        400,
        "Invalid SLO definition: The metric referenced by the provided filter is unknown. Check the metric name and "
        "labels.",
    ),
    "objective-unknown-to-alerts": (
        404,
        "The metric referenced by the provided filter is unknown. Check the metric name and labels.",
    ),
    "other-unseen": (404, "Requested entity was not found."),
    "rate-limit": (429, "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'."),
    "secret-unseen": (404, "Secret [{name}] not found."),
    "service-unseen": (
        404,
        "Resource '{last}' of kind 'SERVICE' in region 'us-central1' in project '{project}' does not exist.",
    ),
    "topic-unseen": (404, "Resource not found (resource={last})."),
}
_CODES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}

UNABLE_TO_READ = (
    "Revision 'r' is not ready and cannot serve traffic. spec.template.spec.containers[0].env[12].value_from."
    "secret_key_ref.name: Permission denied on secret: {name}/versions/1 for Revision service account {account}."
)
ENABLED_IN_PART = "{number} encountered internal error. Error code: 160009, with failed services [{names}]"

CONFLICTS = {
    "monitoring.projects.alertPolicies.create": "There are too many concurrent edits to the project configuration.",
    "firestore.projects.databases.collectionGroups.indexes.create": "Aborted due to cross-transaction contention.",
    "firestore.projects.databases.collectionGroups.fields.patch": "Please retry, underlying data changed.",
    "cloudscheduler.projects.locations.jobs.create": "sync mutate calls cannot be queued",
    "cloudscheduler.projects.locations.jobs.patch": "sync mutate calls cannot be queued",
    "setIamPolicy": "There were concurrent policy changes. Please retry the whole read-modify-write.",
}
"""What comes with 409, by the method, or its verb."""


def says(belief: str, name: str = "", **words: str) -> RestAnswer:
    """What Google answers when a belief strikes.

    Args:
        belief: its id.
        name: what is unseen, off, or not allowed.
        words: what else the text names.
    """
    status, text = _WORDS[belief]
    text = text.format(name=name, last=name.rpartition("/")[2], title=name.partition(".")[0].title(), **words)
    code = "FAILED_PRECONDITION" if belief == "enable-in-progress" else _CODES[status]
    reason = "SERVICE_DISABLED" if belief == "api-warming" else ""
    http_status, answer = rest_error(HTTPStatus(status), code, text, reason=reason)
    if reason:
        consumer = {"service": name, "consumer": f"projects/{words['number']}"}
        answer["error"]["details"][0] |= {"domain": "googleapis.com", "metadata": consumer}
    return http_status, answer
