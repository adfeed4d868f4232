"""The interfaces of Google that the pipeline and its deployment use: enabled where they are not.

Before the plan: a plan that takes what they know for absent could make what is there.
"""

from deployment.engine.declared import API
from deployment.engine.discovery import method
from deployment.run import Run

APIS = (
    *("artifactregistry", "cloudbuild", "cloudquotas", "cloudresourcemanager", "cloudscheduler", "cloudtasks"),
    *("firestore", "iam", "logging", "monitoring", "pubsub", "run", "secretmanager", "storage"),
)


def enabled_apis(run: Run) -> frozenset[str]:
    """The interfaces that are on, such as `run`."""
    names = [each["name"] for each in run.client.all_of(API, f"projects/{run.settings.project_id}")]
    return frozenset(name.rpartition("/")[2].removesuffix(".googleapis.com") for name in names)


def enable_apis(run: Run) -> None:
    """Enable what the run needs."""
    run.report.step("apis", "APIs")
    options, project = run.options, f"projects/{run.settings.project_id}"
    apis = [
        *APIS,
        *(["firebaserules"] if options.firestore_rules else []),
        *(["iap"] if options.console else []),
        *(["sqladmin"] if run.settings.kind_instances else []),
        *(["cloudkms"] if run.settings.kms_key else []),
        *(["billingbudgets", "cloudbilling"] if run.settings.budget else []),
    ]
    enabled = enabled_apis(run)
    missing = [api for api in apis if api not in enabled]
    for api in apis:
        if api not in missing:
            run.report.note("unchanged", f"API {api}")
    if missing:
        # At most 20 at once.
        ids = [f"{api}.googleapis.com" for api in missing]
        asked = method("serviceusage", "v1", "services.batchEnable").request(project, {"serviceIds": ids})
        lines = [("created", f"API {api}") for api in missing]
        run.act(lines, [asked], lambda: run.client.send(asked, kind=API))
        run.report.say("  What they know can be read once they are on. Until then, nothing of it counts as there.")
    if run.acts and not options.dry_run:
        run.carry_out()
        missing = []
    run.client.apis_may_be_off = bool(missing)
