"""The database with what brings its data back, the composite indexes that the queries need, and the fields whose own
indexes are not the usual ones, or that say when a document expires.

A database that the deployment makes keeps its versions of the last days, and backups. To one that was there before, and
may be another team's, it adds only what the settings say. https://firebase.google.com/docs/firestore/pitr and
https://firebase.google.com/docs/firestore/backups
"""

import json
from typing import Any

from deployment.engine.declared import Declared, Kind
from deployment.engine.discovery import Request, Resource
from deployment.engine.google_client import GoogleClient
from deployment.engine.plan import WrongResource
from deployment.engine.policy import grants_in, read_request
from deployment.resources.accounts import ACCOUNT
from deployment.resources.encryption import other_key
from deployment.resources.project import PROJECT, database_title
from deployment.settings import Settings

DATABASE = Kind(
    api="firestore",
    version="v1",
    collection="projects.databases",
    id_in="databaseId",
    operations="projects.databases.operations",
)
SCHEDULE = Kind(api="firestore", version="v1", collection="projects.databases.backupSchedules", in_another=True)
INDEX = Kind(api="firestore", version="v1", collection="projects.databases.collectionGroups.indexes", in_another=True)
FIELD = Kind(
    api="firestore",
    version="v1",
    collection="projects.databases.collectionGroups.fields",
    masks_whole_fields=True,
    replaces_fields=True,
    in_another=True,
    list_filter="indexConfig.usesAncestorConfig=false OR ttlConfig:*",
)
BUCKET = Kind(api="storage", version="v1", collection="buckets")

_VERSIONS = {"pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED"}
_PROTECTION = {"deleteProtectionState": "DELETE_PROTECTION_ENABLED"}
_SECONDS = {"d": 86_400, "w": 7 * 86_400}


def database(settings: Settings, client: GoogleClient) -> list[Declared]:
    name = settings.firestore_database
    wanted = {
        "FIRESTORE_PITR": (settings.firestore_pitr, _VERSIONS),
        "FIRESTORE_DELETE_PROTECTION": (settings.firestore_delete_protection, _PROTECTION),
    }
    there = client.read_if_there(DATABASE.method("get").request(settings.database_name))
    # Older databases do not say it, and are of the other.
    if (there or {}).get("databaseEdition") == "ENTERPRISE":
        raise WrongResource(
            f"the database {name} of project {settings.project_id} is of Firestore's Enterprise edition, which the "
            "pipeline cannot use.",
            "Set FIRESTORE_DATABASE to one of the Standard edition, or to a new name: the deployment makes it.",
        )
    schedules = client.all_of(SCHEDULE, settings.database_name)
    recurrence = settings.firestore_backups or ("daily" if makes_database(settings, client) else "")

    def may_be_lost(actual: Resource) -> tuple[str, ...]:
        """What the database lacks, or somebody has turned off, and no setting speaks of."""
        missing = [f"{name}=on" for name, (said, on) in wanted.items() if not said and not on.items() <= actual.items()]
        missing[1:1] = [] if settings.firestore_backups or schedules else ["FIRESTORE_BACKUPS=daily"]
        if not missing:
            return ()
        return (
            f"what is deleted or overwritten in the database {name} may be gone for good: set {' '.join(missing)} in"
            " deploy.env.",
            "Google charges for versions and backups. With off instead, nothing is said of it"
            " (docs/guides/recovery.md).",
        )

    own = Declared(
        what=f"Firestore database {name}",
        kind=DATABASE,
        parent=f"projects/{settings.project_id}",
        id=name,
        at_first={
            "locationId": settings.firestore_location,
            **{field: value for said, on in wanted.values() if said != "off" for field, value in on.items()},
            **({"cmekConfig": {"kmsKeyName": settings.kms_key}} if settings.kms_key else {}),
        },
        fixed={"type": "FIRESTORE_NATIVE"},
        if_other=(
            f"the database {name} of project {settings.project_id} is in Datastore mode,"
            " which the pipeline cannot use.",
            "Use another project. A database without data can be changed to native mode:"
            " https://cloud.google.com/datastore/docs/firestore-or-datastore",
        ),
        fields={field: value for said, on in wanted.values() if said == "on" for field, value in on.items()},
        left_alone=lambda actual: (
            *may_be_lost(actual),
            *other_key(
                settings,
                f"the database {name}",
                actual.get("cmekConfig", {}).get("kmsKeyName"),
                "A backup can be restored into a new database that is: docs/guides/encryption.md.",
            ),
        ),
    )
    return [own, *([_backups(settings, recurrence, own)] if recurrence not in {"", "off"} else [])]


def makes_database(settings: Settings, client: GoogleClient) -> bool:
    """Whether the deployment makes the database, or was killed when it had, and not yet its backups: then it looks like
    another team's, and a label of the bucket for sources tells."""
    bucket = client.read_if_there(BUCKET.method("get").request(settings.sources)) or {}
    there = client.read_if_there(DATABASE.method("get").request(settings.database_name))
    return there is None or bucket.get("labels", {}).get(_label(settings)) == "yes"


def making(settings: Settings, *, is_over: bool) -> Request:
    """The request that labels the bucket so, or not any more."""
    labels = {_label(settings): "no" if is_over else "yes"}
    return BUCKET.method("patch").request(settings.sources, {"labels": labels})


def _label(settings: Settings) -> str:
    return f"{settings.prefix}-makes-database"


def _backups(settings: Settings, recurrence: str, database: Declared) -> Declared:
    """A database has at most one schedule of each recurrence. No run deletes one."""
    retention = settings.firestore_backup_retention
    return Declared(
        what=f"{recurrence} backups of {settings.firestore_database}, kept for {retention}",
        kind=SCHEDULE,
        parent=settings.database_name,
        fields={"retention": f"{int(retention[:-1]) * _SECONDS[retention[-1]]}s"},
        at_first={f"{recurrence}Recurrence": {"day": "SUNDAY"} if recurrence == "weekly" else {}},
        found_by={f"{recurrence}Recurrence": {}},
        after=(database.what,),
    )


def indexes(settings: Settings) -> list[Declared]:
    """The composite indexes, and the settings of single fields: the pipeline's, those of kinds, and the project's."""
    # Of the form that the Firebase CLI reads, too: https://firebase.google.com/docs/reference/firestore/indexes
    name, project = "firestore.indexes.json", settings.project
    files = [settings.folder / name, *sorted(project.glob(f"kinds/*/{name}")), *project.glob(name)]
    read = [json.loads(each.read_text(encoding="utf-8")) for each in files]

    def parts(part: str) -> list[dict[str, Any]]:
        # Kinds that read the same collection may declare the same.
        found = [each for file in read for each in file.get(part, ())]
        return [each for place, each in enumerate(found) if each not in found[:place]]

    return [
        *(_index(settings, index) for index in parts("indexes")),
        *(_field(settings, override) for override in parts("fieldOverrides")),
    ]


def no_indexes(settings: Settings, client: GoogleClient) -> list[Declared]:
    """That the database has none of them; nothing where another pipeline of the project uses it."""
    if _is_shared(settings, client):
        return []
    return [each.gone() for each in indexes(settings)]


def _is_shared(settings: Settings, client: GoogleClient) -> bool:
    """The account of its DLQ handler reveals another pipeline, and the conditions of its dispatcher say which database
    that one uses. Without such a condition it has its role in another way, which may be for every database."""
    read = read_request(PROJECT.method("getIamPolicy"), f"projects/{settings.project_id}")
    granted = [each for each in grants_in(client.read(read) or {}) if each.role == "roles/datastore.user"]
    for account in client.all_of(ACCOUNT, f"projects/{settings.project_id}"):
        other, found, domain = account["email"].partition("-dlq-handler@")
        if not found or other == settings.prefix:
            continue
        titles = {each.title for each in granted if each.member == f"serviceAccount:{other}-dispatcher@{domain}"}
        own = {title for title in titles if title.startswith(database_title(other, "(default)"))}
        if not own or database_title(other, settings.firestore_database) in own:
            return True
    return False


def _index(settings: Settings, index: dict[str, Any]) -> Declared:
    # Firestore adds this one by itself, in the order of the last.
    fields = [*index["fields"], {"fieldPath": "__name__", "order": index["fields"][-1].get("order", "ASCENDING")}]
    wanted = {"queryScope": index["queryScope"], "fields": fields}
    names = ", ".join(field["fieldPath"] for field in index["fields"])
    return Declared(
        what=f"index of {index['collectionGroup']}: {names}",
        kind=INDEX,
        parent=f"{settings.database_name}/collectionGroups/{index['collectionGroup']}",
        listed_in=f"{settings.database_name}/collectionGroups/-",
        fields=wanted,
        found_by=wanted,
    )


def _field(settings: Settings, override: dict[str, Any]) -> Declared:
    collection, field = override["collectionGroup"], override["fieldPath"]
    own = [
        {"queryScope": index["queryScope"], "fields": [{"fieldPath": field, "order": index["order"]}]}
        for index in override["indexes"]
    ]
    return Declared(
        what=f"indexes of {collection}.{field}{' and its time to live' if 'ttl' in override else ''}",
        kind=FIELD,
        parent=f"{settings.database_name}/collectionGroups/{collection}",
        id=field,
        listed_in=f"{settings.database_name}/collectionGroups/-",
        fields={
            "indexConfig": {"indexes": own, "usesAncestorConfig": False},
            **({"ttlConfig": {}} if "ttl" in override else {}),
        },
    )
