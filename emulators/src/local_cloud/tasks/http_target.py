"""The HTTP request that a task makes, after the queue has overridden what it overrides.

https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#HttpTarget
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from local_cloud.tasks import messages
from local_cloud.tasks.new_task import USER_AGENT

_SERVICE_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "user-agent",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that only the service or the connection sets."""

_SERVICE_PREFIXES = ("x-google-", "x-appengine-", "x-cloudtasks-")

_IF_NOT_EXISTS = 1
"""Of UriOverride.UriOverrideEnforceMode."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, kw_only=True)
class HttpTarget:
    """The part of a request that is the same for every attempt.

    Attributes:
        method: the HTTP method.
        url: where it goes.
        headers: the task's and the queue's, without those that the service sets itself, with User-Agent.
        body: what is sent; empty for methods without one.
        oidc: the OidcToken that is asked for, if any.
        oauth: the OAuthToken that is asked for, if any.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    oidc: Any = None
    oauth: Any = None


def resolve(request: Any, override: Any) -> HttpTarget:
    """The request of a task's HttpRequest under its queue's HttpTarget, or None."""
    overrides = override is not None
    method = messages.HttpMethod((overrides and override.http_method) or request.http_method).name
    body = request.body if method in _WITH_BODY else b""
    asking = override if overrides and override.WhichOneof("authorization_header") else request
    kind = asking.WhichOneof("authorization_header")
    return HttpTarget(
        method=method,
        url=_override_url(request.url, override.uri_override)
        if overrides and override.HasField("uri_override")
        else request.url,
        headers=_headers(request.headers, override.header_overrides if overrides else ()),
        body=body,
        oidc=asking.oidc_token if kind == "oidc_token" else None,
        oauth=asking.oauth_token if kind == "oauth_token" else None,
    )


def _headers(own: Mapping[str, str], overrides: Any) -> dict[str, str]:
    headers = dict(own)
    for override in overrides:
        key = override.header.key
        headers = {name: value for name, value in headers.items() if name.lower() != key.lower()}
        headers[key] = override.header.value
    headers = {name: value for name, value in headers.items() if not _is_the_services(name.lower())}
    headers["User-Agent"] = USER_AGENT
    return headers


def _is_the_services(name: str) -> bool:
    return name in _SERVICE_HEADERS or name.startswith(_SERVICE_PREFIXES)


def _override_url(url: str, override: Any) -> str:
    parts = urlsplit(url)
    always = override.uri_override_enforce_mode != _IF_NOT_EXISTS
    # A task's URL always has a scheme and a host; the rest it may lack.
    if always and override.scheme:
        parts = parts._replace(scheme=messages.SCHEMES[override.scheme])
    if always and override.HasField("host"):
        parts = parts._replace(netloc=_netloc(override.host, parts.port))
    if override.HasField("port") and (always or parts.port is None):
        parts = parts._replace(netloc=_netloc(_host(parts), override.port or None))
    if override.HasField("path_override") and (always or not parts.path):
        parts = parts._replace(path=override.path_override.path)
    if override.HasField("query_override") and (always or not parts.query):
        parts = parts._replace(query=override.query_override.query_params)
    return urlunsplit(parts)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def _netloc(host: str, port: int | None) -> str:
    return host if port is None else f"{host}:{port}"
