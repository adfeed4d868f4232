"""An email provider's API over HTTP, for the deployment and for checks.

https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses
https://resend.com/docs/api-reference/errors
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

CALL_SECONDS = 30.0
_MOST_BYTES = 4 * 1024 * 1024
"""Far more than an answer has."""

_USER_AGENT = "report-pipeline"
"""Resend refuses a call without one. https://resend.com/docs/api-reference/introduction"""

HOSTS = {"sendgrid": "https://api.sendgrid.com", "resend": "https://api.resend.com"}
"""Where each provider's is, unless the environment says otherwise."""


class MailApiError(Exception):
    """The provider has not done what it was asked. The text has no secret in it. The code is the provider's own name of
    the error, or empty."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Unreachable(MailApiError):
    """The provider gave no answer, or one that means "later"."""


class NotAllowed(MailApiError):
    """The API key is none of the provider's, or may not do this."""


class Refused(MailApiError):
    """The provider says why it does not do this."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: urllib would send the key along, wherever it leads."""

    def redirect_request(self, *args: object) -> None:
        """Do not follow it."""


class MailApi:
    """Calls a provider, such as SendGrid at https://api.sendgrid.com. `headers` are those of the last answer that was
    no error, by their names in small letters."""

    def __init__(self, provider: str, host: str, key: str, *, seconds: float = CALL_SECONDS) -> None:
        self.headers: Mapping[str, str] = {}
        self._provider = provider
        self._host = host.rstrip("/")
        self._key = key
        self._seconds = seconds
        self._opener = urllib.request.build_opener(_NoRedirect)

    def call(self, method: str, path: str, body: object = None) -> Any:
        try:
            request = urllib.request.Request(  # noqa: S310  deploy.sh lets https through, and nothing else
                self._host + path,
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers={
                    "Authorization": f"Bearer {self._key}",
                    "Content-Type": "application/json",
                    "User-Agent": _USER_AGENT,
                },
            )
            with self._opener.open(request, timeout=self._seconds) as response:
                content = response.read(_MOST_BYTES)
                self.headers = {name.lower(): value for name, value in response.headers.items()}
        except urllib.error.HTTPError as error:
            raise _failure(self._provider, method, path, error) from None
        except urllib.error.URLError as error:
            raise Unreachable(f"{self._host} cannot be reached: {error.reason}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            # A connection that breaks within the answer; a key that is no header's value, which the text would repeat.
            raise Unreachable(f"{self._host} cannot be asked: {type(error).__name__}") from None
        try:
            return json.loads(content) if content else None
        except (ValueError, RecursionError):
            raise Unreachable(f"{self._host} answered {method} {path} with something that is no JSON") from None


def _failure(provider: str, method: str, path: str, error: urllib.error.HTTPError) -> MailApiError:
    text, (said, code) = f"{provider} answered {method} {path} with {error.code}", _what_it_says(error)
    if said:
        text = f"{text}: {said}"
    if error.code in {401, 403}:
        return NotAllowed(text, code)
    if error.code == 429 or error.code >= 500:
        return Unreachable(text, code)
    return Refused(text, code)


def _what_it_says(error: urllib.error.HTTPError) -> tuple[str, str]:
    """What the answer says, in one line, and the error's name: `{"errors": [{"message": …}]}` of SendGrid's,
    `{"name": …, "message": …}` of Resend's."""
    try:
        body = json.loads(error.read(_MOST_BYTES))
        errors = body.get("errors", [body])
        said = "; ".join(str(each["message"]) for each in errors)
        code = str(errors[0].get("name") or "")
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""
    return "".join(c if c.isprintable() else " " for c in said), code
