"""Cloud Run's quota of CPUs in a region, 20 in a new project. Google refuses a function that may have more by itself,
and starts no instance while all together have as many.

https://cloud.google.com/run/docs/configuring/max-instances-limits
"""

import shlex
from collections.abc import Iterator

from deployment.engine.discovery import Method, Resource
from deployment.engine.google_error import GoogleError
from deployment.run import Run

_QUOTA = "CpuAllocPerProjectRegion"
_UNLIMITED = -1

# google-api-python-client ships no document of Cloud Quotas.
# https://cloud.google.com/docs/quotas/reference/rest/v1/projects.locations.services.quotaInfos/get
QUOTA = Method(
    api="cloudquotas",
    version="v1",
    described={
        "id": "cloudquotas.projects.locations.services.quotaInfos.get",
        "httpMethod": "GET",
        "path": "v1/{+name}",
        "parameters": {
            "name": {"location": "path", "pattern": "^projects/[^/]+/locations/global/services/[^/]+/quotaInfos/[^/]+$"}
        },
    },
)


def complete_sizes(run: Run) -> None:
    """The sizes that follow from the queues and from other settings, where they are not set."""
    settings = run.settings
    # As many as it takes to keep all queues' concurrency busy; fewer would answer 429, which slows the queues down.
    workers = -(-settings.most_at_once * settings.queues // settings.sizes["worker"].concurrency)
    # For two runs at once: that of the hour, and one that is late.
    dispatchers = -(-2 // settings.sizes["dispatcher"].concurrency)
    run.settings = settings.with_size("worker", max_instances=workers).with_size(
        "dispatcher", max_instances=dispatchers
    )


def wrong_quota(run: Run, *, warns: bool) -> Iterator[str]:
    """A line if a function has no room in the quota. What cannot be read is no mistake: on a new project, the interface
    that knows the quota is not on yet in the checks; once it is on, nothing is made before this."""
    if run.has_read_quota:
        return
    name = f"projects/{run.settings.project_id}/locations/global/services/run.googleapis.com/quotaInfos/{_QUOTA}"
    reason = "the API that knows it is not on yet"
    try:
        quota = run.client.read(QUOTA.request(name))
    except GoogleError as error:
        quota, reason = None, error.message
    if quota is not None:
        run.has_read_quota = True
        yield from _too_large(run, quota)
    elif warns:
        run.report.warn(
            f"the quota of Cloud Run's CPUs is not read, so a function may turn out to be too large: {reason}"
        )


def _too_large(run: Run, info: Resource) -> Iterator[str]:
    settings = run.settings
    quota = cpu_quota(info, settings.region)
    if quota is None:
        return
    needs = {name: settings.sizes[name].max_instances * settings.sizes[name].cpu for name in settings.deployed}
    total = sum(needs.values()) + run.options.console
    for name, need in needs.items():
        if need * 1000 > quota:
            variable, size = name.upper().replace("-", "_"), settings.sizes[name]
            yield (
                f"{variable}_MAX_INSTANCES={size.max_instances} with {variable}_CPU={size.cpu} needs a quota of {need} "
                f"vCPU in {settings.region} (run.googleapis.com, {_QUOTA}), and the project has {quota // 1000}. Make "
                f"it smaller, or ask for more: {_request(run, total)}"
            )
            return
    if total * 1000 > quota:
        run.report.warn(
            f"all functions together may need {total} vCPU of Cloud Run in {settings.region}, and the quota {_QUOTA} "
            f"is {quota // 1000}: under full load, calls wait and are repeated. To ask for more: {_request(run, total)}"
        )


def cpu_quota(info: Resource, region: str) -> int | None:
    """The quota of a region, in thousandths of a CPU: its own value, or that of all regions that have none; None
    without a limit. https://cloud.google.com/docs/quotas/reference/rest/v1/projects.locations.services.quotaInfos"""
    values: dict[str, int] = {}
    for one in info.get("dimensionsInfos", []):
        named = one.get("dimensions", {}).get("region", "")
        if named in ("", region) and region in one.get("applicableLocations", [region]):
            values[named] = int(one.get("details", {}).get("value", _UNLIMITED))
    value = values.get(region, values.get("", _UNLIMITED))
    return None if value == _UNLIMITED else value


def _request(run: Run, cpus: int) -> str:
    """https://cloud.google.com/docs/quotas/gcloud-cli-examples"""
    project = run.settings.project_id
    return shlex.join(
        [
            *("gcloud", "beta", "quotas", "preferences", "create", "--service=run.googleapis.com"),
            *(f"--quota-id={_QUOTA}", f"--dimensions=region={run.settings.region}", f"--preferred-value={cpus * 1000}"),
            *("--email=YOUR-ADDRESS", f"--project={project}", f"--billing-project={project}"),
        ]
    )
