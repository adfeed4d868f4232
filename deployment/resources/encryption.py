"""The team's own key, KMS_KEY: who may use it. What is encrypted with it names the key itself.

docs/guides/encryption.md says what that is, and what of it cannot be changed later.
"""

from deployment.engine.declared import Declared, Kind
from deployment.engine.discovery import method
from deployment.engine.policy import Grant
from deployment.resources.project import google_account, of_google
from deployment.settings import Settings

KEY = Kind(api="cloudkms", version="v1", collection="projects.locations.keyRings.cryptoKeys")
TASKS = Kind(api="cloudtasks", version="v2", collection="projects.locations", single="CmekConfig")

_USES = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
_APIS = ("artifactregistry", "cloudtasks", "firestore", "pubsub", "secretmanager", "run")
"""The services whose own accounts encrypt."""
_OF_STORAGE = "gs-project-accounts"
"""Cloud Storage makes its own. https://cloud.google.com/storage/docs/getting-service-agent"""


def key(settings: Settings) -> list[Declared]:
    """Lets the services' own accounts use the key. The people who run the pipeline need no right to it."""
    if not settings.kms_key:
        return []
    ring, _, name = settings.kms_key.rpartition("/cryptoKeys/")
    asked = dict(google_account(settings, api) for api in _APIS)
    of_storage = method("storage", "v1", "projects.serviceAccount.get").request(settings.project_id)
    asked[of_google(settings, _OF_STORAGE)] = of_storage
    return [
        Declared(
            what=f"key {name}",
            kind=KEY,
            parent=ring,
            id=name,
            grants=tuple(Grant(role=_USES, member=member) for member in asked),
            asked_first=asked,
            policy_alone=True,
        )
    ]


def sharing(settings: Settings) -> list[str]:
    """The commands by which the key's administrator lets the services use it, where the deployment may not."""
    _, project, _, place, _, ring, _, name = settings.kms_key.split("/")
    storage = of_google(settings, _OF_STORAGE)
    return [
        f"for api in {' '.join(_APIS)}; do"
        f" gcloud beta services identity create --service=$api.googleapis.com --project={settings.project_id}; done",
        f"gcloud storage service-agent --project={settings.project_id}",
        f"for member in {' '.join((*(google_account(settings, api)[0] for api in _APIS), storage))}; do"
        f" gcloud kms keys add-iam-policy-binding {name} --keyring={ring} --location={place} --project={project}"
        f" --member=$member --role={_USES}; done",
    ]


def tasks_key(settings: Settings) -> list[Declared]:
    """That Cloud Tasks encrypts with it, which a region has one setting for: that of other queues there, too.
    https://cloud.google.com/tasks/docs/use-cmek"""
    if not settings.kms_key:
        return []
    fields = {"kmsKey": settings.kms_key}
    return [Declared(what="key of Cloud Tasks", kind=TASKS, parent=settings.place, id="cmekConfig", fields=fields)]


def other_key(settings: Settings, what: str, actual: str | None, way: str) -> tuple[str, ...]:
    """Lines about what was made with another key, or with Google's own, and keeps it; and what a person can do."""
    if settings.kms_key in ("", actual):
        return ()
    return (f"{what} is not encrypted with KMS_KEY, which it could only be made with.", way)
