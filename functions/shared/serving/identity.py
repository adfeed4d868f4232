"""Verifies who calls, by the OIDC token that comes with each request of Cloud Scheduler, Cloud Tasks and the team.

https://cloud.google.com/tasks/docs/creating-http-target-tasks#token
"""

import functools
import hashlib
import threading
import time
from collections.abc import Callable, Collection
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    from functions.shared.serving.issuer_keys import IssuerKeys, PublicKey
    from functions.shared.settings import IdentitySettings

MOST_REMEMBERED = 100
"""How many verified tokens are remembered: a queue calls with the same token for a while."""

_REQUIRED_CLAIMS = ["exp", "iat", "iss", "aud"]


class Headers(Protocol):
    """A request's headers, found in any case. Flask's are no Mapping."""

    def get(self, key: str, default: str) -> str:
        """The value of a header."""


class NotAuthorized(Exception):
    """A request whose caller may not make it.

    Attributes:
        status: 401 if there is no valid token, 403 if the token is another account's, 503 if the keys to check it with
            cannot be fetched.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Verified(NamedTuple):
    """A token that was good. It still is while it has not expired and the issuer has the key."""

    key_id: str
    key: "PublicKey"
    expires_at: int
    account: str


class TokenVerifier:
    """Checks a bearer token's signature, times, audience, issuer and account. Safe for threads.

    The issuer's keys are fetched over HTTP and kept for as long as its Cache-Control header says. Of a token that was
    good its hash is remembered, so that its signature is checked once.

    Args:
        certs_url: where the issuer's JSON web key set is.
        issuer: the `iss` to expect.
        audience: the `aud` to expect: the called service's own URL, to the letter.
        invokers: the email addresses of the service accounts that may call.
        now: seconds of the clock by which the keys are kept. PyJWT compares a new token's own times with the machine's.
    """

    def __init__(
        self,
        *,
        certs_url: str,
        issuer: str,
        audience: str,
        invokers: Collection[str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._certs_url = certs_url
        self._issuer = issuer
        self._audience = audience
        self._invokers = frozenset(invokers)
        self._now = now
        self._lock = threading.Lock()
        self._verified: dict[bytes, _Verified] = {}
        """By the hashes of the tokens."""

    @classmethod
    def from_settings(cls, settings: "IdentitySettings", *, audience: str, invokers: Collection[str]) -> Self:
        """By the issuer that the environment names; as above."""
        certs_url, issuer = settings.oidc_certs_url, settings.oidc_issuer
        return cls(certs_url=certs_url, issuer=issuer, audience=audience, invokers=invokers)

    @functools.cached_property
    def _keys(self) -> "IssuerKeys":
        # Imported with the first request, so that a function starts without waiting for the import.
        from functions.shared.serving.issuer_keys import IssuerKeys

        return IssuerKeys(self._certs_url, now=self._now)

    def verify(self, headers: Headers, *, now: datetime) -> str:
        """Let an authorized request pass.

        Args:
            headers: the request's headers.
            now: the present, by which a token that was good may have expired.

        Returns:
            the email address of the account that calls.

        Raises:
            NotAuthorized: with the status to answer.
        """
        import jwt

        from functions.shared.serving.issuer_keys import Algorithm, KeysUnavailable, UnknownKey

        scheme, _, token = headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise NotAuthorized(HTTPStatus.UNAUTHORIZED, "a bearer token is required")
        try:
            digest = hashlib.sha256(token.encode()).digest()
            known = self._verified.get(digest)
            if known and now.timestamp() < known.expires_at and self._keys.get(known.key_id) is known.key:
                return known.account
            key_id = jwt.get_unverified_header(token).get("kid")
            if not isinstance(key_id, str):
                raise NotAuthorized(HTTPStatus.UNAUTHORIZED, "the token is not valid: it names no key")
            key = self._keys.get(key_id)
            claims = jwt.decode(
                token,
                key,
                algorithms=[Algorithm.RS256],
                audience=self._audience,
                issuer=self._issuer,
                options={"require": _REQUIRED_CLAIMS},
            )
        except KeysUnavailable as error:
            raise NotAuthorized(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
        # PyJWT does not catch the errors of malformed numbers and of deep nesting.
        except (UnknownKey, jwt.PyJWTError, ValueError, ArithmeticError, RecursionError) as error:
            raise NotAuthorized(HTTPStatus.UNAUTHORIZED, f"the token is not valid: {type(error).__name__}") from error
        account = claims.get("email")
        is_known = isinstance(account, str) and account in self._invokers
        if not is_known or claims.get("email_verified") is not True:
            raise NotAuthorized(HTTPStatus.FORBIDDEN, "the token is another account's")
        self._remember(digest, _Verified(key_id=key_id, key=key, expires_at=int(claims["exp"]), account=str(account)))
        return str(account)

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        with self._lock:
            self._verified[digest] = verified
            if len(self._verified) > MOST_REMEMBERED:
                # The oldest.
                del self._verified[next(iter(self._verified))]
