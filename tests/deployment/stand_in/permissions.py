"""Which permissions the methods of interfaces need, and which roles have them: of Google's published lists, as they
stood in August 2026, the permissions that a deployment uses.

https://docs.cloud.google.com/iam/docs/roles-permissions
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from tests.deployment.stand_in.the_project import BILLING_ACCOUNT, NUMBER

_VERBS = {"insert": "create", "patch": "update", "resume": "enable"}
"""Where the permission is not named as the verb."""

_METHODS = {
    "artifactregistry.projects.locations.operations.get": "",
    "cloudbilling.projects.getBillingInfo": "resourcemanager.projects.get",
    "cloudtasks.projects.locations.getCmekConfig": "cloudtasks.cmekConfig.get",
    "cloudtasks.projects.locations.updateCmekConfig": "cloudtasks.cmekConfig.update",
    "cloudquotas.projects.locations.services.quotaInfos.get": "cloudquotas.quotas.get serviceusage.services.use",
    "firestore.projects.databases.documents.commit": "datastore.entities.create datastore.entities.delete",
    "firestore.projects.databases.documents.get": "datastore.entities.get",
    "firestore.projects.databases.get": "datastore.databases.getMetadata",
    "logging.entries.list": "logging.logEntries.list",
    "pubsub.projects.subscriptions.create": "pubsub.subscriptions.create pubsub.topics.attachSubscription",
    "pubsub.projects.topics.subscriptions.list": "pubsub.topics.get",
    # https://docs.cloud.google.com/run/docs/deploying-source-code
    "run.projects.locations.builds.submit": "cloudbuild.builds.create",
    "storage.projects.serviceAccount.get": "resourcemanager.projects.get",
    "secretmanager.projects.secrets.addVersion": "secretmanager.versions.add",
    "serviceusage.operations.get": "",
    "serviceusage.services.batchEnable": "serviceusage.services.enable",
    # https://docs.cloud.google.com/iam/docs/create-service-agents#required-roles
    "serviceusage.services.generateServiceIdentity": "",
}
"""What the collection and the verb do not tell."""

_COLLECTIONS = {
    # On the billing account: https://docs.cloud.google.com/billing/docs/how-to/budget-api-access-control
    "billingbudgets.billingAccounts.budgets": "billing.budgets",
    # https://docs.cloud.google.com/firestore/native/docs/security/iam
    "firestore.projects.databases": "datastore.databases",
    "firestore.projects.databases.backupSchedules": "datastore.backupSchedules",
    "firestore.projects.databases.collectionGroups.fields": "datastore.schemas",
    "firestore.projects.databases.collectionGroups.indexes": "datastore.schemas",
    "firestore.projects.databases.operations": "datastore.operations",
    "cloudresourcemanager.projects": "resourcemanager.projects",
    "iap": "iap.webServices",
    "logging.projects.metrics": "logging.logMetrics",
    # https://docs.cloud.google.com/monitoring/access-control
    "monitoring.services.serviceLevelObjectives": "monitoring.slos",
}
"""Where the permission is not named as the collection."""

_ROLES = {
    "roles/artifactregistry.admin": "artifactregistry.repositories.* resourcemanager.projects.get",
    "roles/billing.costsManager": "billing.budgets.*",
    "roles/billing.viewer": "billing.budgets.get billing.budgets.list",
    "roles/cloudkms.admin": "cloudkms.cryptoKeys.getIamPolicy cloudkms.cryptoKeys.setIamPolicy",
    "roles/cloudquotas.viewer": "cloudquotas.quotas.get resourcemanager.projects.get",
    "roles/cloudscheduler.admin": "cloudscheduler.* resourcemanager.projects.get serviceusage.services.list",
    "roles/cloudtasks.admin": "cloudtasks.* resourcemanager.projects.get",
    "roles/datastore.indexAdmin": "datastore.databases.getMetadata datastore.schemas.* resourcemanager.projects.get",
    "roles/datastore.owner": "datastore.* resourcemanager.projects.get",
    "roles/datastore.user": "datastore.databases.getMetadata datastore.entities.* resourcemanager.projects.get",
    "roles/iam.securityReviewer": (
        "*.getIamPolicy run.locations.list run.revisions.list run.services.list secretmanager.secrets.list "
        "secretmanager.versions.list serviceusage.services.list datastore.backupSchedules.list "
        "iam.serviceAccounts.get iam.serviceAccounts.list cloudtasks.queues.list "
        "monitoring.alertPolicies.list monitoring.dashboards.list "
        "monitoring.notificationChannels.list eventarc.triggers.list"
    ),
    "roles/iam.serviceAccountAdmin": (
        "iam.serviceAccounts.create iam.serviceAccounts.delete iam.serviceAccounts.get iam.serviceAccounts.list "
        "iam.serviceAccounts.getIamPolicy iam.serviceAccounts.setIamPolicy resourcemanager.projects.get"
    ),
    "roles/iam.serviceAccountUser": (
        "iam.serviceAccounts.actAs iam.serviceAccounts.get iam.serviceAccounts.list resourcemanager.projects.get"
    ),
    "roles/iap.admin": "iap.webServices.*",
    "roles/logging.configWriter": "logging.logMetrics.* resourcemanager.projects.get",
    "roles/monitoring.editor": (
        "monitoring.alertPolicies.* monitoring.dashboards.* monitoring.notificationChannels.* monitoring.services.* "
        "monitoring.slos.* monitoring.timeSeries.list resourcemanager.projects.get serviceusage.services.enable"
    ),
    "roles/owner": "*",
    "roles/pubsub.admin": "pubsub.* resourcemanager.projects.get serviceusage.services.list",
    "roles/resourcemanager.projectIamAdmin": (
        "resourcemanager.projects.get resourcemanager.projects.getIamPolicy resourcemanager.projects.setIamPolicy"
    ),
    "roles/run.admin": "resourcemanager.projects.get run.*",
    "roles/run.sourceDeveloper": (
        "artifactregistry.repositories.create artifactregistry.repositories.get cloudbuild.builds.* "
        "eventarc.triggers.* pubsub.topics.create pubsub.topics.get pubsub.topics.attachSubscription "
        "pubsub.subscriptions.create "
        "pubsub.subscriptions.get pubsub.subscriptions.update resourcemanager.projects.get run.locations.list "
        "run.operations.get run.revisions.list run.services.create run.services.get run.services.getIamPolicy "
        "run.services.list run.services.update serviceusage.services.list serviceusage.services.use "
        "storage.buckets.create storage.buckets.get storage.objects.create"
    ),
    "roles/run.viewer": (
        "resourcemanager.projects.get run.locations.list run.operations.get run.revisions.list run.services.get "
        "run.services.getIamPolicy run.services.list"
    ),
    "roles/secretmanager.admin": "resourcemanager.projects.get secretmanager.*",
    "roles/storage.admin": "storage.buckets.* storage.objects.*",
    "roles/storage.objectUser": "storage.objects.*",
    "roles/serviceusage.serviceUsageAdmin": ("cloudquotas.quotas.get serviceusage.services.*"),
}


def permissions_of(method: str) -> tuple[str, ...]:
    """The permissions that a method of an interface needs."""
    if method in _METHODS:
        return tuple(_METHODS[method].split())
    collection, _, verb = method.rpartition(".")
    own = f"{method.partition('.')[0]}.{collection.rpartition('.')[2]}"
    return (f"{_COLLECTIONS.get(collection, own)}.{_VERBS.get(verb, verb)}",)


def granted_by(roles: Iterable[str], permission: str, own: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Whether one of the roles has the permission. A role that is not listed has none.

    Args:
        roles: names of roles.
        permission: what is asked for.
        own: the permissions of the project's own roles, with spaces between them.
    """
    known = {**_ROLES, **own}
    return any(fnmatchcase(permission, pattern) for role in roles for pattern in known.get(role, "").split())


def roles_on(state: Mapping[str, Any], member: str, resource: str, *, target: str = "") -> list[str]:
    """The roles that a member has on a resource.

    Args:
        state: the project's.
        member: such as user:ada@example.com.
        resource: whose policy grants them.
        target: what they are asked about, which their conditions may name.
    """
    policy = state["policies"].get(resource, [])
    return [role for role, one, _, condition in policy if one == member and _holds(condition, target)]


def _holds(condition: str, target: str) -> bool:
    """Whether a condition is true of a resource. Those of other services have neither a type nor a name for it.
    https://cloud.google.com/iam/docs/conditions-resource-attributes"""
    if not condition or "resource." not in condition:
        return True
    kind, name = "cloudresourcemanager.googleapis.com/Project", target
    if secret := re.fullmatch("projects/[^/]+/(secrets/[^/]+(/versions/[^/]+)?)", target):
        kind = f"secretmanager.googleapis.com/{'SecretVersion' if secret[2] else 'Secret'}"
        name = f"projects/{NUMBER}/{secret[1]}"
    elif database := re.match("projects/[^/]+/databases/[^/]+", target):
        kind, name = "firestore.googleapis.com/Database", database[0]
    python = condition.replace("&&", " and ").replace("||", " or ").replace("startsWith", "startswith")
    python = python.replace("resource.name", "name").replace("resource.type", "kind")
    return bool(eval(python, {"kind": kind, "name": name}))  # noqa: S307  what the deployment itself has written


def place_of(permission: str) -> str:
    """On which resource a permission is granted: that of a policy."""
    return BILLING_ACCOUNT if permission.startswith("billing.") else "project"


def missing_permission(state: Mapping[str, Any], method: str, target: str) -> str | None:
    """The first permission that the caller lacks for a method. Without a caller, a project is open to all."""
    caller = state["caller"]
    needed = permissions_of(method) if caller else ()
    for permission in needed:
        places = {place_of(permission), target}
        roles = [role for place in places for role in roles_on(state, caller, place, target=target)]
        if not granted_by(roles, permission, state["own_roles"]):
            return permission
    return None
