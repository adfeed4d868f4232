"""Calls the dispatcher as Cloud Scheduler does: with a token of the scheduler's account."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, cast

import google.auth
import requests
from google.auth import impersonated_credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from functions.shared.records.run import RUN_COUNTERS
from operations.connection.deployed_env import CLOUD_PLATFORM
from operations.connection.target import Target
from operations.errors import NotConfigured, OperatorError
from operations.failures import describe
from operations.time_args import to_json_time

RUN_SECONDS = 1_800.0
"""How long a run may take: Cloud Scheduler's own attempt deadline, in scheduler.yaml."""

ANSWER = ("run_id", *RUN_COUNTERS, "seconds", "continued", "stopped")
"""What the dispatcher answers about a run. `continued`: the run goes on by itself in further parts. `stopped`: the
breaker has stopped it."""

_TOKEN_SECONDS = 10.0


def dispatch(target: Target, *, scheduled_for: datetime | None) -> tuple[bool, dict[str, Any]]:
    """Have the dispatcher make a run.

    Args:
        scheduled_for: the time that the run is for; None for the present.

    Returns:
        whether the run went well, and its figures.

    Raises:
        NotConfigured: a variable is missing, or the dispatcher or the token issuer does not answer.
        OperatorError: the issuer gives no token, or the dispatcher refuses it or makes no run.
    """
    url = target.require("DISPATCHER_URL")
    headers = {"Authorization": f"Bearer {_token(target, audience=url)}", "Content-Type": "application/json"}
    if scheduled_for is not None:
        # https://cloud.google.com/scheduler/docs/reference/rpc/google.cloud.scheduler.v1#httptarget
        headers["X-CloudScheduler-ScheduleTime"] = to_json_time(scheduled_for) or ""
    try:
        response = requests.post(f"{url}/dispatch", headers=headers, data="{}", timeout=(_TOKEN_SECONDS, RUN_SECONDS))
    except requests.RequestException as error:
        raise NotConfigured(f"The dispatcher at {url} does not answer: {_cause(error)}.") from error
    figures = _json_object(response)
    if "run_id" not in figures:
        status = f"{response.status_code} {response.reason}"
        reason = describe(figures.get("error") or "")[:300]
        raise OperatorError(f"The dispatcher answers {status}: {reason or 'its log says why'}.")
    return response.status_code == HTTPStatus.OK, {name: figures.get(name) for name in ANSWER}


def _token(target: Target, *, audience: str) -> str:
    account = target.require("SCHEDULER_INVOKER")
    issuer = target.variables.get("OIDC_ISSUER")
    return _local_token(issuer, account, audience) if issuer else _google_token(account, audience)


def _local_token(issuer: str, account: str, audience: str) -> str:
    try:
        response = requests.post(
            f"{issuer}/token", json={"email": account, "audience": audience}, timeout=_TOKEN_SECONDS
        )
        response.raise_for_status()
        return cast(str, response.json()["token"])
    except requests.RequestException as error:
        raise NotConfigured(f"OIDC_ISSUER: {issuer} gives out no token: {_cause(error)}.") from error


def _google_token(account: str, audience: str) -> str:
    """A token of the scheduler's account, by impersonation.

    https://cloud.google.com/docs/authentication/use-service-account-impersonation
    """
    try:
        own, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
        scheduler = impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]  # google-auth is untyped
            source_credentials=own, target_principal=account, target_scopes=[CLOUD_PLATFORM]
        )
        credentials = impersonated_credentials.IDTokenCredentials(  # type: ignore[no-untyped-call]  # here
            scheduler, target_audience=audience, include_email=True
        )
        credentials.refresh(Request())
    except GoogleAuthError as error:
        raise OperatorError(
            f"No token for the account SCHEDULER_INVOKER: grant yourself roles/iam.serviceAccountTokenCreator on it "
            f"({_cause(error)})."
        ) from error
    return cast(str, credentials.token)


def _json_object(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _cause(error: Exception) -> str:
    return describe(error)[:200] or type(error).__name__
