"""A small server that plays the Google services which deploy.sh calls, over REST, for tests with the real gcloud.

Resources are kept as they are sent, by their name; what gcloud itself needs (operations that are done, policies, upload
addresses, what a service fills in) is answered as the services do. The first part of a path is the service.
"""

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.deployment.rules_evaluator import Rules
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.monitoring import Monitored

SERVICES = (
    *(
        "artifactregistry",
        "billingbudgets",
        "cloudbilling",
        "cloudbuild",
        "cloudfunctions",
        "cloudquotas",
        "cloudresourcemanager",
    ),
    *(
        "cloudscheduler",
        "cloudtasks",
        "eventarc",
        "firebaserules",
        "firestore",
        "iam",
        "logging",
        "iap",
        "monitoring",
        "pubsub",
        "run",
        "secretmanager",
        "storage",
    ),
    "serviceusage",
)
PROJECT_NUMBER = "123456789012"

Resource = dict[str, Any]


class NotThere(Exception):
    """The answer is 404."""


class Conflict(Exception):
    """The answer is 409."""


class GoogleServer:
    """All services at one address, for one project.

    Attributes:
        resources: by service and name.
        policies: IAM policies, by service and name.
        enabled: the APIs that are on.
        requests: method and path of each request, in order.
    """

    def __init__(self, project: str) -> None:
        self.project = project
        self.resources: dict[str, Resource] = {}
        self.policies: dict[str, Resource] = {}
        self.enabled: set[str] = {"serviceusage.googleapis.com"}
        self.requests: list[str] = []
        self.bodies: list[str] = []
        self._lock = threading.Lock()
        self._count = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                status, answer = owner.handle(self.command, self.path, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815  the names that the base class calls

            def log_message(self, *args: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator["GoogleServer"]:
        """Serve in a thread."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point gcloud here."""
        return self.environment_of(*SERVICES)

    def environment_of(self, *services: str) -> dict[str, str]:
        """The variables that point gcloud here for some services."""
        return {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name.upper()}": f"{self.url}/{name}/" for name in services}

    def handle(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Answer one request."""
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        service, _, rest = unquote(parts.path).strip("/").partition("/")
        rest = rest.replace("projects/-/serviceAccounts/", f"projects/{self.project}/serviceAccounts/")
        name = re.sub(r"^(v\d+(?:(?:alpha|beta)\d*)?|apis/serving\.knative\.dev/v1)/", "", rest)
        document = json.loads(body) if body.strip().startswith((b"{", b"[")) else {"size": _uploaded_bytes(body)}
        with self._lock:
            self.requests.append(f"{method} {service}/{name}")
            self.bodies.append(body.decode(errors="replace"))
            try:
                return 200, self._dispatch(method, service, name, query, document)
            except NotThere:
                return 404, _error(404, "NOT_FOUND", f"Resource '{name}' was not found")
            except Invalid as error:
                return 400, _error(400, "INVALID_ARGUMENT", str(error))
            except Conflict:
                return 409, _error(409, "ALREADY_EXISTS", f"Resource '{name}' already exists")

    def _dispatch(self, method: str, service: str, name: str, query: dict[str, str], body: Resource) -> Any:
        special = getattr(self, f"_{service}", None)
        if special is not None:
            answer = special(method, name, query, body)
            if answer is not None:
                return answer
        resource, _, verb = name.partition(":") if not name.startswith("projects/example.com") else (name, "", "")
        if verb in {"getIamPolicy", "setIamPolicy"}:
            return self._policy(f"{service}/{resource}", verb, body)
        if verb in {"pause", "resume"}:
            found = self._get(service, resource)
            found["state"] = "PAUSED" if verb == "pause" else ("ENABLED" if service == "cloudscheduler" else "RUNNING")
            return found
        if method == "GET":
            return self._read(service, resource)
        if method == "DELETE":
            self._get(service, resource)
            for key in [key for key in self.resources if f"{key}/".startswith(f"{service}/{resource}/")]:
                del self.resources[key]
            return self._done(service, {})
        if method == "PATCH":
            if service == "pubsub":
                query, body = {"updateMask": body["updateMask"]}, body["subscription"]
            return self._done(service, self._patch(service, resource, query.get("updateMask"), body))
        if method == "PUT":
            return self._put(service, resource, body)
        return self._done(service, self._create(service, resource, query, body))

    def _get(self, service: str, name: str) -> Resource:
        try:
            return self.resources[f"{service}/{name}"]
        except KeyError:
            raise NotThere from None

    def _read(self, service: str, name: str) -> Resource:
        if f"{service}/{name}" in self.resources:
            return self.resources[f"{service}/{name}"]
        if name.count("/") % 2 == 0:
            found = [
                value
                for key, value in self.resources.items()
                if re.fullmatch(re.escape(f"{service}/{name}/").replace("/\\-/", "/[^/]+/") + "[^/]+", key)
            ]
            return {name.rsplit("/", 1)[1]: found}
        raise NotThere

    def _create(self, service: str, collection: str, query: dict[str, str], body: Resource) -> Resource:
        key = next((value for key, value in query.items() if key.endswith("Id")), None)
        if key is None and "/" in str(body.get("name", "")):
            key = body["name"].rsplit("/", 1)[1]
        if key is None:
            self._count += 1
            key = str(body.get("name") or self._count)
        return self._put(service, f"{collection}/{key}", body, new=True)

    def _put(self, service: str, name: str, body: Resource, *, new: bool = False) -> Resource:
        if new and f"{service}/{name}" in self.resources:
            raise Conflict
        resource = {**body, "name": name}
        self._fill_in(service, name, resource)
        self.resources[f"{service}/{name}"] = resource
        return resource

    def _patch(self, service: str, name: str, mask: str | None, body: Resource) -> Resource:
        resource = self.resources.setdefault(f"{service}/{name}", {"name": name})
        for path in (mask or ",".join(body)).split(","):
            keys = [re.sub(r"_(\w)", lambda match: match[1].upper(), key) for key in path.split(".")]
            source: Any = body
            target = resource
            for key in keys[:-1]:
                source = source.get(key, {})
                target = target.setdefault(key, {})
            target[keys[-1]] = source.get(keys[-1])
        resource["name"] = name
        self._fill_in(service, name, resource)
        return resource

    def _fill_in(self, service: str, name: str, resource: Resource) -> None:
        """What the service itself sets."""
        if service == "cloudtasks":
            resource.setdefault("state", "RUNNING")
        elif service == "cloudscheduler":
            resource.setdefault("state", "ENABLED")
        elif service == "firestore":
            if resource.get("ttlConfig") is not None:
                resource["ttlConfig"] = {"state": "ACTIVE"}
            resource.setdefault("state", "READY")

    def _policy(self, key: str, verb: str, body: Resource) -> Resource:
        if verb == "setIamPolicy":
            self.policies[key] = {**body["policy"], "etag": "BwXhqDVBqTI="}
        return self.policies.get(key, {"etag": "BwXhqDVBqTI="})

    def _done(self, service: str, response: Resource) -> Resource:
        """A long-running operation that is done, where the service answers with one."""
        if "/backupSchedules/" in response.get("name", ""):
            return response
        if service in {"firestore", "artifactregistry", "serviceusage"}:
            self._count += 1
            where = "databases/(default)" if service == "firestore" else "locations/us-central1"
            name = f"projects/{self.project}/{where}/operations/{self._count}"
            operation: Resource = {"name": name, "done": True, "response": response, "metadata": {"stages": []}}
            if "/collectionGroups/" in response.get("name", ""):
                # An index is built for a while; gcloud does not wait, by --async.
                operation = {"name": name, "metadata": {"state": "PROCESSING"}}
            self.resources[f"{service}/{name}"] = operation
            return operation
        return response

    def _cloudresourcemanager(self, method: str, name: str, _query: Any, body: Resource) -> Resource | None:
        if name in {f"projects/{self.project}", f"projects/{PROJECT_NUMBER}"}:
            return {
                "projectId": self.project,
                "projectNumber": PROJECT_NUMBER,
                "name": f"projects/{PROJECT_NUMBER}",
                "lifecycleState": "ACTIVE",
                "createTime": "2026-11-24T13:00:00.000Z",
                "state": "ACTIVE",
            }
        for verb in ("getIamPolicy", "setIamPolicy"):
            if name == f"projects/{self.project}:{verb}":
                return self._policy("project", verb, body)
        if name == f"projects/{self.project}:getAncestry":
            return {"ancestor": [{"resourceId": {"type": "project", "id": self.project}}]}
        return None

    def _cloudbilling(self, *_: Any) -> Resource:
        return {"projectId": self.project, "billingEnabled": True, "billingAccountName": "billingAccounts/0-0-0"}

    def _cloudquotas(self, method: str, name: str, _query: Any, _body: Resource) -> Resource:
        everywhere = {"applicableLocations": ["europe-west1", "us-central1"], "details": {"value": "20000"}}
        return {"name": name, "quotaId": name.rsplit("/", 1)[1], "dimensionsInfos": [everywhere]}

    def _serviceusage(self, method: str, name: str, _query: Any, body: Resource) -> Resource | None:
        if name.endswith(":generateServiceIdentity"):
            api = name.split("/")[-1].split(".")[0]
            return self._done(
                "serviceusage",
                {"email": f"service-{PROJECT_NUMBER}@gcp-sa-{api}.iam.gserviceaccount.com", "uniqueId": "1"},
            )
        if name.endswith(":batchEnable"):
            self.enabled |= set(body["serviceIds"])
            return self._done("serviceusage", {})
        if name.endswith(":enable"):
            self.enabled.add(name.split("/")[-1].removesuffix(":enable"))
            return self._done("serviceusage", {})
        if method == "GET" and name.endswith("/services"):
            return {"services": [self._service(api) for api in sorted(self.enabled)]}
        if method == "GET" and "/services/" in name:
            return self._service(name.split("/")[-1])
        return None

    def _service(self, api: str) -> Resource:
        state = "ENABLED" if api in self.enabled else "DISABLED"
        return {"name": f"projects/{PROJECT_NUMBER}/services/{api}", "config": {"name": api}, "state": state}

    def _firestore(self, method: str, name: str, query: Any, body: Resource) -> Resource | None:
        if method == "GET" and name.endswith("/fields"):
            found: list[Resource] = self._read("firestore", name)["fields"]
            return {"fields": [field for field in found if field.keys() & {"indexConfig", "ttlConfig"}]}
        return None

    def _firebaserules(self, method: str, name: str, _query: Any, body: Resource) -> Resource | None:
        if name == f"projects/{self.project}:test":
            return try_rules(body)
        # The name of a named database's release has one part more than that of others.
        if method == "GET":
            return self._get("firebaserules", name)
        if method == "POST" and name.endswith("/releases"):
            return self._put("firebaserules", body["name"], body)
        if method == "PATCH":
            release = self._get("firebaserules", name)
            release["rulesetName"] = body["release"]["rulesetName"]
            return release
        return None

    def _iam(self, method: str, name: str, _query: Any, body: Resource) -> Resource | None:
        if method == "GET" and name.endswith("/serviceAccounts"):
            return {"accounts": self._read("iam", name)["serviceAccounts"]}
        if method == "POST" and name.endswith("/serviceAccounts"):
            email = f"{body['accountId']}@{self.project}.iam.gserviceaccount.com"
            resource = self._put("iam", f"{name}/{email}", body["serviceAccount"], new=True)
            resource["email"] = email
            return resource
        return None

    def _secretmanager(self, method: str, name: str, query: Any, body: Resource) -> Resource | None:
        versions = sorted(
            key for key in self.resources if key.startswith(f"secretmanager/{name.split(':')[0]}/versions/")
        )
        if name.endswith(":addVersion"):
            secret = name.removesuffix(":addVersion")
            self._get("secretmanager", secret)
            versions = [key for key in self.resources if key.startswith(f"secretmanager/{secret}/versions/")]
            return self._put(
                "secretmanager",
                f"{secret}/versions/{len(versions) + 1}",
                {**body, "state": "ENABLED", "clientSpecifiedPayloadChecksum": True},
            )
        if name.endswith("/versions/latest:access"):
            secret = name.removesuffix("/versions/latest:access")
            versions = sorted(key for key in self.resources if key.startswith(f"secretmanager/{secret}/versions/"))
            if not versions:
                raise NotThere
            return {"name": versions[-1], "payload": self.resources[versions[-1]]["payload"]}
        return None

    def _pubsub(self, method: str, name: str, _query: Any, _body: Resource) -> Resource | None:
        topic = name.removesuffix("/subscriptions")
        if method == "GET" and topic != name and "/topics/" in topic:
            subscriptions = [value for key, value in self.resources.items() if key.startswith("pubsub/")]
            return {"subscriptions": [each["name"] for each in subscriptions if each.get("topic") == topic]}
        return None

    def _upload(self, _method: str, name: str, query: Any, body: Resource) -> Resource:
        """A service's sources, by the JSON API of Cloud Storage."""
        return {"bucket": name.split("/")[3], "name": query["name"], "generation": "1", "size": str(body["size"])}

    def _storage(self, method: str, name: str, _query: Any, body: Resource) -> Resource | None:
        if method == "POST" and name == "b":
            return self._put("storage", f"b/{body['name']}", {**body, "id": body["name"]}, new=True)
        if method == "GET" and name == "b":
            return {"items": [value for key, value in self.resources.items() if key.startswith("storage/b/")]}
        return None

    def _run(self, method: str, name: str, query: Any, body: Resource) -> Resource | None:
        if name.endswith("/locations"):
            regions = ("europe-west1", "us-central1")
            return {"locations": [{"name": f"{name}/{region}", "locationId": region} for region in regions]}
        if name.endswith(":testIamPermissions"):
            return {"permissions": body["permissions"]}
        if name.endswith("/builds:submit"):
            build = {
                "id": "b1",
                "projectId": self.project,
                "name": f"projects/{PROJECT_NUMBER}/locations/us-central1/builds/b1",
                "logUrl": "https://console.cloud.google.com/cloud-build/builds/b1",
                "status": "SUCCESS",
                "results": {"images": [{"name": body["imageUri"], "digest": f"sha256:{'0' * 64}"}]},
            }
            kind = "type.googleapis.com/google.devtools.cloudbuild.v1"
            operation = f"projects/{self.project}/locations/us-central1/operations/b1"
            self.resources[f"cloudbuild/{operation}"] = {
                "name": operation,
                "done": True,
                "response": {"@type": f"{kind}.Build", **build},
            }
            metadata = {"@type": f"{kind}.BuildOperationMetadata", "build": build}
            runtimes = "us-central1-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes"
            base = body["buildpackBuild"].get("baseImage", "").rpartition("/")[2]
            return {
                "buildOperation": {"name": operation, "metadata": metadata},
                "baseImageUri": f"{runtimes}/{base}",
            }
        if name.startswith("namespaces/") and method in {"POST", "PUT"}:
            return self._knative_service(name, query, body)
        if name.startswith("namespaces/") and method == "GET" and name.count("/") == 2:
            found: list[Resource] = self._read("run", name)[name.rpartition("/")[2]]
            label, _, value = query.get("labelSelector", "").replace(" ", "").partition("=")
            if label:
                found = [each for each in found if each["metadata"]["labels"].get(label) == value]
            return {"items": found, "metadata": {}}
        if name.startswith("namespaces/") and method == "DELETE":
            place, _, service = name.partition("/services/")
            for key in [key for key in self.resources if key.startswith(f"run/{place}/revisions/{service}-0")]:
                del self.resources[key]
        return None

    def _knative_service(self, name: str, query: Any, body: Resource) -> Resource:
        """A service of Cloud Run as its older interface has it, which gcloud uses. Each template is a revision."""
        service = body["metadata"]["name"]
        namespace = name.partition("/services")[0]
        key = f"run/{namespace}/services/{service}"
        template = body["spec"]["template"]
        before = self.resources.get(key)
        is_new = before is None or before["spec"]["template"] != template
        generation = body["metadata"].get("generation", 0) + 1
        revision = template["metadata"].get("name") or f"{service}-{generation:05d}-abc"
        if before is not None and not is_new:
            revision = before["status"]["latestReadyRevisionName"]
        traffic = body["spec"].get("traffic") or [{"latestRevision": True, "percent": 100}]
        resource: Resource = {
            **body,
            "metadata": {**body["metadata"], "generation": generation, "namespace": PROJECT_NUMBER},
            "spec": {**body["spec"], "traffic": traffic},
            "status": {
                "observedGeneration": generation,
                "conditions": [
                    {"type": name, "status": "True"} for name in ("Ready", "ConfigurationsReady", "RoutesReady")
                ],
                "latestReadyRevisionName": revision,
                "latestCreatedRevisionName": revision,
                "url": f"https://{service}-{PROJECT_NUMBER}.us-central1.run.app",
                "traffic": [{"revisionName": revision, **target} for target in traffic],
            },
        }
        if "dryRun" not in query:
            self.resources[key] = resource
            if is_new:
                self._add_revision(namespace, service, revision, template)
        return resource

    def _add_revision(self, namespace: str, service: str, revision: str, template: Resource) -> None:
        metadata = template["metadata"]
        place = f"run/{namespace}/revisions"
        self.resources[f"{place}/{revision}"] = {
            "metadata": {
                "name": revision,
                "namespace": PROJECT_NUMBER,
                "creationTimestamp": f"2026-11-24T13:00:{len(self.resources) % 60:02}.123456Z",
                "labels": {**metadata.get("labels", {}), "serving.knative.dev/service": service},
                "annotations": metadata.get("annotations", {}),
            },
            "spec": template["spec"],
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }

    def _monitoring(self, method: str, name: str, _query: Any, body: Resource) -> Resource | None:
        self._check(method, name, body)
        if method == "POST" and name.endswith("/dashboards"):
            body["etag"] = "abc"
        return None

    def _check(self, method: str, name: str, body: Resource) -> None:
        """Refuse what the service refuses."""
        monitored = Monitored.of(self.resources)
        checks = {
            "alertPolicies": monitored.check_policy,
            "dashboards": monitored.check_dashboard,
            "metrics": monitored.check_log_metric,
            "services": monitored.check_service,
            "serviceLevelObjectives": monitored.check_objective,
        }
        collection = name.split("/")[-1 if method == "POST" else -2]
        if method in {"POST", "PATCH", "PUT"} and collection in checks:
            checks[collection](body)

    def _logging(self, method: str, name: str, query: Any, body: Resource) -> Resource | None:
        self._check(method, name, body)
        if method == "POST" and name.endswith("/metrics"):
            self._put("logging", f"{name}/{body['name']}", body, new=True)
            self.resources[f"logging/{name}/{body['name']}"]["name"] = body["name"]
            return self.resources[f"logging/{name}/{body['name']}"]
        return None

    def secret_values(self) -> list[str]:
        """The values of all versions of all secrets."""
        return [
            base64.b64decode(value["payload"]["data"]).decode()
            for key, value in self.resources.items()
            if key.startswith("secretmanager/") and "/versions/" in key
        ]


def _uploaded_bytes(body: bytes) -> int:
    """The length of the last part of a multipart body: its headers end with an empty line."""
    boundary = body.partition(b"\n")[0].strip()
    if not boundary.startswith(b"--"):
        return len(body)
    part = body.split(boundary)[-2].lstrip(b"\r\n")
    separator = b"\r\n\r\n" if b"\r\n" in part.partition(b"\n\n")[0] else b"\n\n"
    content = part.partition(separator)[2]
    return len(content.removesuffix(b"\n").removesuffix(b"\r"))


def try_rules(body: Resource) -> Resource:
    """What the API answers to `projects.test`."""
    [file] = body["source"]["files"]
    try:
        rules = Rules(file["content"])
    except ValueError as error:
        return {"issues": [{"severity": "ERROR", "description": str(error), "sourcePosition": {"line": 1}}]}
    results = []
    for case in body["testSuite"]["testCases"]:
        request = case["request"]
        is_allowed = rules.allow(
            request["method"],
            request["path"].split("/documents/", 1)[1],
            auth=request.get("auth"),
            before=case.get("resource", {}).get("data"),
            after=request.get("resource", {}).get("data"),
        )
        results.append({"state": "SUCCESS" if is_allowed == (case["expectation"] == "ALLOW") else "FAILURE"})
    return {"testResults": results}


def _error(code: int, status: str, message: str) -> Resource:
    return {"error": {"code": code, "status": status, "message": message}}
