"""The local identity provider: the tokens that it signs, and what it answers over HTTP."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import requests

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.identity import IdentityProvider

INVOKER = "tasks@project.iam.gserviceaccount.com"
AUDIENCE = "http://localhost:8081"


@pytest.fixture(scope="module")
def provider(background: Background) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(host="127.0.0.1", port=0, clock=Clock())
    background.run(provider.start())
    yield provider
    background.run(provider.stop())


def test_a_token_over_http_verifies_with_the_keys(provider: IdentityProvider) -> None:
    response = requests.post(f"{provider.issuer}/token", json={"email": INVOKER, "audience": AUDIENCE}, timeout=100)
    assert response.status_code == 200
    token = response.json()["token"]
    key = jwt.PyJWKClient(provider.certs_url).get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=provider.issuer)
    assert claims["email"] == INVOKER


def test_the_claims_are_those_of_a_service_accounts_token(provider: IdentityProvider) -> None:
    before = int(datetime.now(UTC).timestamp())
    token = provider.mint("other@p.iam", "https://worker-1.europe-west1.run.app")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == {"iss", "aud", "azp", "sub", "email", "email_verified", "iat", "exp"}
    assert claims["iss"] == provider.issuer
    assert claims["aud"] == "https://worker-1.europe-west1.run.app"
    assert claims["email"] == "other@p.iam"
    assert claims["email_verified"] is True
    assert claims["azp"] == claims["sub"]
    assert len(claims["sub"]) == 21
    assert claims["sub"].isdecimal()
    assert claims["iat"] >= before
    assert claims["exp"] - claims["iat"] == 3600


def test_the_keys_are_public_and_may_be_kept(provider: IdentityProvider) -> None:
    response = requests.get(provider.certs_url, timeout=100)
    assert response.headers["Cache-Control"] == "public, max-age=3600, must-revalidate"
    [key] = response.json()["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


def test_the_configuration_leads_to_the_keys(provider: IdentityProvider) -> None:
    document = requests.get(f"{provider.issuer}/.well-known/openid-configuration", timeout=100).json()
    assert document["issuer"] == provider.issuer
    assert requests.get(document["jwks_uri"], timeout=100).json()["keys"]


def test_a_token_is_signed_once_while_it_is_good(background: Background) -> None:
    clock = Clock()
    clock.advance(timedelta(hours=-1))
    provider = IdentityProvider(host="127.0.0.1", port=0, clock=clock)
    first = provider.mint(INVOKER, AUDIENCE)
    assert provider.mint(INVOKER, AUDIENCE) == first
    assert provider.mint(INVOKER, AUDIENCE + "/other") != first
    assert provider.mint(INVOKER, AUDIENCE, timedelta(minutes=50)) != first

    async def advance() -> None:
        clock.advance(timedelta(minutes=30))

    background.run(advance())
    later = provider.mint(INVOKER, AUDIENCE)
    assert later != first
    # A request may take half an hour, and its token has to be good until it ends.
    claims = jwt.decode(later, options={"verify_signature": False})
    assert claims["exp"] - clock.now().timestamp() > timedelta(minutes=30).total_seconds()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", None),
        ("{", None),
        ("[]", None),
        ("null", None),
        ("{}", "email"),
        ('{"email": "a@p.iam"}', "audience"),
        ('{"email": "", "audience": "x"}', "email"),
        ('{"email": 5, "audience": "x"}', "email"),
        ('{"email": "a@p.iam", "audience": ["x"]}', "audience"),
        ('{"email": "a@p.iam", "audience": "x", "lifetime": 5}', "lifetime"),
    ],
)
def test_a_wrong_request_for_a_token(provider: IdentityProvider, body: str, field: str | None) -> None:
    response = requests.post(
        f"{provider.issuer}/token", data=body, headers={"Content-Type": "application/json"}, timeout=5
    )
    assert response.status_code == 400
    error = response.json()["error"]
    assert error.get("field") == field
    assert error["message"]


def test_a_page_in_a_browser_gets_no_token(provider: IdentityProvider) -> None:
    body = json.dumps({"email": INVOKER, "audience": AUDIENCE})
    response = requests.post(f"{provider.issuer}/token", data=body, headers={"Content-Type": "text/plain"}, timeout=100)
    assert response.status_code == 415
