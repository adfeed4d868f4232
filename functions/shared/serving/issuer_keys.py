"""Fetches the public keys of an OIDC issuer over HTTP, keeps them, and fetches them again when they expire."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PublicKey = RSAPublicKey | EllipticCurvePublicKey


class Algorithm(StrEnum):
    """What an issuer signs with."""

    RS256 = "RS256"
    """Google's tokens: https://accounts.google.com/.well-known/openid-configuration"""
    ES256 = "ES256"
    """Identity-Aware Proxy: https://cloud.google.com/iap/docs/signed-headers-howto"""


PAUSE_SECONDS = 30.0
"""The shortest time between two fetches for unknown keys: anyone can send a token that names one. jose waits as long:
https://github.com/panva/jose/blob/main/docs/jwks/remote/interfaces/RemoteJWKSetOptions.md#cooldownduration"""

PAUSE_AFTER_FAILURE_SECONDS = 1.0

USUAL_LIFETIME_SECONDS = 300.0
"""How long to keep a key set that comes without `Cache-Control: max-age`."""

LONGEST_LIFETIME_SECONDS = 24 * 3600.0

_TIMEOUT_SECONDS = 10
_MOST_BYTES = 1024 * 1024
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?(\d{1,9})\b", re.IGNORECASE)


class KeysUnavailable(Exception):
    """The keys cannot be fetched, or the answer is not a key set."""


class UnknownKey(Exception):
    """The issuer has no key with this id."""


class KeySet(NamedTuple):
    """The keys that the issuer has for a time.

    Attributes:
        keys: the keys, by id.
        expires_at: until when they may be used, in seconds of the clock that they were fetched by.
    """

    keys: Mapping[str, PublicKey]
    expires_at: float


class Fetch(NamedTuple):
    """The latest fetch.

    Attributes:
        at: when it ended, in seconds.
        succeeded: whether it brought a key set.
    """

    at: float
    succeeded: bool


def is_fetch_due(*, now: float, key_id: str, key_set: KeySet | None, latest: Fetch | None) -> bool:
    """Decide whether to fetch the keys before a token is verified.

    Args:
        now: in seconds.
        key_id: the key that the token names.
        key_set: the current keys.
        latest: the latest fetch; None before the first.
    """
    if latest is not None and not latest.succeeded and now - latest.at < PAUSE_AFTER_FAILURE_SECONDS:
        return False
    if key_set is None or now >= key_set.expires_at:
        return True
    return key_id not in key_set.keys and (latest is None or now - latest.at >= PAUSE_SECONDS)


def read_key_set(body: bytes, algorithm: Algorithm = Algorithm.RS256) -> dict[str, PublicKey]:
    """The keys of a JSON web key set, by their ids, that verify signatures. Other keys are passed over.

    https://www.rfc-editor.org/rfc/rfc7517#section-5

    Args:
        body: the key set.
        algorithm: what the issuer signs with.

    Raises:
        KeysUnavailable: it is no key set, or has no such key.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise KeysUnavailable("the issuer's keys are not JSON") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise KeysUnavailable("the issuer's keys are not a JSON web key set")
    keys = {entry["kid"]: key for entry in entries if (key := _read_key(entry, algorithm)) is not None}
    if not keys:
        raise KeysUnavailable("the issuer has no key that a signature can be verified with")
    return keys


def _read_key(entry: Any, algorithm: Algorithm) -> PublicKey | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return None
    # Each may be absent. Only keys of ES256 have a curve.
    wanted = {"use": "sig", "alg": algorithm, "crv": "P-256"}
    if any(entry.get(name, value) != value for name, value in wanted.items()):
        return None
    try:
        key: Any = jwt.PyJWK(entry, algorithm.value).key
    except (jwt.PyJWTError, ValueError):
        return None
    return key if isinstance(key, PublicKey) else None


def lifetime_seconds(headers: Mapping[str, str]) -> float:
    """How long the keys may be kept, by the headers that they came with.

    https://www.rfc-editor.org/rfc/rfc9111#section-4.2
    """
    found = _MAX_AGE.search(headers.get("Cache-Control", ""))
    if found is None:
        return USUAL_LIFETIME_SECONDS
    age = headers.get("Age", "")
    left = int(found[1]) - (int(age[:9]) if age.isascii() and age.isdigit() else 0)
    return min(max(float(left), PAUSE_SECONDS), LONGEST_LIFETIME_SECONDS)


class IssuerKeys:
    """The keys behind a URL. Threads may share it: one of them fetches the keys, and the others wait for the result.

    Args:
        url: where the issuer's JSON web key set is.
        algorithm: what the issuer signs with.
        now: seconds of a clock that only goes forward.
    """

    def __init__(
        self, url: str, *, algorithm: Algorithm = Algorithm.RS256, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._algorithm = algorithm
        self._now = now
        self._lock = threading.Lock()
        self._key_set: KeySet | None = None
        self._latest: Fetch | None = None
        self._failure = ""

    def get(self, key_id: str) -> PublicKey:
        """The key by its id.

        Raises:
            KeysUnavailable: there are no keys that may be used, and none can be fetched.
            UnknownKey: the issuer does not have it.
        """
        if (key_set := self._current()) is None or key_id not in key_set.keys:
            with self._lock:
                if is_fetch_due(now=self._now(), key_id=key_id, key_set=self._key_set, latest=self._latest):
                    self._fetch()
                key_set = self._current()
        if key_set is None:
            raise KeysUnavailable(self._failure)
        if key_id not in key_set.keys:
            raise UnknownKey(key_id)
        return key_set.keys[key_id]

    def _current(self) -> KeySet | None:
        key_set = self._key_set
        return key_set if key_set is not None and self._now() < key_set.expires_at else None

    def _fetch(self) -> None:
        succeeded = False
        try:
            keys, lifetime = self._request()
            self._key_set = KeySet(keys=keys, expires_at=self._now() + lifetime)
            succeeded = True
        except KeysUnavailable as error:
            # If the fetch fails, the current keys serve until they expire.
            self._failure = str(error)
        finally:
            self._latest = Fetch(at=self._now(), succeeded=succeeded)

    def _request(self) -> tuple[dict[str, PublicKey], float]:
        try:
            with requests.get(self._url, timeout=_TIMEOUT_SECONDS, stream=True) as response:
                if response.status_code != HTTPStatus.OK:
                    raise KeysUnavailable(f"the issuer's keys are answered {response.status_code}")
                body = b""
                for chunk in response.iter_content(65536):
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise KeysUnavailable("the issuer's keys are too large")
                return read_key_set(body, self._algorithm), lifetime_seconds(response.headers)
        except requests.RequestException as error:
            raise KeysUnavailable("the issuer's keys cannot be fetched") from error
