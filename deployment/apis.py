"""The interfaces of Google that the pipeline and its deployment use: enabled where they are not.

Before the plan: a plan that takes what they know for absent could make what is there.
"""

from deployment.engine.declared import API
from deployment.engine.discovery import method
from deployment.engine.google_error import GoogleError
from deployment.resources.project import PROJECT
from deployment.run import Run

APIS = (
    *("artifactregistry", "cloudbuild", "cloudquotas", "cloudresourcemanager", "cloudscheduler", "cloudtasks"),
    *("firestore", "iam", "logging", "monitoring", "pubsub", "run", "secretmanager", "storage"),
)

_WITHOUT_ORGANIZATION = (
    "this project is in no organization: nobody can open the console before it has an OAuth client of your own, as "
    'docs/guides/console.md says under "In no organization".'
)
"""https://docs.cloud.google.com/iap/docs/custom-oauth-configuration"""


def enabled_apis(run: Run) -> frozenset[str]:
    """The interfaces that are on, such as `run`."""
    names = [each["name"] for each in run.client.all_of(API, f"projects/{run.settings.project_id}")]
    return frozenset(name.rpartition("/")[2].removesuffix(".googleapis.com") for name in names)


def read_project(run: Run) -> str:
    """Set what the settings have of the project; return its state, such as ACTIVE, or nothing if that cannot be read
    yet. A bare project has little on but Service Usage, which knows the number alone.
    https://cloud.google.com/service-usage/docs/enabled-service#default"""
    client, project = run.client, f"projects/{run.settings.project_id}"
    try:
        there = client.send(PROJECT.method("get").request(project))
        found = {"project_number": there["name"].rpartition("/")[2], "project_created": there["createTime"]}
        if run.options.console and not there.get("parent"):
            run.report.warn(_WITHOUT_ORGANIZATION)
            run.report.warn_last(_WITHOUT_ORGANIZATION)
    except GoogleError as error:
        if not error.api_is_off:
            raise
        manager = client.send(API.method("get").request(f"{project}/services/cloudresourcemanager.googleapis.com"))
        number = manager["name"].split("/")[1]
        error.is_anothers = error.consumer not in {run.settings.project_id, number}
        if error.is_anothers or run.options.teardown or not client.apis_may_be_off:
            raise
        there, found = {}, {"project_number": number, "project_created": ""}
    run.settings = run.settings.model_copy(update=found)
    client.number = run.settings.project_number
    return str(there.get("state", ""))


def needed_apis(run: Run) -> list[str]:
    return [
        *APIS,
        *(["firebaserules"] if run.options.firestore_rules else []),
        *(["iap"] if run.options.console else []),
        *(["sqladmin"] if run.settings.kind_instances else []),
        *(["cloudkms"] if run.settings.kms_key else []),
        *(["billingbudgets", "cloudbilling"] if run.settings.budget else []),
    ]


def enable_apis(run: Run) -> bool:
    """Enable what the run needs; return whether something was enabled."""
    run.report.step("apis", "APIs")
    options, project = run.options, f"projects/{run.settings.project_id}"
    apis, enabled = needed_apis(run), enabled_apis(run)
    missing, ids = [api for api in apis if api not in enabled], list[str]()
    for api in apis:
        if api not in missing:
            run.report.note("unchanged", f"API {api}")
    if missing:
        # At most 20 at once.
        ids += [f"{api}.googleapis.com" for api in missing]
        asked = method("serviceusage", "v1", "services.batchEnable").request(project, {"serviceIds": ids})
        lines = [("created", f"API {api}") for api in missing]
        run.act(lines, [asked], lambda: run.client.send(asked, kind=API))
        run.report.say("  What they know can be read once they are on. Until then, nothing of it counts as there.")
    if run.acts and not options.dry_run:
        run.carry_out()
        run.client.remember()
        missing = []
    run.client.apis_may_be_off = bool(missing)
    if not missing and not run.settings.project_created:
        read_project(run)
    return bool(ids) and not missing
