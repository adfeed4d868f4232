"""What is read of an issuer's keys, and when they are fetched."""

import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from functions.shared.serving.issuer_keys import (
    LONGEST_LIFETIME_SECONDS,
    PAUSE_AFTER_FAILURE_SECONDS,
    PAUSE_SECONDS,
    USUAL_LIFETIME_SECONDS,
    Algorithm,
    Fetch,
    KeySet,
    KeysUnavailable,
    is_fetch_due,
    lifetime_seconds,
    read_key_set,
)

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
JWK: dict[str, Any] = {
    name: RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)[name] for name in ("kty", "n", "e")
} | {"kid": "good", "use": "sig", "alg": "RS256"}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_keys_by_their_ids() -> None:
    keys = read_key_set(json.dumps({"keys": [JWK, {**JWK, "kid": "other"}]}).encode())
    assert keys["good"].public_numbers() == KEY.public_key().public_numbers()
    assert set(keys) == {"good", "other"}


@pytest.mark.parametrize("absent", ["use", "alg"])
def test_what_a_key_may_lack(absent: str) -> None:
    entry = {name: value for name, value in JWK.items() if name != absent}
    assert set(read_key_set(json.dumps({"keys": [entry]}).encode())) == {"good"}


NO_TEXT: list[Any] = [None, 7, [True], {"a": 1}]


@pytest.mark.parametrize(
    "entry",
    [
        *(None, 7, [], "key", {}, {"kty": "RSA"}),
        *({**JWK, name: value} for name in ("kid", "n", "e") for value in NO_TEXT),
        *({**JWK, name: value} for name in ("n", "e") for value in ("", "é", "!!!", "A")),
        *({**JWK, "kty": kty} for kty in ("oct", "EC", None, 7)),
        *({**JWK, "alg": alg} for alg in ("HS256", "none", "ES256", None, 7)),
        *({**JWK, "use": use} for use in ("enc", None, 7)),
        {**JWK, "e": "AA"},
        {**ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True), "kid": "curve"},
    ],
)
def test_other_keys_are_passed_over(entry: object) -> None:
    """https://www.rfc-editor.org/rfc/rfc7517#section-5"""
    assert set(read_key_set(json.dumps({"keys": [entry, JWK]}).encode())) == {"good"}
    with pytest.raises(KeysUnavailable):
        read_key_set(json.dumps({"keys": [entry]}).encode())


CURVE = {
    **ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True),
    "kid": "curve",
    "use": "sig",
    "alg": "ES256",
}


@pytest.mark.parametrize(
    "entry",
    [
        JWK,
        *({**CURVE, name: value} for name in ("kid", "x", "y", "crv") for value in NO_TEXT),
        *({**CURVE, name: value} for name in ("x", "y") for value in ("", "é", "!!!", "A", CURVE["kid"])),
        *({**CURVE, "crv": crv} for crv in ("P-384", "secp256k1", "Ed25519")),
        *({**CURVE, "alg": alg} for alg in ("RS256", "ES384", "none", None)),
        # Not a point of the curve.
        {**CURVE, "y": CURVE["x"]},
        {**ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True), "kid": "longer"},
    ],
)
def test_an_issuer_that_signs_with_a_curve(entry: dict[str, Any]) -> None:
    body = json.dumps({"keys": [entry, CURVE]}).encode()
    assert set(read_key_set(body, Algorithm.ES256)) == {"curve"}
    with pytest.raises(KeysUnavailable):
        read_key_set(json.dumps({"keys": [entry]}).encode(), Algorithm.ES256)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"null", b"7", b'"keys"', b"[]", b"{}", b"\xff", b'["keys"]'),
        *(b'{"keys": null}', b'{"keys": 7}', b'{"keys": {}}', b'{"keys": "keys"}', b'{"keys": []}'),
        *(b"[" * 100_000, b'{"keys": ' * 100_000, b'{"keys": [' + b"[" * 100_000),
    ],
)
def test_no_key_set(body: bytes) -> None:
    with pytest.raises(KeysUnavailable):
        read_key_set(body)


@given(JSON, JSON, JSON, JSON)
def test_anything(document: Any, kid: Any, n: Any, e: Any) -> None:
    for value in (document, {"keys": document}, {"keys": [document]}, {"keys": [{**JWK, "kid": kid, "n": n, "e": e}]}):
        with contextlib.suppress(KeysUnavailable):
            read_key_set(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, USUAL_LIFETIME_SECONDS),
        ({"Cache-Control": "no-store"}, USUAL_LIFETIME_SECONDS),
        ({"Cache-Control": "public, max-age=3600, must-revalidate"}, 3600),
        ({"Cache-Control": "Max-Age=3600", "Age": "600"}, 3000),
        ({"Cache-Control": "max-age=3600", "Age": "soon"}, 3600),
        ({"Cache-Control": "s-max-age=3600"}, USUAL_LIFETIME_SECONDS),
        ({"Cache-Control": "max-age=0"}, PAUSE_SECONDS),
        ({"Cache-Control": "max-age=10", "Age": "3600"}, PAUSE_SECONDS),
        ({"Cache-Control": "max-age=99999999"}, LONGEST_LIFETIME_SECONDS),
    ],
)
def test_lifetimes(headers: dict[str, str], seconds: float) -> None:
    assert lifetime_seconds(headers) == seconds


def due(now: float, key_id: str, *, fetched: float | None, failed: float | None = None, lifetime: float = 1000) -> bool:
    key_set = None if fetched is None else KeySet(keys={"good": KEY.public_key()}, expires_at=fetched + lifetime)
    latest = Fetch(at=failed, succeeded=False) if failed is not None else None
    if latest is None and fetched is not None:
        latest = Fetch(at=fetched, succeeded=True)
    return is_fetch_due(now=now, key_id=key_id, key_set=key_set, latest=latest)


def test_keys_are_fetched_first() -> None:
    assert due(0, "good", fetched=None)


def test_known_keys_are_fetched_again_when_they_expire() -> None:
    assert not due(999, "good", fetched=0)
    assert due(1000, "good", fetched=0)


def test_an_unknown_key_has_them_fetched_after_a_pause() -> None:
    assert not due(0, "new", fetched=0)
    assert not due(PAUSE_SECONDS - 1, "new", fetched=0)
    assert due(PAUSE_SECONDS, "new", fetched=0)


def test_after_a_failure_there_is_a_pause() -> None:
    assert not due(10, "good", fetched=None, failed=10)
    assert due(10 + PAUSE_AFTER_FAILURE_SECONDS, "good", fetched=None, failed=10)
    assert not due(1000, "good", fetched=0, failed=1000)
    # For a key that is not there it is the long one.
    assert not due(10 + PAUSE_AFTER_FAILURE_SECONDS, "new", fetched=0, failed=10)
    assert due(10 + PAUSE_SECONDS, "new", fetched=0, failed=10)


@given(st.lists(st.tuples(st.floats(0, 2), st.sampled_from(["new", "newer", "good"])), min_size=1, max_size=200))
def test_however_many_unknown_keys_are_named(requests: list[tuple[float, str]]) -> None:
    now, latest, fetches = 0.0, Fetch(at=0, succeeded=True), 0
    key_set = KeySet(keys={"good": KEY.public_key()}, expires_at=1e9)
    for wait, key_id in requests:
        now += wait
        if is_fetch_due(now=now, key_id=key_id, key_set=key_set, latest=latest):
            fetches += 1
            latest = Fetch(at=now, succeeded=True)
    assert fetches <= now / PAUSE_SECONDS
