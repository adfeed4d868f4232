"""What the tests of every destination beside email have to know of one that speaks HTTP."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from functions.shared.records.deliver import Deliver, DestinationName
from functions.worker.destinations.chat.chat import Chat
from functions.worker.destinations.destination import Destination
from functions.worker.destinations.outcome import Outcome
from functions.worker.destinations.slack.slack import Slack
from functions.worker.destinations.teams.teams import Teams
from functions.worker.destinations.webhook.webhook import Webhook
from tests.functions.worker.destinations.http_server import Behaviour, Said, answer, saying
from tests.functions.worker.destinations.sample_parcel import parcel
from tests.support import now

SIGNING_KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
TOKEN = "xoxb-not-a-secret"


@dataclass(frozen=True, kw_only=True)
class DestinationCase:
    """A destination.

    Attributes:
        name: which.
        make: makes it, with its server at a port; and with other secrets than its own, if they are given.
        answers: how it says each thing.
        secret: what no error may have in it.
    """

    name: DestinationName
    make: Callable[..., Destination]
    answers: Mapping[Said, bytes]
    secret: str

    def send(self, port: int, *, seconds: float = 5) -> Outcome:
        """Hand over the sample, without its picture: one request for each destination."""
        return self.make(port).send(NO_PICTURE, seconds=seconds)

    def saying(self, said: Sequence[Said]) -> Behaviour:
        """A server that answers so."""
        return saying(self.answers, said)


NO_PICTURE = parcel(images=())


def _webhook(port: int, secrets: Mapping[str, str] | None = None) -> Webhook:
    deliver = Deliver(DestinationName.WEBHOOK, url=f"http://127.0.0.1:{port}/hook", secret="acme")
    secrets = {"acme": SIGNING_KEY} if secrets is None else secrets
    return Webhook(deliver, secrets, now=lambda: datetime.now(UTC), is_private_allowed=True)


def _slack(port: int, secrets: Mapping[str, str] | None = None) -> Slack:
    deliver = Deliver(DestinationName.SLACK, channel="C1", secret="acme")
    return Slack(deliver, {"acme": TOKEN} if secrets is None else secrets, host=f"http://127.0.0.1:{port}/api", now=now)


def _chat(port: int, secrets: Mapping[str, str] | None = None) -> Chat:
    url = f"http://127.0.0.1:{port}/v1/spaces/S/messages?key=k&token={TOKEN}"
    return Chat(Deliver(DestinationName.CHAT, secret="acme"), {"acme": url} if secrets is None else secrets, now=now)


def _teams(port: int, secrets: Mapping[str, str] | None = None) -> Teams:
    url = f"http://127.0.0.1:{port}/workflows/w?sig={TOKEN}"
    return Teams(Deliver(DestinationName.TEAMS, secret="acme"), {"acme": url} if secrets is None else secrets, now=now)


def _by_status(accepted: int, body: object = "") -> Mapping[Said, bytes]:
    return {
        Said.ACCEPTED: answer(accepted, body),
        Said.REFUSED: answer(400, "ada@example.com is wrong"),
        Said.KEY_REFUSED: answer(401, "no"),
        Said.THROTTLED: answer(429, "", {"Retry-After": "7"}),
        Said.FAILED: answer(502, "Bad Gateway"),
    }


CASES = [
    DestinationCase(name=DestinationName.WEBHOOK, make=_webhook, answers=_by_status(204), secret=SIGNING_KEY),
    DestinationCase(
        name=DestinationName.SLACK,
        make=_slack,
        answers={
            **_by_status(200, {"ok": True, "ts": "m1"}),
            Said.REFUSED: answer(200, {"ok": False, "error": "channel_not_found"}),
            Said.KEY_REFUSED: answer(200, {"ok": False, "error": "invalid_auth"}),
            Said.NOT_NOW: answer(200, {"ok": False, "error": "service_unavailable"}),
            Said.FAILED: answer(200, {"ok": False, "error": "internal_error"}),
        },
        secret=TOKEN,
    ),
    DestinationCase(name=DestinationName.CHAT, make=_chat, answers=_by_status(200, {"name": "m1"}), secret=TOKEN),
    DestinationCase(name=DestinationName.TEAMS, make=_teams, answers=_by_status(202), secret=TOKEN),
]

each_destination = pytest.mark.parametrize("case", CASES, ids=[each.name.value for each in CASES])
