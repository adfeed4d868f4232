"""Posts to a channel of Slack by its Web API.

`chat.postMessage` documents no idempotency key, so an answer that is lost leaves an unknown outcome. A message with a
picture is posted by the call that ends the upload, so each message has one call that posts it.
https://docs.slack.dev/reference/methods/chat.postMessage
https://docs.slack.dev/reference/methods/files.completeUploadExternal
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import structlog

from functions.shared.records.deliver import Deliver
from functions.shared.sanitize import sanitize
from functions.worker.destinations.http_call import HttpAnswer, NoAnswer, NotWritten, call, retry_after
from functions.worker.destinations.lost_answer import outcome_without_answer
from functions.worker.destinations.outcome import Accepted, Outcome, Refused, Throttled, Unavailable, Unclear
from functions.worker.destinations.parcel import Parcel
from functions.worker.destinations.slack.message import blocks

_UPLOAD_SHARE = 0.6
"""Of the time, for the picture. The message goes without it where Slack does not take it in time."""

_MAYBE_DONE = frozenset({"fatal_error", "internal_error"})
"""Slack says of these: "It's possible some aspect of the operation succeeded before the error".
"""

_PASSING = frozenset({"service_unavailable", "team_added_to_org"})
_TOO_MUCH = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})

_logger = structlog.get_logger()


class Slack:
    """Posts reports to a channel. Safe for threads.

    Args:
        deliver: the channel, and the name of the secret with a bot token. It has the scopes chat:write and files:write,
            and the bot is in the channel.
        secrets: the values of all secrets, by name.
        host: the URL of the API.
        now: the present, in UTC.
    """

    def __init__(self, deliver: Deliver, secrets: Mapping[str, str], *, host: str, now: Callable[[], datetime]) -> None:
        self._channel = deliver.channel
        self._name = deliver.secret
        self._token = secrets.get(deliver.secret, "").strip()
        self._host = host
        self._now = now

    def send(self, report: Parcel, /, *, seconds: float) -> Outcome:
        """Post a report, with its first picture if it has one."""
        if not self._token:
            return Refused(error=f"DESTINATION_SECRETS has no secret {self._name}")
        over_at = time.monotonic() + seconds
        shown = blocks(report)
        file_id = self._upload(report, time.monotonic() + seconds * _UPLOAD_SHARE)
        if file_id:
            files = [{"id": file_id, "title": report.charts[0].title if report.charts else report.subject}]
            asked = {"channel_id": self._channel, "files": files, "blocks": shown}
            return self._post("files.completeUploadExternal", asked, over_at)
        asked = {"channel": self._channel, "text": report.subject, "blocks": shown, "unfurl_links": "false"}
        return self._post("chat.postMessage", asked, over_at)

    def _upload(self, report: Parcel, over_at: float) -> str:
        """Upload the first picture, which nobody sees yet; empty where there is none, or Slack does not take it."""
        if not report.images:
            return ""
        image = report.images[0]
        asked = {"filename": image.filename, "length": str(len(image.content))}
        if report.charts:
            asked["alt_txt"] = report.charts[0].description[:1_000]
        try:
            place = _object(self._call("files.getUploadURLExternal", asked, over_at))
            file_id, url = place.get("file_id"), place.get("upload_url")
            if isinstance(file_id, str) and isinstance(url, str):
                headers = {"Content-Type": "application/octet-stream"}
                left = over_at - time.monotonic()
                taken = call("POST", url, headers=headers, body=image.content, seconds=left)
                if taken.status == HTTPStatus.OK:
                    return file_id
            error = sanitize(str(place.get("error", "")), 100)
        except (NotWritten, NoAnswer) as failure:
            error = str(failure)
        _logger.warning("picture_left_out", delivery_id=report.delivery_id, error=error)
        return ""

    def _post(self, method: str, asked: Mapping[str, Any], over_at: float) -> Outcome:
        try:
            answer = self._call(method, asked, over_at)
        except (NotWritten, NoAnswer) as error:
            return outcome_without_answer(error, service="Slack")
        return classify(answer, now=self._now())

    def _call(self, method: str, asked: Mapping[str, Any], over_at: float) -> HttpAnswer:
        # Not every method takes JSON. https://docs.slack.dev/apis/web-api/#post_bodies
        fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in asked.items()}
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        }
        left = over_at - time.monotonic()
        return call("POST", f"{self._host}/{method}", headers=headers, body=urlencode(fields).encode(), seconds=left)


def classify(answer: HttpAnswer, *, now: datetime) -> Outcome:
    """Say what an answer means: with status 200, `ok` and `error` do.

    https://docs.slack.dev/apis/web-api/#responses, https://docs.slack.dev/apis/web-api/rate-limits

    Args:
        answer: Slack's.
        now: the present, for times in the headers.
    """
    said = _object(answer)
    error = sanitize(str(said.get("error") or ""), 100)
    told = f"Slack answered {answer.status}{f': {error}' if error else ''}"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or error in _TOO_MUCH:
        return Throttled(error=told, retry_after_seconds=retry_after(answer.headers, now))
    if said.get("ok") is True:
        files = said.get("files")
        shared = files[0].get("id") if isinstance(files, list) and files and isinstance(files[0], dict) else ""
        return Accepted(message_id=sanitize(str(said.get("ts") or shared or ""), 100))
    if error in _PASSING:
        return Unavailable(error=told)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error in _MAYBE_DONE or not error:
        return Unclear(error=told)
    return Refused(error=told)


def _object(answer: HttpAnswer) -> dict[str, Any]:
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
