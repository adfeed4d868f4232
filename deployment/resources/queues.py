"""The report queues, and the queue by which the dispatcher hands the rest of a run to itself."""

import re
from datetime import date
from typing import Any

from deployment.engine.declared import Declared, Kind
from deployment.engine.google_client import GoogleClient
from deployment.engine.policy import Grant
from deployment.flags_file import fields_of
from deployment.settings import Settings
from functions.shared.queues.ramp import Ramp

QUEUE = Kind(api="cloudtasks", version="v2", collection="projects.locations.queues", id_in="body", may_be_buried=True)
"""For three days after it was deleted: https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues/delete"""

FIELDS = {
    "--max-dispatches-per-second": "rateLimits.maxDispatchesPerSecond",
    "--max-concurrent-dispatches": "rateLimits.maxConcurrentDispatches",
    "--max-attempts": "retryConfig.maxAttempts",
    "--max-retry-duration": "retryConfig.maxRetryDuration",
    "--min-backoff": "retryConfig.minBackoff",
    "--max-backoff": "retryConfig.maxBackoff",
    "--max-doublings": "retryConfig.maxDoublings",
    "--log-sampling-ratio": "stackdriverLoggingConfig.samplingRatio",
}
"""The field that each flag of `gcloud tasks queues create` sets."""

_SETTER = "roles/cloudtasks.queueAdmin"
_MAKER = "roles/cloudtasks.enqueuer"


def queues(settings: Settings, today: date) -> list[Declared]:
    """The queues of a project. `today`, in UTC, tells how far a ramp is."""
    fields = fields_of(settings.file("queue.yaml"), FIELDS)
    rate = rate_of_the_ramp(settings, today)
    if rate is not None:
        fields.setdefault("rateLimits", {})["maxDispatchesPerSecond"] = rate
    continuations = fields_of(settings.folder / "continuation-queue.yaml", FIELDS)
    return [
        *(_queue(settings, name, fields, sets_rate=rate is not None) for name in queue_names(settings)),
        _queue(settings, settings.continuations, continuations, sets_rate=False),
    ]


def no_queues(settings: Settings, client: GoogleClient) -> list[Declared]:
    """That a project is to have none of them, however many there are."""
    names = [queue["name"].rpartition("/")[2] for queue in client.all_of(QUEUE, settings.place)]
    # The last is what QUEUE_NAME did not change in older versions.
    own = (settings.continuations, f"{settings.prefix}-continuations")
    ours = re.compile(rf"{re.escape(settings.queue_name)}(-[0-9]+)?|{'|'.join(map(re.escape, own))}")
    return [_queue(settings, name, {}, sets_rate=False).gone() for name in names if ours.fullmatch(name)]


def rate_of_the_ramp(settings: Settings, today: date) -> float | None:
    """The dispatches a second of each report queue while a new domain is ramped up; None without a ramp, or once it is
    over."""
    if settings.ramp_start is None:
        return None
    ramp = Ramp(
        start=settings.ramp_start,
        first_day=settings.ramp_first_day,
        growth=settings.ramp_growth,
        full_rate=settings.full_rate,
        queues=settings.queues,
    )
    return None if ramp.is_over(today) else ramp.rate(today)


def queue_names(settings: Settings) -> list[str]:
    return [settings.queue_name, *(f"{settings.queue_name}-{number}" for number in range(2, settings.queues + 1))]


def _queue(settings: Settings, name: str, fields: dict[str, Any], *, sets_rate: bool) -> Declared:
    dispatcher = f"serviceAccount:{settings.account('dispatcher')}"
    setter = Grant(role=_SETTER, member=dispatcher)
    makers = settings.task_makers if name != settings.continuations else ("dispatcher",)
    makes = [Grant(role=_MAKER, member=settings.member(each)) for each in makers]
    formerly = {setter, Grant(role=_MAKER, member=settings.member("worker"))}
    paused = (
        f"queue {name} is paused by hand and stays so: it sends no report.",
        f"To resume it: gcloud tasks queues resume {name} --location={settings.region} --project={settings.project_id}",
    )
    return queue(
        settings,
        name,
        # It would send each task elsewhere than the task says.
        fields={**fields, "httpTarget": None},
        left_alone=lambda actual: () if actual.get("state") == "RUNNING" else paused,
        grants=(
            *makes,
            # For the queue's retry settings, which the dispatcher reads.
            Grant(role="roles/cloudtasks.viewer", member=dispatcher),
            *([setter] if sets_rate else []),
        ),
        takes_back=lambda grant: grant in formerly,
    )


def queue(settings: Settings, name: str, **rest: Any) -> Declared:
    gcloud = f"tasks queues {name} --location={settings.region}"
    return Declared(what=f"queue {name}", kind=QUEUE, parent=settings.place, id=name, in_gcloud=gcloud, **rest)
