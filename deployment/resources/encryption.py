"""The team's own key, KMS_KEY: who may use it. What is encrypted with it names the key itself.

docs/guides/encryption.md says what that is, and what of it cannot be changed later.
"""

from deployment.engine.declared import Declared, Kind
from deployment.engine.discovery import method
from deployment.engine.policy import Grant
from deployment.resources.project import google_account
from deployment.settings import Settings

KEY = Kind(api="cloudkms", version="v1", collection="projects.locations.keyRings.cryptoKeys")
TASKS = Kind(api="cloudtasks", version="v2", collection="projects.locations", single="CmekConfig")

_USES = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
_APIS = ("artifactregistry", "cloudtasks", "firestore", "pubsub", "secretmanager")


def key(settings: Settings) -> list[Declared]:
    """What the key grants: its use to the services' own accounts. Nobody who runs the pipeline needs it."""
    if not settings.kms_key:
        return []
    ring, _, name = settings.kms_key.rpartition("/cryptoKeys/")
    agents = dict(google_account(settings, api) for api in _APIS)
    run = f"serviceAccount:service-{settings.project_number}@serverless-robot-prod.iam.gserviceaccount.com"
    agents[run] = google_account(settings, "run")[1]
    # https://cloud.google.com/storage/docs/getting-service-agent
    storage = f"serviceAccount:service-{settings.project_number}@gs-project-accounts.iam.gserviceaccount.com"
    agents[storage] = method("storage", "v1", "projects.serviceAccount.get").request(settings.project_id)
    return [
        Declared(
            what=f"key {name}",
            kind=KEY,
            parent=ring,
            id=name,
            grants=tuple(Grant(role=_USES, member=member) for member in agents),
            asked_first=agents,
            policy_alone=True,
        )
    ]


def tasks_key(settings: Settings) -> list[Declared]:
    """That Cloud Tasks encrypts with it, which a region has one setting for: that of other queues there, too.
    https://cloud.google.com/tasks/docs/use-cmek"""
    if not settings.kms_key:
        return []
    fields = {"kmsKey": settings.kms_key}
    return [Declared(what="key of Cloud Tasks", kind=TASKS, parent=settings.place, id="cmekConfig", fields=fields)]


def other_key(settings: Settings, what: str, actual: str | None, way: str) -> tuple[str, ...]:
    """Lines about what was made with another key, or with Google's own, and keeps it.

    Args:
        what: such as the database (default).
        actual: its key; None or empty for Google's own.
        way: what a person can do.
    """
    if settings.kms_key in ("", actual):
        return ()
    return (f"{what} is not encrypted with KMS_KEY, which it could only be made with.", way)
