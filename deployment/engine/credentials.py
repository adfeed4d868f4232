"""As whom the deployment calls Google.

https://cloud.google.com/docs/authentication/application-default-credentials
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import google.auth
from google.auth.credentials import Credentials
from google.auth.environment_vars import NO_GCE_CHECK
from google.auth.exceptions import DefaultCredentialsError, RefreshError
from google.auth.impersonated_credentials import Credentials as ImpersonatedCredentials
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials as UserCredentials

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TOKEN_FILE = "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"  # noqa: S105  the name of a variable
"""gcloud's own: https://cloud.google.com/sdk/docs/authorizing#access_token"""


class GcloudCredentials(Credentials):
    def refresh(self, request: Any) -> None:
        asked = subprocess.run(
            ["gcloud", "auth", "print-access-token", "--quiet"],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode != 0:
            raise RefreshError(  # type: ignore[no-untyped-call]
                f"gcloud gives no access token: {asked.stderr.strip()}"
            )
        self.token = asked.stdout.strip()


def credentials(project: str) -> Credentials:
    """The credentials of a run: application default credentials, and where there are none, gcloud's."""
    if file := os.environ.get(_TOKEN_FILE):
        token = Path(file).read_text(encoding="utf-8").strip()
        return UserCredentials(token)  # type: ignore[no-untyped-call]
    has_gcloud = shutil.which("gcloud") is not None
    if has_gcloud:
        # gcloud knows the account of a machine on Google Cloud, too. Elsewhere it takes a while to find none.
        os.environ.setdefault(NO_GCE_CHECK, "true")
    try:
        found: Credentials = google.auth.default(scopes=[_SCOPE])[0]
    except DefaultCredentialsError:
        if has_gcloud:
            return GcloudCredentials()  # type: ignore[no-untyped-call]
        raise
    # The calls of a service account count for the quota of its own project.
    if isinstance(found, UserCredentials) and not found.quota_project_id:
        found = found.with_quota_project(project)
    # gcloud's own: https://cloud.google.com/docs/authentication/use-service-account-impersonation
    if account := os.environ.get("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT"):
        return ImpersonatedCredentials(found, account, [_SCOPE])  # type: ignore[no-untyped-call]
    return found


def renewal(used: Credentials) -> str:
    """What to do where credentials give no token any more."""
    if isinstance(used, GcloudCredentials):
        return "log in again: gcloud auth login"
    if isinstance(used, ImpersonatedCredentials):
        return (
            f"you need roles/iam.serviceAccountTokenCreator on {used.service_account_email}. If you have it, log in "
            "again: gcloud auth application-default login"
        )
    if isinstance(used, UserCredentials):
        file = os.environ.get(_TOKEN_FILE)
        again = f"gcloud auth print-access-token > {file}" if file else "gcloud auth application-default login"
        return f"log in again: {again}"
    return "the identity of this machine or pipeline gives no token: docs/guides/ci.md says how it is set up."


def session(project: str) -> AuthorizedSession:
    return AuthorizedSession(credentials(project))  # type: ignore[no-untyped-call]
