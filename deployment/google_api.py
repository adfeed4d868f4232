"""A REST interface of Google, for what gcloud has no command for: with Python alone, as the account whose access token
is given.

A program reads the token from standard input, so that no list of processes shows it.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Resource = dict[str, Any]

_CALL_SECONDS = 30.0
_MOST_OF_AN_ERROR = 1000


class GoogleApi:
    """Calls one interface.

    Args:
        name: such as `firestore` for firestore.googleapis.com. As gcloud does, it looks for another address in the
            environment: https://cloud.google.com/sdk/docs/properties#setting_properties_using_environment_variables
        title: its name in errors.
        token: an access token.
        quota_project: whose quota counts, where that is not the project of the account.
            https://cloud.google.com/docs/quotas/set-quota-project
    """

    def __init__(self, name: str, title: str, token: str, *, quota_project: str = "") -> None:
        overridden = os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name.upper()}")
        self._endpoint = (overridden or f"https://{name}.googleapis.com").rstrip("/")
        self._title = title
        self._headers = {"Authorization": f"Bearer {token.strip()}", "Content-Type": "application/json"}
        if quota_project:
            self._headers["X-Goog-User-Project"] = quota_project

    def call(self, method: str, path: str, body: Resource | None = None) -> Resource:
        """Make one request.

        Args:
            method: of HTTP.
            path: with the version, such as v1/projects/p/rulesets.
            body: becomes JSON; None for no body.

        Raises:
            urllib.error.URLError: it failed.
        """
        request = urllib.request.Request(  # noqa: S310  https, or what stands in for Google
            f"{self._endpoint}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=self._headers,
        )
        with urllib.request.urlopen(request, timeout=_CALL_SECONDS) as response:  # noqa: S310
            answer: Resource = json.load(response)
        return answer

    def read_if_there(self, path: str) -> Resource | None:
        """A resource; None where there is none of this name.

        Raises:
            urllib.error.URLError: it cannot be read.
        """
        try:
            return self.call("GET", path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    @contextmanager
    def exit_on_failure(self) -> Iterator[None]:
        """End the program where a request fails, with the answer as the error."""
        try:
            yield
        except urllib.error.HTTPError as error:
            answer = error.read().decode(errors="replace")[:_MOST_OF_AN_ERROR]
            sys.exit(f"ERROR: {self._title} answered {error.code}: {answer}")
        except urllib.error.URLError as error:
            sys.exit(f"ERROR: {self._title} cannot be reached: {error.reason}")
