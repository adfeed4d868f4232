"""The job that calls the dispatcher, as scheduler.yaml says it."""

import base64

from deployment.engine.declared import Declared, Kind
from deployment.flags_file import fields_of
from deployment.settings import Settings

JOB = Kind(api="cloudscheduler", version="v1", collection="projects.locations.jobs", id_in="body")

FIELDS = {
    "--schedule": "schedule",
    "--time-zone": "timeZone",
    "--http-method": "httpTarget.httpMethod",
    "--message-body": "httpTarget.body",
    "--attempt-deadline": "attemptDeadline",
    "--max-retry-attempts": "retryConfig.retryCount",
    "--max-retry-duration": "retryConfig.maxRetryDuration",
    "--min-backoff": "retryConfig.minBackoffDuration",
    "--max-backoff": "retryConfig.maxBackoffDuration",
    "--max-doublings": "retryConfig.maxDoublings",
    "--description": "description",
}
"""The field that each flag of `gcloud scheduler jobs create http` sets."""

MARK = "[paused by deploy.sh]"
"""Ends the description of a job that SCHEDULE has paused."""


def job(settings: Settings, described: str = "") -> Declared:
    """The job. Its description stays as it is if scheduler.yaml has none."""
    fields = fields_of(settings.file("scheduler.yaml"), FIELDS)
    url = settings.url("dispatcher")
    target = fields.setdefault("httpTarget", {})
    target |= {
        "uri": f"{url}/",
        "httpMethod": target.get("httpMethod", "POST").upper(),
        "oidcToken": {"serviceAccountEmail": settings.account("scheduler"), "audience": url},
    }
    if "body" in target:
        target["body"] = base64.b64encode(target["body"].encode()).decode()
    own = fields.get("description", described.removesuffix(MARK).removesuffix(" "))
    fields["description"] = f"{own} {MARK}".lstrip() if settings.schedule == "paused" else own
    return Declared(what=f"job {settings.job}", kind=JOB, parent=settings.place, id=settings.job, fields=fields)
