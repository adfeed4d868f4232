"""Tokens, verified as the functions do it: with keys that they fetch over HTTP."""

import base64
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Self

import jwt
import pytest
import requests
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from functions.shared.serving.identity import MOST_REMEMBERED, NotAuthorized, TokenVerifier
from functions.shared.serving.issuer_keys import PAUSE_AFTER_FAILURE_SECONDS, PAUSE_SECONDS
from local_cloud.clock import Clock
from local_cloud.http import HttpServer
from local_cloud.identity import IdentityProvider
from tests.support import Background

INVOKER = "tasks@project.iam.gserviceaccount.com"
OTHER = "app@project.iam.gserviceaccount.com"
AUDIENCE = "http://localhost:8081"


@pytest.fixture(scope="module")
def provider(background: Background) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(host="127.0.0.1", port=0, clock=Clock())
    background.run(provider.start())
    yield provider
    background.run(provider.stop())


def verifier_for(provider: IdentityProvider, **changes: Any) -> TokenVerifier:
    settings = {
        "certs_url": provider.certs_url,
        "issuer": provider.issuer,
        "audience": AUDIENCE,
        "invokers": [INVOKER, OTHER],
    }
    return TokenVerifier(**(settings | changes))


def status_of(verifier: TokenVerifier, token: str, *, at: datetime | None = None) -> HTTPStatus:
    """The status that a function answers with."""
    try:
        verifier.verify({"Authorization": f"Bearer {token}"}, now=at or datetime.now(UTC))
    except NotAuthorized as error:
        return error.status
    return HTTPStatus.OK


def claims_of(provider: IdentityProvider, **changes: Any) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(provider.mint(INVOKER, AUDIENCE), options={"verify_signature": False})
    return {**claims, **changes}


def signed_by_provider(provider: IdentityProvider, claims: dict[str, Any]) -> str:
    """What the provider would never sign, signed with its key."""
    key_id = jwt.get_unverified_header(provider.mint(INVOKER, AUDIENCE))["kid"]
    # Not by jwt.encode(), which refuses some of it.
    return jwt.PyJWS().encode(json.dumps(claims).encode(), provider._key, algorithm="RS256", headers={"kid": key_id})


def test_a_token_of_each_who_may_call_says_who_calls(provider: IdentityProvider) -> None:
    verifier = verifier_for(provider)
    for account in (INVOKER, OTHER, INVOKER):
        assert (
            verifier.verify({"Authorization": f"Bearer {provider.mint(account, AUDIENCE)}"}, now=datetime.now(UTC))
            == account
        )


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}]
)
def test_no_token(provider: IdentityProvider, headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthorized) as raised:
        verifier_for(provider).verify(headers, now=datetime.now(UTC))
    assert raised.value.status is HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "é", "..", "A" * 100_000])
def test_garbage(provider: IdentityProvider, token: str) -> None:
    assert status_of(verifier_for(provider), token) is HTTPStatus.UNAUTHORIZED


def test_another_audience(provider: IdentityProvider) -> None:
    assert status_of(verifier_for(provider), provider.mint(INVOKER, AUDIENCE + "/")) is HTTPStatus.UNAUTHORIZED


def test_another_issuer(provider: IdentityProvider) -> None:
    verifier = verifier_for(provider, issuer="https://accounts.google.com")
    assert status_of(verifier, provider.mint(INVOKER, AUDIENCE)) is HTTPStatus.UNAUTHORIZED


def test_another_account(provider: IdentityProvider) -> None:
    assert status_of(verifier_for(provider), provider.mint("other@p.iam", AUDIENCE)) is HTTPStatus.FORBIDDEN


def test_an_address_that_nobody_has_verified(provider: IdentityProvider) -> None:
    token = signed_by_provider(provider, claims_of(provider, email_verified=False))
    assert status_of(verifier_for(provider), token) is HTTPStatus.FORBIDDEN


def test_an_expired_token(provider: IdentityProvider) -> None:
    token = provider.mint(INVOKER, AUDIENCE, timedelta(seconds=-1))
    assert status_of(verifier_for(provider), token) is HTTPStatus.UNAUTHORIZED


def test_a_token_of_a_clock_that_was_moved_forward(background: Background) -> None:
    clock = Clock()
    clock.advance(timedelta(days=30))
    provider = IdentityProvider(host="127.0.0.1", port=0, clock=clock)
    background.run(provider.start())
    try:
        # The function that verifies it lives in the present.
        assert status_of(verifier_for(provider), provider.mint(INVOKER, AUDIENCE)) is HTTPStatus.OK
    finally:
        background.run(provider.stop())


@pytest.mark.parametrize("claim", ["exp", "iat", "iss", "aud", "email", "email_verified"])
def test_a_token_that_lacks_a_claim(provider: IdentityProvider, claim: str) -> None:
    claims = claims_of(provider)
    del claims[claim]
    status = status_of(verifier_for(provider), signed_by_provider(provider, claims))
    assert status is (HTTPStatus.FORBIDDEN if claim.startswith("email") else HTTPStatus.UNAUTHORIZED)


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "iss", "aud"])
@pytest.mark.parametrize("value", [None, "soon", [], {}, True, math.inf, -math.inf, math.nan, 1e308, 10**30])
def test_a_claim_that_makes_no_sense(provider: IdentityProvider, claim: str, value: object) -> None:
    token = signed_by_provider(provider, claims_of(provider, **{claim: value}))
    harmless = (claim == "exp" and value in {1e308, 10**30}) if isinstance(value, float | int) else False
    harmless = harmless or (claim in {"iat", "nbf"} and value is True)
    assert status_of(verifier_for(provider), token) is (HTTPStatus.OK if harmless else HTTPStatus.UNAUTHORIZED)


@pytest.mark.parametrize("header", [{}, {"kid": 7}, {"kid": None}, {"kid": []}, {"kid": ""}])
def test_a_token_that_names_no_key(provider: IdentityProvider, header: dict[str, Any]) -> None:
    encoded = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "typ": "JWT", **header}).encode()).decode()
    _, claims, signature = provider.mint(INVOKER, AUDIENCE).split(".")
    token = f"{encoded.rstrip('=')}.{claims}.{signature}"
    assert status_of(verifier_for(provider), token) is HTTPStatus.UNAUTHORIZED


def test_a_forged_signature(provider: IdentityProvider) -> None:
    key_id = jwt.get_unverified_header(provider.mint(INVOKER, AUDIENCE))["kid"]
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = jwt.encode(claims_of(provider), forger, algorithm="RS256", headers={"kid": key_id})
    assert status_of(verifier_for(provider), token) is HTTPStatus.UNAUTHORIZED


def test_changed_claims(provider: IdentityProvider) -> None:
    header, _, signature = provider.mint("other@p.iam", AUDIENCE).split(".")
    claims = base64.urlsafe_b64encode(json.dumps(claims_of(provider)).encode()).rstrip(b"=").decode()
    assert status_of(verifier_for(provider), f"{header}.{claims}.{signature}") is HTTPStatus.UNAUTHORIZED


def test_a_key_that_the_issuer_does_not_have(provider: IdentityProvider) -> None:
    stranger = IdentityProvider(host="127.0.0.1", port=0, clock=Clock())
    assert status_of(verifier_for(provider), stranger.mint(INVOKER, AUDIENCE)) is HTTPStatus.UNAUTHORIZED


def test_no_algorithm(provider: IdentityProvider) -> None:
    key_id = jwt.get_unverified_header(provider.mint(INVOKER, AUDIENCE))["kid"]
    token = jwt.encode(claims_of(provider), "", algorithm="none", headers={"kid": key_id})
    assert status_of(verifier_for(provider), token) is HTTPStatus.UNAUTHORIZED


def test_the_public_key_as_a_shared_secret(provider: IdentityProvider) -> None:
    key = requests.get(provider.certs_url, timeout=100).json()["keys"][0]
    token = jwt.encode(claims_of(provider), key["n"], algorithm="HS256", headers={"kid": key["kid"]})
    assert status_of(verifier_for(provider), token) is HTTPStatus.UNAUTHORIZED


def test_the_key_server_is_away(background: Background) -> None:
    provider = IdentityProvider(host="127.0.0.1", port=0, clock=Clock())
    background.run(provider.start())
    verifier, stranger = verifier_for(provider), verifier_for(provider)
    token = provider.mint(INVOKER, AUDIENCE)
    assert status_of(verifier, token) is HTTPStatus.OK
    background.run(provider.stop())
    # Who has the keys still can verify; who has not cannot tell whether the token is good.
    assert status_of(verifier, token) is HTTPStatus.OK
    assert status_of(stranger, token) is HTTPStatus.SERVICE_UNAVAILABLE


class KeyServer:
    """An issuer that serves what a test wants, and counts how often it was asked."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self.body: bytes = b""
        self.status = 200
        self.asked = 0
        app = web.Application()
        app.router.add_get("/certs", self._answer)
        self._server = HttpServer("keys", app, "127.0.0.1", 0)

    async def _answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(status=self.status, body=self.body, headers={"Cache-Control": "max-age=3600"})

    def __enter__(self) -> "KeyServer":
        self._background.run(self._server.start())
        return self

    def __exit__(self, *_: object) -> None:
        self._background.run(self._server.stop())

    @property
    def url(self) -> str:
        return f"{self._server.url}/certs"


@pytest.fixture
def key_server(background: Background) -> Iterator[KeyServer]:
    with KeyServer(background) as server:
        yield server


@pytest.mark.parametrize("body", [b"<html>", b'{"keys": [7]}', b" " * 2**21])
def test_a_broken_key_set(provider: IdentityProvider, key_server: KeyServer, body: bytes) -> None:
    key_server.body = body
    verifier = verifier_for(provider, certs_url=key_server.url)
    assert status_of(verifier, provider.mint(INVOKER, AUDIENCE)) is HTTPStatus.SERVICE_UNAVAILABLE


def test_an_unknown_key_does_not_have_the_keys_fetched_again_and_again(
    provider: IdentityProvider, key_server: KeyServer
) -> None:
    now = 0.0
    key_server.body = requests.get(provider.certs_url, timeout=100).content
    verifier = verifier_for(provider, certs_url=key_server.url, now=lambda: now)
    good = provider.mint(INVOKER, AUDIENCE)
    strangers = [IdentityProvider(host="127.0.0.1", port=0, clock=Clock()).mint(INVOKER, AUDIENCE) for _ in range(3)]
    for token in strangers * 5:
        assert status_of(verifier, token) is HTTPStatus.UNAUTHORIZED
        assert status_of(verifier, good) is HTTPStatus.OK
    assert key_server.asked == 1
    now += PAUSE_SECONDS
    for token in strangers * 5:
        assert status_of(verifier, token) is HTTPStatus.UNAUTHORIZED
    assert key_server.asked == 2


def test_a_key_that_is_new_is_found_after_the_pause(provider: IdentityProvider, key_server: KeyServer) -> None:
    now = 0.0
    other = IdentityProvider(host="127.0.0.1", port=0, clock=Clock())
    other._key = provider._key  # the same issuer's next key, by another id
    key_server.body = requests.get(provider.certs_url, timeout=100).content
    verifier = verifier_for(provider, certs_url=key_server.url, now=lambda: now)
    token = signed_by_provider(other, claims_of(provider))
    assert status_of(verifier, provider.mint(INVOKER, AUDIENCE)) is HTTPStatus.OK
    assert status_of(verifier, token) is HTTPStatus.UNAUTHORIZED
    key_server.body = key_server.body.replace(provider._key_id.encode(), other._key_id.encode())
    now += PAUSE_SECONDS
    assert status_of(verifier, token) is HTTPStatus.OK


def test_a_key_server_that_fails_is_left_alone_for_a_while(provider: IdentityProvider, key_server: KeyServer) -> None:
    now = 0.0
    key_server.status = 500
    verifier = verifier_for(provider, certs_url=key_server.url, now=lambda: now)
    token = provider.mint(INVOKER, AUDIENCE)
    for _ in range(5):
        assert status_of(verifier, token) is HTTPStatus.SERVICE_UNAVAILABLE
    assert key_server.asked == 1
    key_server.status, key_server.body = 200, requests.get(provider.certs_url, timeout=100).content
    now += PAUSE_AFTER_FAILURE_SECONDS
    assert status_of(verifier, token) is HTTPStatus.OK
    # What is there serves until it expires, and not longer.
    key_server.status = 500
    now += 3599
    assert status_of(verifier, token) is HTTPStatus.OK
    now += 1
    assert status_of(verifier, token) is HTTPStatus.SERVICE_UNAVAILABLE


def test_a_token_that_was_good_is_refused_when_it_expires(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = verifier_for(provider)
    expires_at = datetime.now(UTC) + timedelta(minutes=5)
    token = signed_by_provider(provider, claims_of(provider, exp=expires_at.timestamp()))
    other = signed_by_provider(provider, claims_of(provider, exp=(expires_at + timedelta(minutes=5)).timestamp()))
    assert [status_of(verifier, each) for each in (token, other, token)] == [HTTPStatus.OK] * 3

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Self:
            return cls.fromtimestamp(expires_at.timestamp(), tz)

    monkeypatch.setattr("jwt.api_jwt.datetime", Later)
    assert [status_of(verifier, each, at=expires_at) for each in (token, other)] == [
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.OK,
    ]


def test_a_token_that_was_good_is_refused_when_the_issuer_no_longer_has_its_key(
    provider: IdentityProvider, key_server: KeyServer
) -> None:
    now = 0.0
    key_server.body = requests.get(provider.certs_url, timeout=100).content
    verifier = verifier_for(provider, certs_url=key_server.url, now=lambda: now)
    token = provider.mint(INVOKER, AUDIENCE)
    assert [status_of(verifier, token) for _ in range(2)] == [HTTPStatus.OK] * 2
    key_server.body = key_server.body.replace(provider._key_id.encode(), b"another")
    assert status_of(verifier, token) is HTTPStatus.OK
    now += 3600
    assert status_of(verifier, token) is HTTPStatus.UNAUTHORIZED


def test_a_token_that_was_good_for_a_key_that_was_replaced_under_its_id_is_refused(
    provider: IdentityProvider, key_server: KeyServer
) -> None:
    now = 0.0
    other = IdentityProvider(host="127.0.0.1", port=0, clock=Clock())
    other._key_id = provider._key_id
    key_server.body = requests.get(provider.certs_url, timeout=100).content
    verifier = verifier_for(provider, certs_url=key_server.url, now=lambda: now)
    token = provider.mint(INVOKER, AUDIENCE)
    assert status_of(verifier, token) is HTTPStatus.OK
    key = RSAAlgorithm.to_jwk(other._key.public_key(), as_dict=True)
    key_server.body = json.dumps({"keys": [{**key, "kid": other._key_id}]}).encode()
    now += 3600
    assert status_of(verifier, token) is HTTPStatus.UNAUTHORIZED


def test_only_so_many_tokens_are_remembered_and_no_token_itself(provider: IdentityProvider) -> None:
    verifier = verifier_for(provider)
    tokens = [
        signed_by_provider(provider, claims_of(provider, jti=str(number))) for number in range(MOST_REMEMBERED + 20)
    ]
    assert [status_of(verifier, token) for token in [*tokens, tokens[0], tokens[-1]]] == [HTTPStatus.OK] * (
        MOST_REMEMBERED + 22
    )
    assert len(verifier._verified) == MOST_REMEMBERED
    assert tokens[-1] not in repr(vars(verifier))


@pytest.mark.parametrize("email", ["other@p.iam", ""])
def test_a_token_of_another_account_is_refused_again_and_again(provider: IdentityProvider, email: str) -> None:
    verifier, token = verifier_for(provider), signed_by_provider(provider, claims_of(provider, email=email))
    assert [status_of(verifier, token) for _ in range(3)] == [HTTPStatus.FORBIDDEN] * 3


def test_an_operators_command_gets_a_token_over_http(provider: IdentityProvider) -> None:
    response = requests.post(f"{provider.issuer}/token", json={"email": INVOKER, "audience": AUDIENCE}, timeout=100)
    assert response.status_code == 200
    assert status_of(verifier_for(provider), response.json()["token"]) is HTTPStatus.OK
