"""The services but Cloud Run: what each command does to the state, and with which errors it refuses."""

import base64
import re
from collections.abc import Callable
from typing import Any

from tests.deployment.stand_in.call import COLLECTION_OF, NUMBER, Resource
from tests.deployment.stand_in.cloud_run import CloudRun
from tests.deployment.stand_in.firestore_databases import FirestoreDatabases
from tests.deployment.stand_in.permissions import BILLING_ACCOUNT

JOB_FIELDS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    **{flag: ("", field, str) for flag, field in (("schedule", "schedule"), ("time-zone", "timeZone"))},
    **{
        flag: ("", field, str)
        for flag, field in (("attempt-deadline", "attemptDeadline"), ("description", "description"))
    },
    **{
        flag: ("httpTarget", field, str)
        for flag, field in (("uri", "uri"), ("http-method", "httpMethod"), ("message-body", "body"))
    },
    "max-retry-attempts": ("retryConfig", "retryCount", int),
    "max-retry-duration": ("retryConfig", "maxRetryDuration", str),
    "min-backoff": ("retryConfig", "minBackoffDuration", str),
    "max-backoff": ("retryConfig", "maxBackoffDuration", str),
    "max-doublings": ("retryConfig", "maxDoublings", int),
}


class Cloud(CloudRun, FirestoreDatabases):
    """One call of gcloud, whatever it is about."""

    # The project.

    def _version(self) -> Resource:
        return {"Google Cloud SDK": self.state["version"]}

    def _config_get(self) -> Resource:
        return {}

    def _auth_login(self) -> Resource:
        self.state["logged_in"] = True
        return {}

    def _components_install(self) -> Resource:
        return {}

    def _config_set(self) -> Resource:
        return {}

    def _projects_create(self) -> Resource:
        (self.state["project"],) = self.line.positionals
        return {}

    def _billing_accounts_list(self) -> bytes:
        number = BILLING_ACCOUNT.removeprefix("billingAccounts/")
        return f"ACCOUNT_ID            NAME                OPEN\n{number}  My Billing Account  True\n".encode()

    def _billing_projects_link(self) -> Resource:
        account = BILLING_ACCOUNT.removeprefix("billingAccounts/")
        self.state["billing"] = (self.line.positionals, self.flags["billing-account"]) == (
            [self.state["project"]],
            account,
        )
        return {}

    def _auth_print_access_token(self) -> bytes:
        if not self.state["logged_in"]:
            raise self.refuse("You do not currently have an active account selected.\nPlease run: gcloud auth login")
        return b"ya29.stand-in\n"

    def _projects_describe(self) -> Resource:
        return {"projectNumber": NUMBER, "lifecycleState": "ACTIVE", "createTime": self.state["created"]}

    def _billing_projects_describe(self) -> Resource:
        return {"billingEnabled": self.state["billing"], "billingAccountName": BILLING_ACCOUNT}

    def _services_list(self) -> list[Resource]:
        return [{"config": {"name": name}} for name in self.state["enabled"]]

    def _services_enable(self) -> Resource:
        if not self.state["billing"]:
            raise self.refuse("FAILED_PRECONDITION: Billing account for project is not found.")
        for name in self.line.positionals:
            if name not in self.state["enabled"]:
                self.state["enabled"].append(name)
                self.state["warming"][name] = self.state["warm_up"]
        return {}

    def _beta_quotas_info_describe(self) -> Resource:
        value = {"value": str(self.state["cpu_quota"])}
        return {
            "quotaId": self.line.positionals[0],
            "dimensions": ["region"],
            "dimensionsInfos": [
                {"applicableLocations": ["europe-west10"], "details": {"value": "200000"}},
                {"applicableLocations": ["us-central1"], "details": value, "dimensions": {"region": "us-central1"}},
            ],
        }

    def _beta_services_identity_create(self) -> Resource:
        api = self.flags["service"].split(".")[0]
        self.state["agents"].append(f"service-{NUMBER}@gcp-sa-{api}.iam.gserviceaccount.com")
        return {}

    def _iam_service_accounts_create(self) -> Resource:
        account = self.line.positionals[0]
        domain = ".".join(reversed(self.project.split(":")))
        email = f"{account}@{domain}.iam.gserviceaccount.com"
        if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", account):
            raise self.refuse(f'INVALID_ARGUMENT: The account ID "{account}" does not have a length between 6 and 30.')
        name = f"projects/{self.project}/serviceAccounts/{email}"
        self._put(name, {"email": email, "displayName": self.flags["display-name"]}, new=True)
        self.state["young"][email] = self.state["invisible"]
        return {}

    # Firestore.

    def _indexes(self, kind: str) -> list[Resource]:
        self._get(self._database())
        return [
            value
            for key, value in self.state["resources"].items()
            if key.startswith(f"{self._database()}/") and f"/{kind}/" in key
        ]

    def _firestore_indexes_composite_list(self) -> list[Resource]:
        return self._indexes("indexes")

    def _firestore_indexes_composite_create(self) -> Resource:
        fields = [dict(part.split("=") for part in config.split(",")) for config in self.flags["field-config"]]
        wanted = [{"fieldPath": field["field-path"], "order": field["order"].upper()} for field in fields]
        index = {
            "queryScope": self.flags["query-scope"].upper().replace("-", "_"),
            "fields": [*wanted, {"fieldPath": "__name__", "order": wanted[-1]["order"]}],
        }
        group = f"{self._database()}/collectionGroups/{self.flags['collection-group']}/indexes"
        if any(one["fields"] == index["fields"] for one in self._children(group)):
            raise self.refuse("ALREADY_EXISTS: index already exists")
        self.state["count"] += 1
        return self._put(f"{group}/{self.state['count']}", index, new=True)

    def _firestore_indexes_composite_delete(self) -> Resource:
        return self._any_delete()

    def _field(self) -> Resource:
        name = f"{self._database()}/collectionGroups/{self.flags['collection-group']}/fields/{self.line.positionals[0]}"
        self._get(self._database())
        field: Resource = self.state["resources"].setdefault(name, {"name": name})
        return field

    def _firestore_indexes_fields_list(self) -> list[Resource]:
        return [field for field in self._indexes("fields") if "indexConfig" in field]

    def _firestore_indexes_fields_update(self) -> Resource:
        if "clear-exemption" in self.flags:
            self._field().pop("indexConfig", None)
            self._forget_empty_field()
        else:
            self._field()["indexConfig"] = {"indexes": list(map(self._single_field_index, self.flags.get("index", [])))}
        return {}

    def _single_field_index(self, flag: str) -> Resource:
        """An index of one collection: gcloud makes no other."""
        index = dict(part.split("=") for part in flag.split(","))
        if unknown := index.keys() - {"order", "array-config"}:
            raise self.refuse(f"Bad syntax for dict arg: {min(unknown)}: valid keys are [array-config, order]")
        (kind,) = index
        key = {"order": "order", "array-config": "arrayConfig"}[kind]
        return {
            "queryScope": "COLLECTION",
            "fields": [{"fieldPath": self.line.positionals[0], key: index[kind].upper()}],
            "state": "READY",
        }

    def _firestore_fields_ttls_list(self) -> list[Resource]:
        return [field for field in self._indexes("fields") if "ttlConfig" in field]

    def _firestore_fields_ttls_update(self) -> Resource:
        if "disable-ttl" in self.flags:
            self._field().pop("ttlConfig", None)
            self._forget_empty_field()
        else:
            self._field()["ttlConfig"] = {"state": "CREATING"}
        return {}

    def _forget_empty_field(self) -> None:
        field = self._field()
        if set(field) == {"name"}:
            del self.state["resources"][field["name"]]

    # Secrets.

    def _secrets_create(self) -> Resource:
        return self._put(self._name(), {}, new=True)

    def _secrets_versions_add(self) -> Resource:
        self.group = "secrets"
        secret = self._get()["name"]
        if self.flags["data-file"] != "-":
            raise self.refuse("a secret came by something other than standard input")
        number = len(self._children(f"{secret}/versions")) + 1
        data = base64.b64encode(self.given).decode()
        version = {"state": "ENABLED", "createTime": f"{number:05d}", "data": data}
        return self._put(f"{secret}/versions/{number}", version, new=True)

    def _secrets_versions_list(self) -> list[Resource]:
        self.group = "secrets"
        self._get()
        COLLECTION_OF["secrets versions"] = f"secrets/{self.line.positionals[0]}/versions"
        self.group = "secrets versions"
        return self._any_list()

    def _secrets_versions_access(self) -> bytes:
        versions = self._children(f"projects/{self.project}/secrets/{self.flags['secret']}/versions")
        if not versions:
            raise self.refuse("NOT_FOUND: Secret Version [latest] not found.")
        latest = max(versions, key=lambda one: one["createTime"])
        return base64.b64decode(latest["data"])

    # Topics.

    def _pubsub_topics_list_subscriptions(self) -> list[str]:
        topic = self._get()["name"]
        subscriptions = self._children(f"projects/{self.project}/subscriptions")
        return [subscription["name"] for subscription in subscriptions if subscription["topic"] == topic]

    # Scheduler.

    def _scheduler_jobs_create_http(self) -> Resource:
        self._put(self._name(), {"state": "ENABLED", "httpTarget": {}}, new=True)
        return self._scheduler_jobs_update_http()

    def _scheduler_jobs_update_http(self) -> Resource:
        job, flags = self._get(), self.flags
        if "message-body" in flags:
            flags["message-body"] = base64.b64encode(flags["message-body"].encode()).decode()
        if "http-method" in flags:
            flags["http-method"] = flags["http-method"].upper()
        _set_fields(job, flags, JOB_FIELDS)
        token = {
            field: flags[flag]
            for flag, field in (
                ("oidc-service-account-email", "serviceAccountEmail"),
                ("oidc-token-audience", "audience"),
            )
            if flag in flags
        }
        if token:
            job["httpTarget"]["oidcToken"] = token
        return {}

    def _scheduler_jobs_run(self) -> Resource:
        self._get()
        self.state["forced_runs"] += 1
        return {}


def _set_fields(resource: Resource, flags: Resource, fields: dict[str, tuple[str, str, Callable[[str], Any]]]) -> None:
    for flag, (group, field, kind) in fields.items():
        if flag in flags:
            (resource.setdefault(group, {}) if group else resource)[field] = kind(flags[flag])
