"""The services: what each command does to the state, and with which errors it refuses."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.deployment.stand_in.arguments import CommandLine, Refused, read_json

Resource = dict[str, Any]

NUMBER = "123456789012"
DISABLED = (
    "PERMISSION_DENIED: {title} has not been used in project {project} before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/{api}/overview?project={project} then retry. If you enabled this "
    "API recently, wait a few minutes for the action to propagate to our systems and retry.\n"
    "- '@type': type.googleapis.com/google.rpc.ErrorInfo\n  reason: SERVICE_DISABLED"
)
TOO_MANY_CPUS = (
    "OperationError: code=3, message=Could not create or update Cloud Run service, spec.template.metadata.annotations"
    "[autoscaling.knative.dev/maxScale]: Max instances must be set to {fewer} or fewer to set the requested total CPU."
    "\nConsider running your workload in a region with greater capacity, or requesting an increase in quota for this "
    "region if you are seeing sustained usage near this limit, see https://cloud.google.com/run/quotas. Your project "
    "may gain access to further scaling by adding billing information to your account.\n\nQuota violated:\n"
    "CpuAllocPerProjectRegion requested: {wanted} allowed: {allowed}"
)
API_OF = {
    "artifacts": "artifactregistry",
    "eventarc": "eventarc",
    "firestore": "firestore",
    "functions": "cloudfunctions",
    "iam": "iam",
    "iap": "iap",
    "logging": "logging",
    "monitoring": "monitoring",
    "pubsub": "pubsub",
    "quotas": "cloudquotas",
    "run": "run",
    "scheduler": "cloudscheduler",
    "secrets": "secretmanager",
    "tasks": "cloudtasks",
}
COLLECTION_OF = {
    "artifacts repositories": "locations/{location}/repositories",
    "eventarc triggers": "locations/{location}/triggers",
    "functions": "locations/{region}/functions",
    "iam service-accounts": "serviceAccounts",
    "iap web": "locations/{region}/services",
    "logging metrics": "metrics",
    "monitoring dashboards": "dashboards",
    "monitoring policies": "alertPolicies",
    "beta monitoring channels": "notificationChannels",
    "pubsub topics": "topics",
    "pubsub subscriptions": "subscriptions",
    "run": "locations/{region}/services",
    "run services": "locations/{region}/services",
    "scheduler jobs": "locations/{location}/jobs",
    "secrets": "secrets",
    "tasks queues": "locations/{location}/queues",
}
QUEUE_FIELDS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "max-dispatches-per-second": ("rateLimits", "maxDispatchesPerSecond", float),
    "max-concurrent-dispatches": ("rateLimits", "maxConcurrentDispatches", int),
    "max-attempts": ("retryConfig", "maxAttempts", int),
    "max-retry-duration": ("retryConfig", "maxRetryDuration", str),
    "min-backoff": ("retryConfig", "minBackoff", str),
    "max-backoff": ("retryConfig", "maxBackoff", str),
    "max-doublings": ("retryConfig", "maxDoublings", int),
    "log-sampling-ratio": ("stackdriverLoggingConfig", "samplingRatio", float),
}
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


class Cloud:
    """One call of gcloud against the state."""

    def __init__(self, state: Resource, line: CommandLine, given: bytes) -> None:
        self.state = state
        self.line = line
        self.given = given
        self.flags = line.flags
        self.command = line.command
        self.project = line.flags.get("project", "")
        self.group, _, self.verb = self.command.rpartition(" ")
        if self.group in {"scheduler jobs create", "scheduler jobs update"}:
            self.group, self.verb = "scheduler jobs", self.group.rpartition(" ")[2]

    def run(self) -> Any:
        """Do what was asked, and return what is to be printed."""
        self._require_project()
        self._require_api()
        special = getattr(self, "_" + re.sub(r"\W", "_", self.command), None)
        if special is not None:
            return special()
        return getattr(self, "_any_" + self.verb.replace("-", "_"))()

    def refuse(self, message: str) -> Refused:
        """The service's refusal."""
        return Refused(f"ERROR: (gcloud.{self.command.replace(' ', '.')}) {message}")

    def _require_project(self) -> None:
        if self.command in {"version", "config get", "auth print-access-token"}:
            return
        if self.project != self.state["project"]:
            raise self.refuse(f"Projects instance [{self.project}] not found: The caller does not have permission")

    def _require_api(self) -> None:
        words = self.command.split()
        api = API_OF.get(words[1] if words[0] == "beta" else words[0])
        if api is None:
            return
        name = f"{api}.googleapis.com"
        if name not in self.state["enabled"]:
            raise self.refuse(DISABLED.format(title=api, api=name, project=self.project))
        if self.state["warming"].get(name, 0) > 0:
            self.state["warming"][name] -= 1
            raise self.refuse(DISABLED.format(title=api, api=name, project=self.project))

    # Names and resources.

    def _collection(self) -> str:
        place = {"location": self.flags.get("location", ""), "region": self.flags.get("region", "")}
        return f"projects/{self.project}/{COLLECTION_OF[self.group].format(**place)}"

    def _name(self) -> str:
        positional = self.line.positionals[0]
        return positional if positional.startswith("projects/") else f"{self._collection()}/{positional}"

    def _get(self, name: str | None = None) -> Resource:
        name = name or self._name()
        try:
            found: Resource = self.state["resources"][name]
        except KeyError:
            if self.group == "functions":
                raise self.refuse(
                    f"ResponseError: status=[404], code=[], message=[Resource '{name}' was not found]"
                ) from None
            raise self.refuse(
                f"NOT_FOUND: Resource '{name}' was not found. This command is authenticated as op@example.com"
            ) from None
        return found

    def _put(self, name: str, resource: Resource, *, new: bool) -> Resource:
        if new and name in self.state["resources"]:
            raise self.refuse(f"ALREADY_EXISTS: Resource '{name}' already exists")
        self.state["resources"][name] = {**resource, "name": name}
        return dict(self.state["resources"][name])

    def _numbered(self) -> str:
        self.state["count"] += 1
        return f"{self._collection()}/{self.state['count']}"

    def _children(self, collection: str) -> list[Resource]:
        return [
            value
            for key, value in self.state["resources"].items()
            if re.fullmatch(re.escape(collection) + "/[^/]+", key)
        ]

    # What most kinds of resources have in common.

    def _any_describe(self) -> Resource:
        return self._get()

    def _any_list(self) -> list[Resource]:
        found = self._children(self._collection())
        if match := re.fullmatch(r"(\w+)=(.*)", self.flags.get("filter", "")):
            found = [one for one in found if str(one.get(match[1])) == match[2]]
        # The service limits, gcloud sorts what it gets.
        found = found[: int(self.flags.get("limit", len(found)))]
        if key := self.flags.get("sort-by"):
            found.sort(key=lambda one: str(one.get(key.lstrip("~"), "")), reverse=key.startswith("~"))
        return found

    def _any_create(self) -> Resource:
        return self._put(self._name(), {}, new=True)

    def _any_delete(self) -> Resource:
        name = self._name()
        self._get(name)
        for key in [key for key in self.state["resources"] if key == name or key.startswith(f"{name}/")]:
            del self.state["resources"][key]
            self.state["policies"].pop(key, None)
        return {}

    def _any_pause(self) -> Resource:
        self._get()["state"] = "PAUSED"
        return {}

    def _any_resume(self) -> Resource:
        self._get()["state"] = "ENABLED" if self.group == "scheduler jobs" else "RUNNING"
        return {}

    # Policies.

    def _policy_key(self) -> str:
        if self.group == "projects":
            return "project"
        if self.group == "iap web":
            name = f"{self._collection()}/{self.flags['service']}"
            self._get(name)
            return f"iap/{name}"
        name = self._name()
        self._get(name)
        return name

    def _any_get_iam_policy(self) -> Resource:
        bindings = self.state["policies"].get(self._policy_key(), [])
        return {
            "bindings": [
                {
                    "role": role,
                    "members": [member],
                    **({"condition": {"title": title, "expression": expression}} if title else {}),
                }
                for role, member, title, expression in bindings
            ]
        }

    def _any_add_iam_policy_binding(self) -> Resource:
        key = self._policy_key()
        member = self.flags["member"]
        self._require_member(member)
        policy = self.state["policies"].setdefault(key, [])
        if key == "project" and "condition" not in self.flags and any(title for _, _, title, _ in policy):
            raise self.refuse(
                "Adding a binding without specifying a condition to a policy containing conditions is prohibited in "
                "non-interactive mode. Run the command again with `--condition=None`"
            )
        binding = [self.flags["role"], member, *self._condition()]
        if binding not in policy:
            policy.append(binding)
        return {}

    def _condition(self) -> list[str]:
        """The title and the expression of the flag --condition; empty without one."""
        condition = self.flags.get("condition", "None")
        if condition == "None":
            return ["", ""]
        expression, _, title = condition.removeprefix("expression=").rpartition(",title=")
        return [title, expression]

    def _any_remove_iam_policy_binding(self) -> Resource:
        key = self._policy_key()
        before = self.state["policies"].get(key, [])
        named = [self.flags["role"], self.flags["member"]]
        if "all" in self.flags:
            after = [one for one in before if one[:2] != named]
        else:
            after = [one for one in before if one != [*named, *self._condition()]]
        if after == before:
            raise self.refuse("Policy binding with the specified principal, role, and condition not found!")
        self.state["policies"][key] = after
        return {}

    def _require_member(self, member: str) -> None:
        """A new account is not seen at once, and a service's own account is not there before it was asked for."""
        if not member.startswith("serviceAccount:"):
            return
        email = member.removeprefix("serviceAccount:")
        refusal = self.refuse(f"INVALID_ARGUMENT: Service account {email} does not exist.")
        if "@gcp-sa-" in email:
            if email not in self.state["agents"]:
                raise refusal
        elif f"projects/{self.project}/serviceAccounts/{email}" not in self.state["resources"]:
            raise refusal
        elif self.state["young"].get(email, 0) > 0:
            self.state["young"][email] -= 1
            raise refusal

    # The project.

    def _version(self) -> Resource:
        return {"Google Cloud SDK": self.state["version"]}

    def _config_get(self) -> Resource:
        return {}

    def _auth_print_access_token(self) -> bytes:
        if not self.state["logged_in"]:
            raise self.refuse("You do not currently have an active account selected.\nPlease run: gcloud auth login")
        return b"ya29.stand-in\n"

    def _projects_describe(self) -> Resource:
        return {"projectNumber": NUMBER, "lifecycleState": "ACTIVE", "createTime": self.state["created"]}

    def _billing_projects_describe(self) -> Resource:
        return {"billingEnabled": self.state["billing"]}

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

    def _database(self) -> str:
        return f"projects/{self.project}/databases/{self.flags.get('database', '(default)')}"

    def _firestore_databases_describe(self) -> Resource:
        return self._get(self._database())

    def _firestore_databases_create(self) -> Resource:
        resource = {"type": self.flags["type"].upper().replace("-", "_"), "locationId": self.flags["location"]}
        return self._put(self._database(), resource, new=True)

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

    # Topic and queues.

    def _eventarc_triggers_describe(self) -> Resource:
        return self._get()

    def _pubsub_subscriptions_update(self) -> Resource:
        self._get()["messageRetentionDuration"] = self.flags["message-retention-duration"]
        return {}

    def _tasks_queues_create(self) -> Resource:
        if self.line.positionals[0] in self.state["recently_deleted_queues"]:
            raise self.refuse(
                "FAILED_PRECONDITION: The queue cannot be created because a queue with this name existed too recently."
            )
        self._put(self._name(), {"state": "RUNNING"}, new=True)
        return self._tasks_queues_update()

    def _tasks_queues_update(self) -> Resource:
        _set_fields(self._get(), self.flags, QUEUE_FIELDS)
        return {}

    # Functions.

    def _functions_regions_list(self) -> list[Resource]:
        return [{"locationId": region} for region in ("europe-west1", "us-central1")]

    def _functions_describe(self) -> Resource:
        return self._get()

    def _functions_delete(self) -> Resource:
        name = self._name()
        function = name.rsplit("/", 1)[1]
        answer = self._any_delete()
        for key in [
            key
            for key in self.state["resources"]
            if key.endswith((f"/services/{function}", f"{function}-1", f"{function}-1-sub"))
        ]:
            del self.state["resources"][key]
            self.state["policies"].pop(key, None)
        return answer

    def _functions_deploy(self) -> Resource:
        flags, function, region = self.flags, self.line.positionals[0], self.flags["region"]
        source = Path(flags["source"])
        if not (source / "main.py").is_file():
            raise self.refuse("OperationError: code=3, message=Build failed: main.py is missing")
        variables = read_json(flags["env-vars-file"])
        for account in (flags["service-account"], flags["build-service-account"].rsplit("/", 1)[1]):
            self._get(f"projects/{self.project}/serviceAccounts/{account}")
        self._get(flags["docker-repository"])
        self._require_cpus(1000 * int(flags["cpu"]) * int(flags["max-instances"]))
        labels = dict(part.split("=") for part in flags["update-labels"].split(","))
        resource: Resource = {
            "state": "ACTIVE",
            "environment": "GEN_2",
            "labels": {"deployment-tool": "cli-gcloud", **labels},
            "buildConfig": {
                "runtime": flags["runtime"],
                "entryPoint": flags["entry-point"],
                "serviceAccount": flags["build-service-account"],
                "dockerRepository": flags["docker-repository"],
            },
            "serviceConfig": {
                "availableMemory": flags["memory"],
                "availableCpu": flags["cpu"],
                "maxInstanceRequestConcurrency": int(flags["concurrency"]),
                "timeoutSeconds": int(flags["timeout"].rstrip("s")),
                "maxInstanceCount": int(flags["max-instances"]),
                "ingressSettings": "ALLOW_" + flags["ingress-settings"].upper().replace("-", "_"),
                "serviceAccountEmail": flags["service-account"],
                "environmentVariables": variables,
                "secretEnvironmentVariables": [
                    self._secret(part) for part in flags.get("set-secrets", "").split(",") if part
                ],
            },
        }
        if minimum := int(flags["min-instances"]):
            resource["serviceConfig"]["minInstanceCount"] = minimum
        service = f"projects/{self.project}/locations/{region}/services/{function}"
        self.state["resources"].setdefault(service, {"name": service})
        if topic := flags.get("trigger-topic"):
            resource["eventTrigger"] = self._trigger(function, region, topic)
        self.state["deployed_files"][function] = sorted(
            file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()
        )
        return self._put(self._name(), resource, new=False)

    def _require_cpus(self, wanted: int) -> None:
        """Cloud Run's refusal, as people quote it."""
        allowed = self.state["cpu_quota"]
        if wanted > allowed:
            raise self.refuse(TOO_MANY_CPUS.format(fewer=allowed // 1000, wanted=wanted, allowed=allowed))

    # Cloud Run.

    def _run_deploy(self) -> Resource:
        flags, service = self.flags, self.line.positionals[0]
        source = Path(flags["source"])
        if not (source / "Procfile").is_file():
            raise self.refuse("Build failed: no buildpack groups passed detection")
        for account in (flags["service-account"], flags["build-service-account"].rsplit("/", 1)[1]):
            self._get(f"projects/{self.project}/serviceAccounts/{account}")
        repository, _, image = flags["image"].rpartition("/")
        self._get(f"projects/{self.project}/locations/{flags['region']}/repositories/{repository.rpartition('/')[2]}")
        if image != service:
            raise self.refuse("Invalid value for [--image]: the image must have the name of the service")
        self.state["deployed_files"][service] = sorted(
            file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()
        )
        variables = [{"name": name, "value": value} for name, value in read_json(flags["env-vars-file"]).items()]
        secret = self._secret(flags["set-secrets"])
        reference = {"secretKeyRef": {"key": secret["version"], "name": secret["secret"]}}
        container = {
            "image": f"{flags['image']}@sha256:{'0' * 64}",
            "env": [*variables, {"name": secret["key"], "valueFrom": reference}],
            "resources": {"limits": {"cpu": "1000m", "memory": flags["memory"]}},
        }
        labels = dict(part.split("=") for part in flags["update-labels"].split(","))
        annotations = {
            "autoscaling.knative.dev/maxScale": flags["max-instances"],
            "run.googleapis.com/cpu-throttling": str("cpu-throttling" in flags),
        }
        resource = {
            "metadata": {
                "name": service,
                "labels": {"cloud.googleapis.com/location": flags["region"], **labels},
                "annotations": {
                    "run.googleapis.com/iap-enabled": str("iap" in flags).lower(),
                    "run.googleapis.com/ingress": flags["ingress"],
                },
            },
            "spec": {
                "template": {
                    "metadata": {"annotations": annotations},
                    "spec": {
                        "serviceAccountName": flags["service-account"],
                        "timeoutSeconds": int(flags["timeout"]),
                        "containerConcurrency": int(flags["concurrency"]),
                        "containers": [container],
                    },
                }
            },
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
        return self._put(self._name(), resource, new=False)

    def _run_services_delete(self) -> Resource:
        self.state["policies"].pop(f"iap/{self._name()}", None)
        return self._any_delete()

    def _secret(self, text: str) -> Resource:
        variable, _, rest = text.partition("=")
        secret, _, version = rest.partition(":")
        self._get(f"projects/{self.project}/secrets/{secret}/versions/{version}")
        return {"key": variable, "projectId": NUMBER, "secret": secret, "version": version}

    def _trigger(self, function: str, region: str, topic: str) -> Resource:
        self._get(f"projects/{self.project}/topics/{topic}")
        trigger = f"projects/{self.project}/locations/{region}/triggers/{function}-1"
        subscription = f"projects/{self.project}/subscriptions/eventarc-{region}-{function}-1-sub"
        self.state["resources"].setdefault(
            trigger, {"name": trigger, "transport": {"pubsub": {"subscription": subscription}}}
        )
        self.state["resources"].setdefault(subscription, {"name": subscription, "messageRetentionDuration": "86400s"})
        return {
            "trigger": trigger,
            "pubsubTopic": f"projects/{self.project}/topics/{topic}",
            "serviceAccountEmail": self.flags["trigger-service-account"],
            "retryPolicy": "RETRY_POLICY_RETRY" if "retry" in self.flags else "RETRY_POLICY_DO_NOT_RETRY",
        }

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

    # Monitoring.

    def _document(self, flag: str) -> Resource:
        document: Resource = read_json(self.flags[flag])
        return document

    def _logging_metrics_create(self) -> Resource:
        return self._put(self._name(), self._document("config-from-file"), new=True)

    def _logging_metrics_update(self) -> Resource:
        self._get()
        return self._put(self._name(), self._document("config-from-file"), new=False)

    def _monitoring_policies_create(self) -> Resource:
        return self._put(self._numbered(), self._document("policy-from-file"), new=True)

    def _monitoring_policies_update(self) -> Resource:
        self._get()
        return self._put(self._name(), self._document("policy-from-file"), new=False)

    def _monitoring_dashboards_create(self) -> Resource:
        return self._put(self._numbered(), {**self._document("config-from-file"), "etag": "1"}, new=True)

    def _monitoring_dashboards_update(self) -> Resource:
        etag, document = self._get()["etag"], self._document("config-from-file")
        if document.get("etag") != etag:
            raise self.refuse("ABORTED: The dashboard was changed meanwhile: its etag does not match.")
        return self._put(self._name(), {**document, "etag": str(int(etag) + 1)}, new=False)

    def _beta_monitoring_channels_create(self) -> Resource:
        labels = dict(part.split("=", 1) for part in self.flags["channel-labels"].split(","))
        own = dict(part.split("=", 1) for part in self.flags["user-labels"].split(","))
        return self._put(self._numbered(), {"type": self.flags["type"], "labels": labels, "userLabels": own}, new=True)


def _set_fields(resource: Resource, flags: Resource, fields: dict[str, tuple[str, str, Callable[[str], Any]]]) -> None:
    for flag, (group, field, kind) in fields.items():
        if flag in flags:
            (resource.setdefault(group, {}) if group else resource)[field] = kind(flags[flag])
