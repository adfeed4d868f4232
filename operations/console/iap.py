"""Who looks at the deployed console, by the assertion that Identity-Aware Proxy signs into each request.

IAP lets in whom its policy names, and Cloud Run lets in only IAP. The assertion proves it to the console: a request
without one has come another way. https://cloud.google.com/iap/docs/signed-headers-howto
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import jwt
from starlette.requests import Request

from functions.shared.serving.issuer_keys import Algorithm, IssuerKeys, KeysUnavailable, UnknownKey
from operations.console.access import NotAdmitted, Viewer

HEADER = "X-Goog-IAP-JWT-Assertion"
ISSUER = "https://cloud.google.com/iap"
KEYS_URL = "https://www.gstatic.com/iap/verify/public_key-jwk"

SKEW_SECONDS = 30
LONGEST_LIFETIME_SECONDS = 10 * 60 + 2 * SKEW_SECONDS
"""Both from the page above."""

_REQUIRED_CLAIMS = ["exp", "iat", "iss", "aud", "email"]
_MOST_CHARACTERS = 16 * 1024


class IapAccess:
    """Admits whom IAP has let in. All may look, and the operators may act.

    Args:
        audience: the `aud` to expect: `/projects/NUMBER/locations/REGION/services/SERVICE`.
        operators: the email addresses of those who may act.
        keys_url: where IAP's JSON web key set is.
    """

    def __init__(self, *, audience: str, operators: Iterable[str], keys_url: str = KEYS_URL) -> None:
        self._audience = audience
        self._operators = frozenset(address.casefold() for address in operators)
        self._keys = IssuerKeys(keys_url, algorithm=Algorithm.ES256)

    def viewer(self, request: Request) -> Viewer:
        """The person whom the assertion names.

        Raises:
            NotAdmitted: there is no valid assertion, or the keys to verify it with cannot be fetched.
        """
        email = self._claims(request)["email"]
        if not isinstance(email, str) or not email.isprintable() or "@" not in email:
            raise NotAdmitted("The assertion of Identity-Aware Proxy names no person.")
        return Viewer(name=email, may_act=email.casefold() in self._operators)

    def _claims(self, request: Request) -> dict[str, Any]:
        # A second one could be a caller's own.
        assertions = request.headers.getlist(HEADER)
        if len(assertions) != 1 or not assertions[0]:
            raise NotAdmitted(f"The console is behind Identity-Aware Proxy: a request needs its header {HEADER}.")
        assertion = assertions[0]
        try:
            if len(assertion) > _MOST_CHARACTERS:
                raise jwt.DecodeError("too long")
            claims: dict[str, Any] = jwt.decode(
                assertion,
                self._keys.get(_key_id(assertion)),
                algorithms=[Algorithm.ES256],
                audience=self._audience,
                issuer=ISSUER,
                leeway=SKEW_SECONDS,
                options={"require": _REQUIRED_CLAIMS, "strict_aud": True},
            )
            if claims["exp"] - claims["iat"] > LONGEST_LIFETIME_SECONDS:
                raise jwt.InvalidTokenError("valid for too long")
        except KeysUnavailable as error:
            raise NotAdmitted(
                f"The assertion of Identity-Aware Proxy cannot be verified: {error}.", HTTPStatus.SERVICE_UNAVAILABLE
            ) from error
        # PyJWT does not catch the errors of malformed numbers and of deep nesting.
        except (UnknownKey, jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise NotAdmitted(f"The assertion of Identity-Aware Proxy is not valid: {type(error).__name__}.") from error
        return claims


def _key_id(assertion: str) -> str:
    key_id = jwt.get_unverified_header(assertion).get("kid")
    if not isinstance(key_id, str):
        raise jwt.DecodeError("names no key")
    return key_id
