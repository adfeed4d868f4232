"""The destinations beside email: a receiver of webhooks, Slack's Web API, Google Chat and a workflow of Teams. Each
refuses what the service refuses, and what it takes is kept."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from local_cloud.clock import Clock
from local_pipeline.inbox import slack
from local_pipeline.inbox.faults import Answer
from local_pipeline.inbox.json_body import decode, json_answer

SIGNING_KEY = "whsec_" + base64.b64encode(b"local-cloud.not-a-secret.0123456").decode()
SLACK_TOKEN = "xoxb-local-cloud-not-a-secret"  # noqa: S105
SLACK_CHANNEL = "C0LOCAL"
WEBHOOK_PATH, SLACK_PATH = "/webhook", "/slack/api"
CHAT_PATH = "/v1/spaces/LOCAL/messages?key=local&token=not-a-secret"
TEAMS_PATH = "/workflows/local/triggers/manual/paths/invoke?sig=not-a-secret"
MOST_CHAT_BYTES, MOST_TEAMS_BYTES = 32_000, 28 * 1024
"""https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create
https://learn.microsoft.com/connectors/teams/#known-issues-and-limitations-with-actions"""

_TOLERANCE_SECONDS = 300
_TEXT_TYPE = {"Content-Type": "text/plain"}


@dataclass(frozen=True, kw_only=True)
class Received:
    """A report that came to a destination.

    Attributes:
        id: counts up from 1.
        destination: which, as a subscription's `deliver` names it.
        delivery_id: of which delivery it is.
        received_at: when, in UTC.
        payload: what came.
    """

    id: int
    destination: str
    delivery_id: str
    received_at: datetime
    payload: Mapping[str, Any]


def secrets_at(inbox_url: str) -> dict[str, str]:
    """What subscriptions need here, by the name of the destination: the values of DESTINATION_SECRETS.

    Args:
        inbox_url: where the inbox is.
    """
    return {
        "webhook": SIGNING_KEY,
        "slack": SLACK_TOKEN,
        "chat": inbox_url + CHAT_PATH,
        "teams": inbox_url + TEAMS_PATH,
    }


def delivery_in_report(service: str, body: bytes) -> str:
    """The delivery whose report a request posts; empty where it posts none, such as one for a picture's place.

    Args:
        service: as faults name it.
        body: of the request.
    """
    try:
        if service == "slack-api":
            asked = dict(parse_qsl(body.decode()))
            found = json.loads(asked.get("blocks", "[{}]"))[0].get("block_id")
        else:
            payload = decode(body)
            match service:
                case "webhook":
                    found = payload["data"]["delivery_id"]
                case "chat":
                    found = payload["cardsV2"][0]["cardId"]
                case _:
                    found = payload["attachments"][0]["content"]["body"][0]["id"]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""


class Elsewhere:
    """Takes reports as the destinations do.

    Args:
        clock: what time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Answer] = {}
        self._uploads: dict[str, bytes] = {}
        self.received: list[Received] = []
        """What came, the oldest first; what was repeated with its key is here once."""

    def webhook(self, request: web.Request, body: bytes) -> Answer:
        """A receiver that verifies and honors the id, as docs/guides/destinations.md asks it to."""
        message_id = request.headers.get("webhook-id", "")
        timestamp = request.headers.get("webhook-timestamp", "")
        signed = f"{message_id}.{timestamp}.".encode() + body
        key = base64.b64decode(SIGNING_KEY.removeprefix("whsec_"))
        right = f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
        if right not in request.headers.get("webhook-signature", "").split():
            return json_answer(HTTPStatus.UNAUTHORIZED, {"error": "the signature is wrong"})
        # By the machine's time, as the functions have it that do not follow the clock.
        machine_now = self._clock.machine_now()
        ahead = abs(self._clock.now() - machine_now).total_seconds()
        if not timestamp.isdecimal() or abs(machine_now.timestamp() - int(timestamp)) > _TOLERANCE_SECONDS + ahead:
            return json_answer(HTTPStatus.UNAUTHORIZED, {"error": "the timestamp is too old"})
        return self._once(f"webhook {message_id}", json_answer(HTTPStatus.OK, {}), "webhook", body, decode(body))

    def chat(self, request: web.Request, body: bytes) -> Answer:
        """Google Chat: a request with a known id posts nothing."""
        if request.query.get("token") != "not-a-secret":
            return json_answer(HTTPStatus.UNAUTHORIZED, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})
        payload = decode(body)
        cards = payload.get("cardsV2") or []
        if len(body) > MOST_CHAT_BYTES or not cards or not cards[0].get("card", {}).get("sections"):
            return json_answer(HTTPStatus.BAD_REQUEST, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}})
        request_id = request.query.get("requestId", "")
        answer = json_answer(HTTPStatus.OK, {"name": f"spaces/LOCAL/messages/{len(self.received) + 1}"})
        return self._once(f"chat {request_id}" if request_id else "", answer, "chat", body, payload)

    def teams(self, request: web.Request, body: bytes) -> Answer:
        """A workflow: it answers when it has begun."""
        if request.query.get("sig") != "not-a-secret":
            return json_answer(HTTPStatus.UNAUTHORIZED, {"error": {"code": "DirectApiAuthorizationRequired"}})
        payload = decode(body)
        attached = payload.get("attachments") or [{}]
        if attached[0].get("contentType") != "application/vnd.microsoft.card.adaptive":
            return json_answer(HTTPStatus.BAD_REQUEST, {"error": {"code": "TriggerInputSchemaMismatch"}})
        if len(body) > MOST_TEAMS_BYTES:
            return json_answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": {"code": "RequestEntityTooLarge"}})
        return self._once("", Answer(status=HTTPStatus.ACCEPTED), "teams", body, payload)

    def slack(self, request: web.Request, body: bytes) -> Answer:
        """Slack's Web API: posting a message, and uploading a picture."""
        method = request.match_info["method"]
        if request.headers.get("Authorization") != f"Bearer {SLACK_TOKEN}":
            return _slack_says(error="invalid_auth")
        asked = dict(parse_qsl(body.decode()))
        if method == "files.getUploadURLExternal":
            file_id = f"F{len(self._uploads) + 1}"
            self._uploads[file_id] = b""
            url = f"{request.url.origin()}/slack/upload/{file_id}"
            return _slack_says(ok=True, file_id=file_id, upload_url=url)
        if method not in {"chat.postMessage", "files.completeUploadExternal"}:
            return _slack_says(error="unknown_method")
        channel = asked.get("channel") or asked.get("channel_id")
        if channel != SLACK_CHANNEL:
            return _slack_says(error="channel_not_found")
        blocks = json.loads(asked.get("blocks", "[]"))
        if refusal := slack.find_refusal({"text": asked.get("text") or "picture", "blocks": blocks}):
            return _slack_says(error=refusal.answer)
        files = [each["id"] for each in json.loads(asked.get("files", "[]"))]
        if not all(self._uploads.get(each) for each in files):
            return _slack_says(error="file_not_found")
        pictures = [base64.b64encode(self._uploads[each]).decode() for each in files]
        answer = _slack_says(ok=True, ts=f"{self._clock.now().timestamp():.6f}", files=[{"id": each} for each in files])
        return self._once("", answer, "slack", body, {**asked, "blocks": blocks, "pictures": pictures})

    def slack_upload(self, request: web.Request, body: bytes) -> Answer:
        """Where Slack takes a file."""
        self._uploads[request.match_info["file_id"]] = body
        return Answer(status=HTTPStatus.OK, body=b"OK", headers=_TEXT_TYPE)

    def _once(self, key: str, answer: Answer, destination: str, body: bytes, payload: Mapping[str, Any]) -> Answer:
        """Keep what came, unless it came before with the same key."""
        if key and key in self._known:
            return self._known[key]
        if key:
            self._known[key] = answer
        number = len(self.received) + 1
        self.received.append(
            Received(
                id=number,
                destination=destination,
                delivery_id=delivery_in_report("slack-api" if destination == "slack" else destination, body),
                received_at=self._clock.now(),
                payload=payload,
            )
        )
        return answer


def _slack_says(*, error: str = "", **said: Any) -> Answer:
    return json_answer(HTTPStatus.OK, {"ok": False, "error": error} if error else said)
