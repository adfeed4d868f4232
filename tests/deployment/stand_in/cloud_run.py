"""Cloud Run: services with their revisions and their traffic, and what it refuses. And the little of Cloud Functions
that is needed to take its functions over."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.deployment.stand_in.arguments import read_json
from tests.deployment.stand_in.call import NUMBER, Call, Resource
from tests.deployment.stand_in.traffic import (
    TO_LATEST,
    WrongTraffic,
    check,
    with_shares,
    with_tags,
    without_latest,
)

RUNTIMES = frozenset({"python310", "python311", "python312", "python313", "python314"})
"""Those of Python that a base image can be named after. https://docs.cloud.google.com/run/docs/runtimes/python"""

MEMORY = {1: (512, 4096), 2: (512, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
"""The least and the most MiB for each number of CPUs, in the second generation of the execution environment.
https://docs.cloud.google.com/run/docs/configuring/services/memory-limits
https://docs.cloud.google.com/run/docs/configuring/services/cpu"""

RESERVED = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
"""https://docs.cloud.google.com/run/docs/container-contract#services-env-vars"""

CHOICES = {
    "ingress": {"all", "internal", "internal-and-cloud-load-balancing"},
    "execution-environment": {"gen1", "gen2"},
}
"""What the help of gcloud lists in another form than other choices, which the table of its flags has."""

MOST_SECONDS = 3600
MOST_CONCURRENCY = 1000
LABEL = r"[a-z0-9_-]{0,63}"

TOO_MANY_CPUS = (
    "spec.template.metadata.annotations[autoscaling.knative.dev/maxScale]: Max instances must be set to {fewer} or "
    "fewer to set the requested total CPU.\nConsider running your workload in a region with greater capacity, or "
    "requesting an increase in quota for this region if you are seeing sustained usage near this limit, see "
    "https://cloud.google.com/run/quotas. Your project may gain access to further scaling by adding billing "
    "information to your account.\n\nQuota violated:\nCpuAllocPerProjectRegion requested: {wanted} allowed: {allowed}"
)
_FIRST = datetime(2026, 11, 24, 13, tzinfo=UTC)


class CloudRun(Call):
    """One call of gcloud that may be about Cloud Run."""

    def _run_regions_list(self) -> list[Resource]:
        return [{"locationId": region} for region in ("europe-west1", "us-central1")]

    def _run_services_delete(self) -> Resource:
        self.state["policies"].pop(f"iap/{self._name()}", None)
        self.state["revisions"].pop(self._name(), None)
        return self._any_delete()

    def _run_revisions_list(self) -> list[Resource]:
        """The newest first."""
        place = f"projects/{self.project}/locations/{self.flags['region']}"
        revisions: list[Resource] = self.state["revisions"].get(f"{place}/services/{self.flags['service']}", [])
        return revisions[::-1]

    def _run_services_update_traffic(self) -> Resource:
        service, flags = self._get(), self.flags
        table = with_tags(
            service["spec"]["traffic"],
            update=_pairs(flags.get("update-tags", "")),
            remove=flags.get("remove-tags", "").split(","),
        )
        if "to-latest" in flags:
            table = with_shares(table, {"LATEST": 100})
        elif "to-revisions" in flags:
            table = self._with_shares(table, _pairs(flags["to-revisions"]))
        elif "to-tags" in flags:
            tagged = {one["tag"]: one["revisionName"] for one in table if "tag" in one}
            shares = {tagged[tag]: percent for tag, percent in _pairs(flags["to-tags"]).items()}
            table = self._with_shares(table, shares)
        self._route(service, table)
        return service

    def _with_shares(self, table: list[Resource], shares: dict[str, str]) -> list[Resource]:
        try:
            return with_shares(table, {name: int(percent) for name, percent in shares.items()})
        except WrongTraffic as error:
            raise self.refuse(str(error)) from error

    def _route(self, service: Resource, table: list[Resource]) -> None:
        """Who gets the traffic now."""
        ready = [
            revision["metadata"]["name"]
            for revision in self.state["revisions"][service["name"]]
            if revision["status"]["conditions"][0]["status"] == "True"
        ]
        try:
            check(table, ready)
        except WrongTraffic as error:
            raise self.refuse(str(error)) from error
        latest = service["status"]["latestReadyRevisionName"]
        service["spec"]["traffic"] = table
        service["status"]["traffic"] = [{"revisionName": latest, **target} for target in table]

    def _run_deploy(self) -> Resource:
        flags, name = self.flags, self.line.positionals[0]
        source = Path(flags["source"])
        self._check_build(source)
        self._check_revision()
        before = self.state["resources"].get(self._name(), {})
        table = self._traffic(before)
        generation = before.get("metadata", {}).get("generation", 0) + 1
        revision = f"{name}-{generation:05d}-abc"
        annotations = before.get("metadata", {}).get("annotations", {}) | self._annotations()
        labels = before.get("metadata", {}).get("labels", {}) | self._labels()
        template = self._template(labels)
        # What no flag names stays, such as the network.
        kept = before.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations", {})
        template["metadata"]["annotations"] = kept | template["metadata"]["annotations"]
        self.state["revisions"].setdefault(self._name(), []).append(
            {
                "metadata": {
                    "name": revision,
                    "creationTimestamp": (_FIRST + timedelta(minutes=generation)).isoformat(),
                    "labels": {**template["metadata"]["labels"], "serving.knative.dev/service": name},
                    "annotations": template["metadata"]["annotations"],
                },
                "spec": template["spec"],
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        )
        service = self._put(
            self._name(),
            {
                "metadata": {"name": name, "generation": generation, "labels": labels, "annotations": annotations},
                "spec": {"template": template},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "latestCreatedRevisionName": revision,
                    "latestReadyRevisionName": revision,
                },
            },
            new=False,
        )
        self._route(service, with_tags(table, update={flags["tag"]: revision}) if "tag" in flags else table)
        policy = self.state["policies"].setdefault(self._name(), [])
        if "no-allow-unauthenticated" in flags:
            policy[:] = [binding for binding in policy if binding[1] != "allUsers"]
        self.state["deployed_files"][name] = sorted(
            file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()
        )
        return service

    def _traffic(self, before: Resource) -> list[Resource]:
        """The traffic table that the deployment begins with."""
        if not before:
            if "no-traffic" in self.flags:
                raise self.refuse("--no-traffic not supported when creating a new service.")
            return TO_LATEST
        table: list[Resource] = before["spec"]["traffic"]
        if "no-traffic" in self.flags:
            return without_latest(table, before["status"]["latestReadyRevisionName"])
        return table

    def _check_build(self, source: Path) -> None:
        flags = self.flags
        if "function" in flags and flags.get("base-image") not in RUNTIMES:
            raise self.refuse(f"INVALID_ARGUMENT: The base image {flags.get('base-image')} is not supported.")
        if not (source / ("main.py" if "function" in flags else "Procfile")).is_file():
            raise self.refuse("Build failed: no buildpack groups passed detection")
        for account in (flags["service-account"], flags["build-service-account"].rsplit("/", 1)[1]):
            self._get(f"projects/{self.project}/serviceAccounts/{account}")
        repository, _, image = flags["image"].rpartition("/")
        self._get(f"projects/{self.project}/locations/{flags['region']}/repositories/{repository.rpartition('/')[2]}")
        if image != self.line.positionals[0]:
            raise self.refuse("Invalid value for [--image]: the image must have the name of the service")

    def _check_revision(self) -> None:
        """What a new revision may be."""
        flags = self.flags
        for flag, choices in CHOICES.items():
            if flags[flag] not in choices:
                raise self.line.error(f"argument --{flag}: Invalid choice: '{flags[flag]}'.")
        cpus, most = int(flags["cpu"]), int(flags["max-instances"])
        if cpus not in MEMORY:
            raise self.refuse(
                "spec.template.spec.containers[0].resources.limits.cpu: Invalid value specified for cpu. Must be equal "
                "to one of [.08-1], 1.0, 2.0, 4.0, 6.0, 8.0"
            )
        mebibytes = int(flags["memory"][:-2]) * {"Mi": 1, "Gi": 1024}[flags["memory"][-2:]]
        if not MEMORY[cpus][0] <= mebibytes <= MEMORY[cpus][1]:
            raise self.refuse(
                "spec.template.spec.containers[0].resources.limits.memory: Invalid value specified for container "
                f"memory. For {cpus}.0 CPU, it must be between {MEMORY[cpus][0]}Mi and {MEMORY[cpus][1]}Mi inclusive."
            )
        if not 1 <= int(flags["concurrency"]) <= MOST_CONCURRENCY:
            raise self.refuse(f"spec.template.spec.containerConcurrency: must be between 1 and {MOST_CONCURRENCY}")
        if not 1 <= int(flags["timeout"]) <= MOST_SECONDS:
            raise self.refuse(f"spec.template.spec.timeoutSeconds: must be between 1 and {MOST_SECONDS}")
        if int(flags["min"]) > int(flags["max"]):
            raise self.refuse("metadata.annotations[run.googleapis.com/minScale]: must not exceed the maximum")
        allowed = self.state["cpu_quota"]
        if 1000 * cpus * most > allowed:
            # As people quote it.
            raise self.refuse(
                TOO_MANY_CPUS.format(fewer=allowed // (1000 * cpus), wanted=1000 * cpus * most, allowed=allowed)
            )

    def _annotations(self) -> dict[str, str]:
        """The annotations of the service, as gcloud writes them."""
        flags, run = self.flags, "run.googleapis.com"
        base = f"{flags['region']}-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes"
        function = {
            f"{run}/build-function-target": flags.get("function"),
            f"{run}/build-base-image": f"{base}/{flags.get('base-image')}",
            f"{run}/build-environment-variables": json.dumps(
                dict(pair.split("=") for pair in flags.get("set-build-env-vars", "").split(",") if pair)
            ),
        }
        return {
            **({key: str(value) for key, value in function.items()} if "function" in flags else {}),
            f"{run}/build-enable-automatic-updates": str("automatic-updates" in flags).lower(),
            f"{run}/build-image-uri": flags["image"],
            f"{run}/build-service-account": flags["build-service-account"],
            f"{run}/ingress": flags["ingress"],
            f"{run}/invoker-iam-disabled": str("no-invoker-iam-check" in flags),
            f"{run}/iap-enabled": str("iap" in flags).lower(),
            f"{run}/maxScale": flags["max"],
            f"{run}/minScale": flags["min"],
        }

    def _labels(self) -> dict[str, str]:
        labels = dict(part.split("=") for part in self.flags["update-labels"].split(","))
        for key, value in labels.items():
            if not re.fullmatch(LABEL, value) or not re.fullmatch(f"[a-z]{LABEL}", key):
                raise self.refuse(f"metadata.labels: {key}={value} is no label")
        return labels

    def _template(self, labels: dict[str, str]) -> Resource:
        flags, run = self.flags, "run.googleapis.com"
        return {
            "metadata": {
                "labels": labels,
                "annotations": {
                    "autoscaling.knative.dev/maxScale": flags["max-instances"],
                    f"{run}/cpu-throttling": str("cpu-throttling" in flags),
                    f"{run}/startup-cpu-boost": str("cpu-boost" in flags),
                    f"{run}/execution-environment": flags["execution-environment"],
                },
            },
            "spec": {
                "serviceAccountName": flags["service-account"],
                "timeoutSeconds": int(flags["timeout"]),
                "containerConcurrency": int(flags["concurrency"]),
                "containers": [
                    {
                        "image": f"{flags['image']}@sha256:{'0' * 64}",
                        "env": self._environment(),
                        "resources": {"limits": {"cpu": f"{flags['cpu']}000m", "memory": flags["memory"]}},
                    }
                ],
            },
        }

    def _environment(self) -> list[Any]:
        variables = read_json(self.flags["env-vars-file"])
        if reserved := sorted(variables.keys() & RESERVED):
            raise self.refuse(
                "spec.template.spec.containers[0].env: The following reserved env names were provided: "
                f"{', '.join(reserved)}. These values are automatically set by the system."
            )
        secrets = [self._secret(part) for part in self.flags.get("set-secrets", "").split(",") if part]
        return [*({"name": name, "value": value} for name, value in variables.items()), *secrets]

    def _secret(self, text: str) -> Resource:
        variable, _, rest = text.partition("=")
        secret, _, version = rest.partition(":")
        name = f"projects/{self.project}/secrets/{secret}"
        self._get(f"{name}/versions/{version}")
        account = self.flags["service-account"]
        reader = ["roles/secretmanager.secretAccessor", f"serviceAccount:{account}"]
        if reader not in [binding[:2] for binding in self.state["policies"].get(name, [])]:
            raise self.refuse(
                f"Permission denied on secret: projects/{NUMBER}/secrets/{secret}/versions/{version} for Revision "
                f"service account {account}."
            )
        return {"name": variable, "valueFrom": {"secretKeyRef": {"key": version, "name": secret}}}

    # Functions of Cloud Functions: each has a service, and may have a trigger of Eventarc.

    def _functions_detach(self) -> Resource:
        del self.state["resources"][self._get()["name"]]
        service: Resource = self.state["resources"][self._name().replace("/functions/", "/services/")]
        del service["metadata"]["labels"]["goog-managed-by"]
        return {}

    def _functions_delete(self) -> Resource:
        name = self._name()
        for trigger in self._children(f"{name.partition('/functions/')[0]}/triggers"):
            if trigger["destination"]["cloudFunction"] == name:
                self._delete_trigger(trigger)
        self.state["revisions"].pop(name.replace("/functions/", "/services/"), None)
        del self.state["resources"][name.replace("/functions/", "/services/")]
        return self._any_delete()

    def _eventarc_triggers_delete(self) -> Resource:
        self._delete_trigger(self._get())
        return {}

    def _delete_trigger(self, trigger: Resource) -> None:
        del self.state["resources"][trigger["transport"]["pubsub"]["subscription"]]
        del self.state["resources"][trigger["name"]]


def _pairs(text: str) -> dict[str, str]:
    """The flag's `KEY=VALUE,…`."""
    return dict(part.split("=") for part in text.split(",") if part)
