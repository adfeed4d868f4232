"""The environment variables of the deployed functions, read from Cloud Functions, so that an operator need only name
project and region."""

import functools
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import google.auth
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from functions.shared.settings import DispatcherSettings
from operations.errors import NotConfigured, describe

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"

DEFAULT_PREFIX = "report"
"""The beginning of all deployed names, unless PREFIX sets another: the same default as in deploy.sh."""

_ENDPOINT_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDFUNCTIONS"
"""The variable that sends gcloud to another endpoint, too. https://cloud.google.com/sdk/docs/properties#setting_properties_using_environment_variables"""

_ENDPOINT = "https://cloudfunctions.googleapis.com/"
_CALL_SECONDS = 20.0
_DISPATCHERS = frozenset(field.upper() for field in DispatcherSettings.model_fields)
"""The variables that the dispatcher has. The worker has all others that an operator needs, those of kinds included."""


class DeployedEnv:
    """The environment variables of the deployed functions. Secrets are not among them.

    https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions#ServiceConfig

    Args:
        project: the Google Cloud project's id.
        location: the functions' region.
        prefix: what their names begin with.
    """

    def __init__(self, *, project: str, location: str, prefix: str) -> None:
        self._parent = f"projects/{project}/locations/{location}"
        self._prefix = prefix

    def variable(self, name: str) -> str | None:
        """A variable's value; None where the function does not have it.

        Raises:
            NotConfigured: Cloud Functions does not answer or refuses.
        """
        function = f"{self._prefix}-{'dispatcher' if name in _DISPATCHERS else 'worker'}"
        try:
            return self._variables(function).get(name)
        except (requests.RequestException, GoogleAuthError, LookupError) as error:
            cause = describe(error)[:200]
            raise NotConfigured(
                f"{name} is not set, and the function {function} in {self._parent} cannot be asked for it: {cause}."
            ) from error

    @functools.cache  # noqa: B019  lives as long as the command
    def _variables(self, function: str) -> Mapping[str, str]:
        credentials, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
        endpoint = os.environ.get(_ENDPOINT_VARIABLE) or _ENDPOINT
        url = f"{endpoint.rstrip('/')}/v2/{self._parent}/functions/{function}"
        with AuthorizedSession(credentials) as session:  # type: ignore[no-untyped-call]  # google-auth is untyped here
            response = session.get(url, timeout=_CALL_SECONDS)
        if response.status_code != HTTPStatus.OK:
            raise LookupError(f"{response.status_code} {response.reason}")
        function_resource: dict[str, Any] = response.json()
        variables: dict[str, str] = function_resource.get("serviceConfig", {}).get("environmentVariables", {})
        return variables
