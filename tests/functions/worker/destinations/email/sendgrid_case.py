"""SendGrid, for the tests of every email provider."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from functions.shared.settings import MailProviderName
from functions.worker.destinations.email.model import Mail, Sender
from functions.worker.destinations.email.sendgrid.request import to_request
from functions.worker.destinations.outcome import Unclear
from local_pipeline.inbox.mail import split
from local_pipeline.inbox.sendgrid import find_problems
from tests.functions.worker.destinations.email.provider_case import ProviderCase, SentFile, SentMessage
from tests.functions.worker.destinations.http_server import Said, answer, begin, saying, take_body

KEY = "SG.secret-key"


def _written(mail: Mail, sender: Sender) -> Sequence[bytes]:
    return [json.dumps(to_request(mail, sender)).encode()]


def _read(written: Sequence[bytes]) -> Sequence[SentMessage]:
    [body] = written
    request = json.loads(body)
    received = split(request, message_id="m1", received_at=datetime(2026, 11, 24, tzinfo=UTC), size=len(body))
    return [
        SentMessage(
            to=[(to.name, to.email) for to in each.envelope.to],
            sender=(request["from"].get("name", ""), request["from"]["email"]),
            reply_to=request.get("reply_to", {}).get("email", ""),
            subject=request["subject"],
            headers=each.headers,
            text=each.text or "",
            html=each.html or "",
            files=[
                SentFile(filename=file.filename, media_type=file.type, content=file.content, content_id=file.content_id)
                for file in each.attachments
            ],
            arguments=each.envelope.custom_args,
            sandboxed=request.get("mail_settings") == {"sandbox_mode": {"enable": True}},
        )
        for each in received
    ]


def _refusal(written: bytes) -> str:
    return "; ".join(map(str, find_problems(json.loads(written), now=datetime(2026, 11, 24, tzinfo=UTC))))


def _variables(host: str, port: int, tls: bool) -> Mapping[str, str]:
    return {"SENDGRID_API_KEY": KEY, "SENDGRID_HOST": f"{'https' if tls else 'http'}://{host}:{port}"}


def _errors(message: str) -> dict[str, list[dict[str, str | None]]]:
    return {"errors": [{"message": message, "field": None}]}


SENDGRID = ProviderCase(
    name=MailProviderName.SENDGRID,
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
            Said.ACCEPTED: answer(202, headers={"X-Message-Id": "m1"}),
            Said.REFUSED: answer(400, _errors("ada@example.com is not valid")),
            Said.KEY_REFUSED: answer(401, _errors(f"the key {KEY} is invalid")),
            Said.THROTTLED: answer(429, _errors("too many requests"), {"Retry-After": "7"}),
            Said.NOT_NOW: answer(503, _errors("not now")),
            Said.FAILED: answer(502, "<html>Bad Gateway</html>"),
        },
    ),
    message_id="m1",
    wait=7,
    cut_early=Unclear,
    one_request=True,
)
