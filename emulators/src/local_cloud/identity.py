"""Google's part as an identity provider: ID tokens of service accounts, and the keys that they are verified with.

Cloud Tasks and Cloud Scheduler send such a token with each request, and a function verifies it against the issuer's
public keys. This is not simulated: the tokens are signed, the keys are served, and a verifier can tell this issuer from
Google's only by its name. https://cloud.google.com/docs/authentication/token-types#id
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from local_cloud.clock import Clock
from local_cloud.http import HttpServer

MintToken = Callable[[str, str], str]
"""Signs an OIDC token: given a service account's email address and an audience."""

CERTS_PATH = "/oauth2/v3/certs"
KEYS_LIFETIME = timedelta(hours=1)
"""How long a verifier may keep the keys. They live as long as the process, so any value is right; Google's is hours."""

REUSE_WHILE_LEFT = timedelta(minutes=35)
"""A cached token is handed out while it is valid for this long: longer than the longest dispatch deadline (30 min)."""

CACHED_TOKENS = 1_000


class IdentityProvider(HttpServer):
    """Issues ID tokens for any service account, and serves the keys to verify them.

    Any program that reaches the port gets a token for any account that it names, so bind the loopback interface only.
    After it has stopped, it still mints tokens, and a program that has kept the keys can verify them.

    Args:
        host: the address to bind.
        port: the port, 0 for any free one.
        clock: when tokens are issued.
        is_clock_shared: whether the verifiers of the tokens use this clock, too, and not the machine's.
    """

    def __init__(self, *, host: str, port: int, clock: Clock, is_clock_shared: bool = False) -> None:
        self._clock = clock
        self._is_clock_shared = is_clock_shared
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = secrets.token_hex(20)
        self._tokens: dict[tuple[str, str, timedelta], tuple[str, datetime]] = {}
        app = web.Application()
        app.router.add_get(CERTS_PATH, self._certs)
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_post("/token", self._token)
        super().__init__("identity", app, host, port, json_only=True)

    @property
    def issuer(self) -> str:
        """The `iss` of the tokens."""
        return self.url

    @property
    def certs_url(self) -> str:
        """Where the public keys are, as a JSON web key set."""
        return self.issuer + CERTS_PATH

    def mint(self, email: str, audience: str, lifetime: timedelta = timedelta(hours=1)) -> str:
        """An ID token of a service account, with the claims that Google's have.

        A token is signed once for an account, audience and lifetime, and handed out again while it is good for
        longer than a request can last: a signature takes about a millisecond, and a queue asks for the same token
        with each of its dispatches.

        Args:
            email: the service account's email address.
            audience: the URL of the service that the token is for.
            lifetime: how long it is valid. Google's are valid for an hour.

        Returns:
            The token, to be sent as `Authorization: Bearer TOKEN`.
        """
        issued_at = self._time_of_issue()
        cached = self._tokens.get((email, audience, lifetime))
        if cached is not None and cached[1] - issued_at > REUSE_WHILE_LEFT:
            return cached[0]
        expires_at = issued_at + lifetime
        account_id = _account_id(email)
        token = jwt.encode(
            {
                "iss": self.issuer,
                "aud": audience,
                "azp": account_id,
                "sub": account_id,
                "email": email,
                "email_verified": True,
                "iat": int(issued_at.timestamp()),
                "exp": int(expires_at.timestamp()),
            },
            self._key,
            algorithm="RS256",
            headers={"kid": self._key_id},
        )
        if len(self._tokens) >= CACHED_TOKENS:
            self._tokens.clear()
        self._tokens[email, audience, lifetime] = token, expires_at
        return token

    def _time_of_issue(self) -> datetime:
        # Most verifiers are other processes, which know the machine's time only: to them a token of a clock that was
        # moved forward would be used too early.
        return self._clock.now() if self._is_clock_shared else min(self._clock.now(), self._clock.machine_now())

    async def _certs(self, _request: web.Request) -> web.Response:
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        public = {name: key[name] for name in ("kty", "n", "e")}
        return web.json_response(
            {"keys": [{**public, "kid": self._key_id, "use": "sig", "alg": "RS256"}]},
            headers={"Cache-Control": f"public, max-age={KEYS_LIFETIME.total_seconds():.0f}, must-revalidate"},
        )

    async def _configuration(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "jwks_uri": self.certs_url,
                "id_token_signing_alg_values_supported": ["RS256"],
                "subject_types_supported": ["public"],
                "response_types_supported": ["id_token"],
                "claims_supported": ["aud", "azp", "email", "email_verified", "exp", "iat", "iss", "sub"],
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except ValueError:
            return _refusal(HTTPStatus.BAD_REQUEST, "the body is not JSON")
        if not isinstance(body, Mapping):
            return _refusal(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
        for field in ("email", "audience"):
            if not isinstance(body.get(field), str) or not body[field]:
                return _refusal(HTTPStatus.BAD_REQUEST, f"{field} is required, as a string", field)
        if unknown := sorted(set(body) - {"email", "audience"}):
            return _refusal(HTTPStatus.BAD_REQUEST, f"{unknown[0]} is not known here", unknown[0])
        return web.json_response({"token": self.mint(body["email"], body["audience"])})


def _account_id(email: str) -> str:
    """Google's accounts have numeric ids of 21 digits. An address always has the same id."""
    number = int.from_bytes(hashlib.sha256(email.encode()).digest()[:8])
    return f"1{number % 10**20:020d}"


def _refusal(status: HTTPStatus, message: str, field: str | None = None) -> web.Response:
    error: dict[str, Any] = {"code": status.value, "message": message}
    if field is not None:
        error["field"] = field
    return web.json_response({"error": error}, status=status)
