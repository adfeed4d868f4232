"""Resend, for the tests of every email provider."""

import base64
import json
from collections.abc import Mapping, Sequence
from email.utils import getaddresses
from functools import partial
from typing import Any

from functions.shared.mail.argument_tags import argument_in
from functions.shared.settings import MailProviderName
from functions.worker.destinations.email.model import Mail, Sender
from functions.worker.destinations.email.resend.request import to_requests
from functions.worker.destinations.outcome import Unclear
from local_pipeline.inbox.resend import find_refusal
from tests.functions.worker.destinations.email.provider_case import ProviderCase, SentFile, SentMessage
from tests.functions.worker.destinations.http_server import Said, answer, begin, saying, take_body

KEY = "re_secret_key"


def _written(mail: Mail, sender: Sender) -> Sequence[bytes]:
    return [each.content for each in to_requests(mail, sender)]


def _read(written: Sequence[bytes]) -> Sequence[SentMessage]:
    return [_message(json.loads(body)) for body in written]


def _message(request: Mapping[str, Any]) -> SentMessage:
    [sender] = getaddresses([request["from"]])
    tags = {tag["name"]: tag["value"] for tag in request["tags"]}
    assert len(tags) == len(request["tags"])
    to = getaddresses(request["to"])
    return SentMessage(
        to=to,
        sender=sender,
        reply_to=request.get("reply_to", ""),
        subject=request["subject"],
        headers=request["headers"],
        text=request["text"],
        html=request["html"],
        files=[
            SentFile(
                filename=each["filename"],
                media_type=each["content_type"],
                content=base64.b64decode(each["content"]),
                content_id=each.get("content_id", ""),
            )
            for each in request.get("attachments", [])
        ],
        arguments={name: argument_in(tags, name) for name in ("delivery_id", "run_id")},
        sandboxed=all(address.startswith("delivered+") and address.endswith("@resend.dev") for _, address in to),
    )


def _refusal(written: bytes) -> str:
    refusal = find_refusal(json.loads(written), sender_domains=["example.com"])
    return str(refusal) if refusal else ""


def _variables(host: str, port: int, tls: bool) -> Mapping[str, str]:
    return {"RESEND_API_KEY": KEY, "RESEND_HOST": f"{'https' if tls else 'http'}://{host}:{port}"}


def error(status: int, name: str, message: str) -> dict[str, str | int]:
    """The body of an answer that is an error. https://resend.com/docs/api-reference/errors"""
    return {"statusCode": status, "name": name, "message": message}


RESEND = ProviderCase(
    name=MailProviderName.RESEND,
    secret=KEY,
    variables=_variables,
    written=_written,
    read=_read,
    refusal=_refusal,
    take=take_body,
    take_a_part=begin,
    saying=partial(
        saying,
        {
            Said.ACCEPTED: answer(200, {"id": "m1"}),
            Said.REFUSED: answer(422, error(422, "validation_error", "Invalid `to`: ada@example.com")),
            Said.KEY_REFUSED: answer(401, error(401, "validation_error", f"API key is invalid: {KEY}")),
            Said.THROTTLED: answer(429, error(429, "rate_limit_exceeded", "Too many requests"), {"retry-after": "7"}),
            Said.NOT_NOW: answer(302, headers={"Location": "/elsewhere"}),
            Said.FAILED: answer(500, error(500, "application_error", "An unexpected error occurred.")),
        },
    ),
    message_id="m1",
    wait=7,
    cut_early=Unclear,
    one_request=False,
)
