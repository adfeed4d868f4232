"""Asks the local cloud: what it is told to do, which emails and messages its stand-ins took, what its logs say."""

from http import HTTPStatus
from typing import Any

import requests

from operations.errors import NotConfigured, NotFound, OperatorError

_SECONDS = 30.0
_RUN_SECONDS = 1_800.0


class LocalClient:
    """The local cloud that the console was started by. Its methods raise NotConfigured if it does not answer.

    Args:
        control_url: where it is controlled.
        inbox_url: where the stand-ins of the email providers and of Slack are.
    """

    def __init__(self, control_url: str, inbox_url: str) -> None:
        self._control_url = control_url
        self._inbox_url = inbox_url

    def state(self) -> dict[str, Any]:
        """The time, the faults that are on, and the functions that run."""
        found: dict[str, Any] = self._ask("GET", f"{self._control_url}/state").json()
        return found

    def act(self, name: str, **asked: Any) -> dict[str, Any]:
        """Have it do something: `runs`, `clock`, `faults`, `faults/clear`, `functions/kill`.

        Raises:
            OperatorError: it refuses; the text is its own.
        """
        seconds = _RUN_SECONDS if name == "runs" else _SECONDS
        done: dict[str, Any] = self._ask("POST", f"{self._control_url}/{name}", json=asked, seconds=seconds).json()
        return done

    def log_lines(self, wanted: str) -> list[dict[str, str]]:
        """The lines of the functions' logs that have a text in them, each with its function."""
        found = self._ask("GET", f"{self._control_url}/logs", params={"contains": wanted}).json()
        lines: list[dict[str, str]] = found["lines"]
        return lines

    def mails(self, *, search: str = "", limit: int, offset: int = 0) -> dict[str, Any]:
        """Emails, the newest first, and how many there are.

        Args:
            search: what they have in their text, headers or addresses; empty for all.
            limit: how many at most.
            offset: how many to leave out.
        """
        asked = {"q": search, "limit": limit, "offset": offset}
        found: dict[str, Any] = self._ask("GET", f"{self._inbox_url}/api/mails", params=asked).json()
        return found

    def mails_of(self, delivery_id: str) -> list[dict[str, Any]]:
        """The emails of a delivery, the newest first. A worker that was repeated sends no second one."""
        asked = {"delivery_id": delivery_id}
        mails: list[dict[str, Any]] = self._ask("GET", f"{self._inbox_url}/api/mails", params=asked).json()["mails"]
        return mails

    def mail(self, mail_id: str, *, search: str = "") -> dict[str, Any]:
        """One email, with its parts and headers, and the ids of the ones before and after it.

        Args:
            mail_id: its id.
            search: what those have in them; empty for any.

        Raises:
            NotFound: there is none of this id.
        """
        asked = {"q": search}
        found: dict[str, Any] = self._ask("GET", f"{self._inbox_url}/api/mails/{mail_id}", params=asked).json()
        return found

    def mail_part(self, mail_id: str, part: str) -> bytes:
        """A part of an email: `html`, `message.eml`, `request.json`, `attachments/0`."""
        return self._ask("GET", f"{self._inbox_url}/api/mails/{mail_id}/{part}").content

    def slack(self, *, limit: int, offset: int = 0) -> dict[str, Any]:
        """Slack messages, the newest first, and how many there are."""
        asked = {"limit": limit, "offset": offset}
        found: dict[str, Any] = self._ask("GET", f"{self._inbox_url}/api/slack", params=asked).json()
        return found

    def elsewhere(self, *, limit: int, offset: int = 0) -> dict[str, Any]:
        """Reports that came to the destinations beside email, the newest first, and how many there are."""
        asked = {"limit": limit, "offset": offset}
        found: dict[str, Any] = self._ask("GET", f"{self._inbox_url}/api/elsewhere", params=asked).json()
        return found

    def _ask(self, method: str, url: str, *, seconds: float = _SECONDS, **options: Any) -> requests.Response:
        try:
            answer = requests.request(method, url, timeout=seconds, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise NotConfigured("The local cloud does not answer: start it again (reports up).") from error
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise NotFound("The local cloud has no such thing.")
        if not answer.ok:
            raise OperatorError(f"The local cloud refuses: {answer.text[:300]}")
        return answer
