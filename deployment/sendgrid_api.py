"""SendGrid's API, for the deployment and for checks: with Python alone, so that both work before anything is installed.

https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses
"""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

CALL_SECONDS = 30.0
_MOST_BYTES = 4 * 1024 * 1024
"""Far more than an answer has."""


SENDGRID_HOST = "https://api.sendgrid.com"
"""Where it is, unless the environment says otherwise."""


class SendGridError(Exception):
    """SendGrid has not done what it was asked. The text has no secret in it."""


class Unreachable(SendGridError):
    """SendGrid gave no answer, or one that means "later"."""


class NotAllowed(SendGridError):
    """The API key is none of SendGrid's, or may not do this."""


class Refused(SendGridError):
    """SendGrid says why it does not do this."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: urllib would send the key along, wherever it leads."""

    def redirect_request(self, *args: object) -> None:
        """Do not follow it."""


class SendGridApi:
    """Calls SendGrid.

    Args:
        host: as in SENDGRID_HOST, such as https://api.sendgrid.com.
        key: the API key.
        seconds: how long to wait for an answer.
    """

    def __init__(self, host: str, key: str, *, seconds: float = CALL_SECONDS) -> None:
        self._host = host.rstrip("/")
        self._key = key
        self._seconds = seconds
        self._opener = urllib.request.build_opener(_NoRedirect)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one call.

        Args:
            method: of HTTP.
            path: such as /v3/scopes.
            body: becomes JSON; None for no body.

        Returns:
            The answer's JSON; None if it has no body.

        Raises:
            NotAllowed: see there.
            Refused: see there.
            Unreachable: see there.
        """
        try:
            request = urllib.request.Request(  # noqa: S310  deploy.sh lets https through, and nothing else
                self._host + path,
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers={"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
            )
            with self._opener.open(request, timeout=self._seconds) as response:
                content = response.read(_MOST_BYTES)
        except urllib.error.HTTPError as error:
            raise _failure(method, path, error) from None
        except urllib.error.URLError as error:
            raise Unreachable(f"{self._host} cannot be reached: {error.reason}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            # A connection that breaks within the answer; a key that is no header's value, which the text would repeat.
            raise Unreachable(f"{self._host} cannot be asked: {type(error).__name__}") from None
        try:
            return json.loads(content) if content else None
        except (ValueError, RecursionError):
            raise Unreachable(f"{self._host} answered {method} {path} with something that is no JSON") from None


def _failure(method: str, path: str, error: urllib.error.HTTPError) -> SendGridError:
    text = f"SendGrid answered {method} {path} with {error.code}"
    if said := _messages(error):
        text = f"{text}: {said}"
    if error.code in {401, 403}:
        return NotAllowed(text)
    if error.code == 429 or error.code >= 500:
        return Unreachable(text)
    return Refused(text)


def _messages(error: urllib.error.HTTPError) -> str:
    """What the answer says, in one line: `{"errors": [{"message": …}]}`."""
    try:
        said = "; ".join(str(each["message"]) for each in json.loads(error.read(_MOST_BYTES))["errors"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, RecursionError):
        return ""
    return "".join(c if c.isprintable() else " " for c in said)
