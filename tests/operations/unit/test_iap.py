"""Whom the console admits by an assertion of Identity-Aware Proxy, and whom it refuses."""

import base64
import json
import random
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.requests import Request

from operations.console.access import NotAdmitted
from operations.console.iap import HEADER, IapAccess
from tests.operations.identity_aware_proxy import AUDIENCE, ISSUER, IdentityAwareProxy

OPERATOR, VIEWER = "Ada@example.com", "grace@example.com"
FORGED = 600
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def iap() -> Iterator[IdentityAwareProxy]:
    with IdentityAwareProxy().running() as proxy:
        yield proxy


@pytest.fixture
def access(iap: IdentityAwareProxy) -> IapAccess:
    return IapAccess(audience=AUDIENCE, operators=[OPERATOR], keys_url=iap.keys_url)


def request(*assertions: str) -> Request:
    headers = [(HEADER.lower().encode(), assertion.encode()) for assertion in assertions]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


def refusal(access: IapAccess, *assertions: str) -> NotAdmitted:
    with pytest.raises(NotAdmitted) as caught:
        access.viewer(request(*assertions))
    return caught.value


def test_an_operator_may_act_in_any_spelling(iap: IdentityAwareProxy, access: IapAccess) -> None:
    viewer = access.viewer(request(iap.assertion("ada@Example.com")))
    assert (viewer.name, viewer.may_act) == ("ada@Example.com", True)


@pytest.mark.parametrize(
    "email", [VIEWER, "ada@example.com.attacker.example", "x-ada@example.com", "accounts.google.com:ada@example.com"]
)
def test_all_others_may_only_look(iap: IdentityAwareProxy, access: IapAccess, email: str) -> None:
    viewer = access.viewer(request(iap.assertion(email)))
    assert (viewer.name, viewer.may_act) == (email, False)


def test_without_operators_no_one_may_act(iap: IdentityAwareProxy) -> None:
    access = IapAccess(audience=AUDIENCE, operators=[], keys_url=iap.keys_url)
    assert not access.viewer(request(iap.assertion(OPERATOR))).may_act


@pytest.mark.parametrize("seconds", [-29, 0, 29])
def test_clocks_may_differ_by_half_a_minute(iap: IdentityAwareProxy, access: IapAccess, seconds: int) -> None:
    now = int(time.time()) + seconds
    assert access.viewer(request(iap.assertion(VIEWER, iat=now, exp=now + 600))).name == VIEWER
    assert access.viewer(request(iap.assertion(VIEWER, iat=now - 600, exp=int(time.time()) - 25))).name == VIEWER


def test_the_keys_are_fetched_once(iap: IdentityAwareProxy, access: IapAccess) -> None:
    for _ in range(20):
        access.viewer(request(iap.assertion(VIEWER)))
    assert iap.fetches == 1


def test_without_an_assertion_or_with_two(iap: IdentityAwareProxy, access: IapAccess) -> None:
    good = iap.assertion(OPERATOR)
    for assertions in ((), ("",), (good, good), (good, "x")):
        assert refusal(access, *assertions).status == HTTPStatus.FORBIDDEN
    assert iap.fetches == 0


@pytest.mark.parametrize("status", [403, 500])
def test_without_the_keys_no_one_is_let_in(iap: IdentityAwareProxy, access: IapAccess, status: int) -> None:
    iap.status = status
    assert refusal(access, iap.assertion(OPERATOR)).status == HTTPStatus.SERVICE_UNAVAILABLE


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def forged(iap: IdentityAwareProxy, chance: random.Random) -> Iterator[str]:
    """What somebody could send who has seen real assertions, and some that the proxy itself signs for others."""
    genuine = iap.assertion(OPERATOR)
    header, payload, signature = genuine.split(".")
    foreign = ec.generate_private_key(ec.SECP256R1())
    long_curve = ec.generate_private_key(ec.SECP384R1())
    of_viewer = iap.assertion(VIEWER)
    unsigned = _b64(json.dumps({"alg": "none", "kid": iap.key_id}).encode())
    now = int(time.time())

    def by(key: Any, algorithm: str, **headers: Any) -> str:
        return jwt.encode(iap.claims(OPERATOR), key, algorithm=algorithm, headers={"kid": iap.key_id, **headers})

    def signed(**changes: Any) -> str:
        return iap.assertion(OPERATOR, **changes)

    def mangled(part: str) -> str:
        at = chance.randrange(len(part))
        # The last character of a part has bits that mean nothing.
        at = min(at, len(part) - 2)
        other = chance.choice([each for each in "ABCxyz019-_" if each != part[at]])
        return part[:at] + other + part[at + 1 :]

    makers = [
        lambda: by(foreign, "ES256"),
        lambda: by(foreign, "ES256", jwk=iap.jwk),
        lambda: by(long_curve, "ES384"),
        lambda: by(RSA_KEY, "RS256"),
        lambda: by("", "none"),
        lambda: by(json.dumps(iap.jwk) * 2, "HS256"),
        lambda: by(iap.jwk["x"] * 2, "HS256"),
        lambda: f"{unsigned}.{payload}.",
        lambda: f"{header}.{payload}.",
        lambda: f"{header}.{payload}",
        lambda: f"{header}.{payload}.{signature}.{signature}",
        lambda: f"{header}.{payload}.{_b64(bytes(64))}",
        lambda: f"{header}.{of_viewer.split('.')[1]}.{signature}",
        lambda: f"{mangled(header)}.{payload}.{signature}",
        lambda: f"{header}.{mangled(payload)}.{signature}",
        lambda: f"{header}.{payload}.{mangled(signature)}",
        lambda: genuine[: chance.randrange(len(genuine) - 2)],
        lambda: "".join(chance.choices("abc.{}=\"' -_", k=chance.randrange(1, 200))),
        lambda: "a" * 100_000,
        lambda: f"Bearer {genuine}",
        lambda: f"{_b64(b'[' * 4000)}.e30.e30",
        lambda: f"{header}.{_b64(b'{' * 4000)}.{signature}",
        lambda: iap.sign(iap.claims(OPERATOR), key_id=chance.choice(["other", "../keys", "é", "\x00"])),
        lambda: signed(
            aud=chance.choice([AUDIENCE + "/", AUDIENCE[:-1], AUDIENCE.upper(), "", "*", [AUDIENCE], 7, None])
        ),
        lambda: signed(aud=AUDIENCE.replace("123456789012", str(chance.randrange(10**12)))),
        lambda: signed(aud=chance.choice([[AUDIENCE], [AUDIENCE, "/projects/1/apps/other"]])),
        lambda: signed(iss=chance.choice([ISSUER + "/", "https://accounts.google.com", "", [ISSUER], 7, None])),
        lambda: signed(iat=now - 1200, exp=now - chance.randrange(31, 1000)),
        lambda: signed(iat=now + chance.randrange(40, 500)),
        lambda: signed(
            exp=chance.choice([None, "soon", str(now + 60), [], {}, True, 1e308, -1, now + 700, now + 10**9])
        ),
        lambda: signed(iat=chance.choice([None, "now", str(now), [], {}, -1, 0, now - 700])),
        lambda: signed(nbf=now + 100),
        lambda: signed(email=chance.choice([None, "", 7, [OPERATOR], {"email": OPERATOR}, "ada", "a@b\n", "\x1b@b"])),
        lambda: signed(sub=chance.choice([7, [], {}])),
    ]
    while True:
        yield chance.choice(makers)()


def test_forged_borrowed_and_mangled_assertions_are_refused(iap: IdentityAwareProxy, access: IapAccess) -> None:
    assertions = forged(iap, random.Random(1))  # noqa: S311  no secret
    for _ in range(FORGED):
        assertion = next(assertions)
        error = refusal(access, assertion)
        assert error.status == HTTPStatus.FORBIDDEN, assertion
        assert OPERATOR not in str(error)
        assert len(str(error)) < 200
    # However many keys are named that the proxy does not have.
    assert iap.fetches <= 2
    assert access.viewer(request(iap.assertion(OPERATOR))).may_act
