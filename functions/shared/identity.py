"""Who calls: verification of the OIDC token that Cloud Scheduler and Cloud Tasks send with each request.

https://cloud.google.com/tasks/docs/creating-http-target-tasks#token
"""

import functools
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

import requests
from google.auth import exceptions
from google.auth.transport.requests import Request
from google.oauth2 import id_token


class Headers(Protocol):
    """A request's headers, found in any case. Flask's are no Mapping."""

    def get(self, key: str, default: str) -> str:
        """The value of a header."""


class NotAuthorized(Exception):
    """A request that is not from the one who may make it.

    Attributes:
        status: 401 where there is no valid token, 403 where a valid one is somebody else's, 503 where the keys that it
            is checked with cannot be had.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class TokenVerifier:
    """Checks a bearer token's signature, expiry, audience, issuer and account.

    The issuer's keys are fetched over HTTP and kept for as long as its Cache-Control header says.

    Args:
        certs_url: where the issuer's JSON web key set is.
        issuer: the `iss` to expect.
        audience: the `aud` to expect: the called service's own URL, to the letter.
        invoker: the e-mail address of the service account that may call.
    """

    def __init__(self, *, certs_url: str, issuer: str, audience: str, invoker: str) -> None:
        self._certs_url = certs_url
        self._issuer = issuer
        self._audience = audience
        self._invoker = invoker

    @functools.cached_property
    def _transport(self) -> "_RequestWithTimeout":
        import cachecontrol

        return _RequestWithTimeout(cachecontrol.CacheControl(requests.Session()))

    def verify(self, headers: Headers) -> None:
        """Let an authorized request pass.

        Args:
            headers: the request's headers.

        Raises:
            NotAuthorized: with the status to answer.
        """
        # With the first request, as google-auth does: a function is not to wait for it before it can start.
        import jwt

        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAuthorized(HTTPStatus.UNAUTHORIZED, "a bearer token is required")
        try:
            claims: Mapping[str, Any] = id_token.verify_token(
                token.strip(), self._transport, audience=self._audience, certs_url=self._certs_url
            )
        except (requests.RequestException, exceptions.TransportError) as error:
            raise NotAuthorized(HTTPStatus.SERVICE_UNAVAILABLE, "the issuer's keys cannot be fetched") from error
        except (ValueError, jwt.PyJWTError, exceptions.GoogleAuthError) as error:
            raise NotAuthorized(HTTPStatus.UNAUTHORIZED, f"the token is not valid: {type(error).__name__}") from error
        if claims.get("iss") != self._issuer:
            raise NotAuthorized(HTTPStatus.UNAUTHORIZED, "the token is from another issuer")
        if claims.get("email") != self._invoker or claims.get("email_verified") is not True:
            raise NotAuthorized(HTTPStatus.FORBIDDEN, "the token is another account's")


class _RequestWithTimeout(Request):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **{"timeout": 10, **kwargs})  # type: ignore[no-untyped-call]  # google-auth is untyped here
