"""The environment variables and secrets of the deployed functions, read from Google Cloud, so that an operator need
only name project and region."""

import base64
import functools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import google.auth
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from functions.shared.settings import DispatcherSettings, MailSettings
from operations.errors import NotConfigured
from operations.failures import describe

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"

DEFAULT_PREFIX = "report"
"""The beginning of all deployed names, unless PREFIX sets another: the same default as in deploy.sh."""

_ENDPOINT_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
"""Before a service's name, the variable that sends gcloud to another endpoint, too. https://cloud.google.com/sdk/docs/properties#setting_properties_using_environment_variables"""

_CALL_SECONDS = 20.0
_DISPATCHERS = frozenset(
    field.upper() for field in DispatcherSettings.model_fields.keys() - MailSettings.model_fields.keys()
)
"""The variables to ask the dispatcher for. The worker has all others that an operator needs, with those of kinds."""

_DEPLOYED = ("dispatcher", "worker", "dlq-handler", "mail-events", "preferences", "api", "console")
"""The functions and the console, as the names of their services end."""

_MAIL_EVENTS = frozenset({"SENDGRID_WEBHOOK_KEY", "RESEND_WEBHOOK_SECRET"})
"""The variables that only the function mail_events has."""


class DeployedEnv:
    """The environment variables of the deployed functions, and the secrets that are among them. Every method raises
    NotConfigured if Google Cloud does not answer or refuses.

    https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services#Service

    Args:
        location: the functions' region.
        prefix: what their names begin with.
    """

    def __init__(self, *, project: str, location: str, prefix: str) -> None:
        self._project = project
        self._parent = f"projects/{project}/locations/{location}"
        self._prefix = prefix

    def variable(self, name: str) -> str | None:
        """A variable's value; None where the function does not have it."""
        function = self._function_of(name)
        with _asking(f"{name} is not set, and the function {function} in {self._parent} cannot be asked for it"):
            return self._variables(function).get(name, {}).get("value")

    def secret(self, name: str) -> str | None:
        """The value of a variable that the function has from Secret Manager, in the version that it runs with; None
        where the function does not have it.

        https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
        """
        function = self._function_of(name)
        with _asking(f"{name} is not set, and Secret Manager does not give that of {function} in {self._parent}"):
            reference = self._variables(function).get(name, {}).get("valueSource", {}).get("secretKeyRef")
            if reference is None:
                return None
            secret = reference["secret"]
            # One of another project is given by its full name.
            path = secret if "/" in secret else f"projects/{self._project}/secrets/{secret}"
            answer = _get("secretmanager", f"/v1/{path}/versions/{reference['version']}:access")
            return base64.b64decode(answer["payload"]["data"]).decode()

    def labels(self) -> dict[str, Mapping[str, str]]:
        """The labels of what serves of each function of the pipeline, and of the console, by its name. Where several
        revisions share the traffic, those of each, with its percentage in the name.
        """
        with _asking(f"{self._parent} cannot be asked for its functions"):
            listed = _get("run", f"/v2/{self._parent}/services?pageSize=1000").get("services", [])
            found = {each["name"].rpartition("/")[2]: each for each in listed}
            names = [f"{self._prefix}-{name}" for name in _DEPLOYED]
            return {what: labels for name in names if name in found for what, labels in _serving(name, found[name])}

    def revisions(self, *, seconds: float) -> list[Mapping[str, Any]]:
        """The latest revisions of the dispatcher and the worker, of which an account that may read these functions may
        know, as Cloud Run has them.

        https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services.revisions/list

        Args:
            seconds: how long each of both calls may take.
        """
        services = (f"{self._parent}/services/{self._prefix}-{name}" for name in ("dispatcher", "worker"))
        with _asking(f"{self._parent} cannot be asked for revisions"):
            listed = [_get("run", f"/v2/{each}/revisions?pageSize=100", seconds=seconds) for each in services]
        return [revision for each in listed for revision in each.get("revisions", [])]

    def _function_of(self, variable: str) -> str:
        if variable in _MAIL_EVENTS:
            return f"{self._prefix}-mail-events"
        return f"{self._prefix}-{'dispatcher' if variable in _DISPATCHERS else 'worker'}"

    @functools.cache  # noqa: B019  lives as long as the command
    def _variables(self, function: str) -> Mapping[str, Mapping[str, Any]]:
        (container,) = _get("run", f"/v2/{self._parent}/services/{function}")["template"]["containers"]
        return {each["name"]: each for each in container.get("env", [])}


@contextmanager
def _asking(refused: str) -> Iterator[None]:
    """Ask Google Cloud; an error says what was refused, and why."""
    try:
        yield
    except (requests.RequestException, GoogleAuthError, LookupError, ValueError) as error:
        raise NotConfigured(f"{refused}: {describe(error)[:200]}.") from error


def _serving(name: str, service: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each revision that has a share of a service's traffic, and its labels. Those of the newest are the service's own.

    https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services#TrafficTargetStatus
    """
    newest = service.get("latestReadyRevision", "").rpartition("/")[2]
    targets = service.get("trafficStatuses") or [{"percent": 100}]
    for target in targets:
        percent, revision = target.get("percent", 0), target.get("revision", newest).rpartition("/")[2]
        if percent:
            what = name if percent == 100 else f"{name} ({percent} %)"
            of = service if revision == newest else _get("run", f"/v2/{service['name']}/revisions/{revision}")
            yield what, of.get("labels", {})


def _get(service: str, path: str, *, seconds: float = _CALL_SECONDS) -> Any:
    """What a service of Google has at a path.

    Raises:
        LookupError: it answers with an error.
        requests.RequestException: it does not answer.
        GoogleAuthError: there are no credentials.
    """
    credentials, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
    endpoint = os.environ.get(f"{_ENDPOINT_VARIABLE}{service.upper()}") or f"https://{service}.googleapis.com/"
    with AuthorizedSession(credentials) as session:  # type: ignore[no-untyped-call]  # google-auth is untyped here
        response = session.get(f"{endpoint.rstrip('/')}{path}", timeout=seconds)
    if response.status_code != HTTPStatus.OK:
        raise LookupError(f"{response.status_code} {response.reason}")
    return response.json()
