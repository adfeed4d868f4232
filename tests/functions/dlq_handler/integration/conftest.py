"""The DLQ handler as a process of its own, and around it Firestore, Slack, a service that Apprise posts to, and the
identity provider whose tokens it takes."""

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from aiohttp import web

from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.times.plausible_time import plausible
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.http import HttpServer
from local_cloud.identity import IdentityProvider
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox.server import Inbox
from tests.deployed_firestore import deployed_firestore
from tests.firestore_client import client_of
from tests.function_process import FunctionProcesses
from tests.support import Background, Faults

PROJECT = "local-project"
LOCATION = "europe-west1"
TOPIC = f"projects/{PROJECT}/topics/report-dead-letters"
URL = "https://dlq-handler.example.com"
CONSOLE = "https://console.example.com"
INVOKER = f"events@{PROJECT}.iam.gserviceaccount.com"
DIED = datetime(2026, 11, 24, 13, 14, tzinfo=UTC)


_MOVED = ("claimed_until", "leader_due_at", "next_turn_at", "failed_at")
"""Which fields of the documents in `alerts` are times by which the handler decides."""


@dataclass
class Pager:
    """What Apprise's `json://` and `mmost://` post to; it answers each post with `status`."""

    url: str = ""
    mattermost_url: str = ""
    status: int = 200
    posts: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.posts.append(await request.json())
        return web.Response(status=self.status)


@dataclass(kw_only=True)
class Cloud:
    """The services, and what a test does with them."""

    background: Background
    identity: IdentityProvider
    firestore: FirestoreEmulator
    firestore_faults: Faults
    inbox: Inbox
    pager: Pager
    database: Any
    handlers: FunctionProcesses

    @property
    def environment(self) -> dict[str, str]:
        """What the handler is started with, leaving out the channels."""
        return {
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "LOCATION": LOCATION,
            "DLQ_HANDLER_URL": URL,
            "EVENTS_INVOKER": INVOKER,
            "CONSOLE_URL": f"{CONSOLE}/",
            "OIDC_CERTS_URL": self.identity.certs_url,
            "OIDC_ISSUER": self.identity.issuer,
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{self.firestore.port}",
            "THREADS": "16",
        }

    def handler(self, *, slack: bool = True, pager: bool = False, webhook_url: str = "", **variables: str) -> "Handler":
        """A handler that alerts in these channels; one process for each set of variables."""
        if slack:
            variables["SLACK_WEBHOOK_URL"] = webhook_url or self.inbox.slack_webhook_url
        if pager:
            variables["ALERT_URLS"] = self.pager.url
        process = self.handlers.get({**self.environment, **variables})
        return Handler(process, self.identity, self.firestore_faults)

    def record(self, letter: str) -> Any:
        """A dead letter's document; None where there is none."""
        return self.database.collection("dead_letters").document(letter).get().to_dict()

    def records(self) -> dict[str, dict[str, Any]]:
        """All dead letters, by id."""
        return {found.id: found.to_dict() for found in self.database.collection("dead_letters").stream()}

    def system_records(self) -> dict[str, dict[str, Any]]:
        """All system alerts, by id."""
        return {found.id: found.to_dict() for found in self.database.collection("system_alerts").stream()}

    def clear(self) -> None:
        """Leave nothing in the channels, nothing stored, and nothing wrong with anything."""
        self.inbox.slack_messages.clear()
        self.inbox.fault = None
        self.firestore_faults.middleware = None
        self.pager.posts.clear()
        self.pager.status = 200
        self.background.run(self.firestore.clear())

    def let_a_minute_pass(self) -> None:
        """Move what is remembered of former alerts a minute into the past, and let the channels take messages."""
        self.let_time_pass(timedelta(seconds=61))

    def let_time_pass(self, time: timedelta) -> None:
        """The same for any time."""
        for found in self.database.collection("alerts").stream():
            fields = found.to_dict()
            moved: dict[str, Any] = {name: at - time for name in _MOVED if (at := plausible(fields.get(name)))}
            told_at = fields.get("told_at")
            if isinstance(told_at, dict):
                moved["told_at"] = {name: at - time for name, at in told_at.items() if plausible(at)}
            if moved:
                found.reference.update(moved)
        self.let_channels_rest()

    def let_channels_rest(self) -> None:
        """Let every channel take messages again at once, whatever it has answered."""
        for found in self.database.collection("alerts").stream():
            if "next_turn_at" in found.to_dict():
                found.reference.update({"next_turn_at": None})

    def close_slack(self) -> None:
        """Let Slack take no message before `let_channels_rest`, as after an answer of 429.

        What is to happen within a cause's minute then also happens where it takes longer than one.
        """
        closed_until = datetime.now(UTC) + timedelta(minutes=9)
        self.database.document("alerts/channel-slack").set({"next_turn_at": closed_until}, merge=True)

    @property
    def slack(self) -> list[dict[str, Any]]:
        """What was posted to Slack."""
        return [message.payload for message in self.inbox.slack_messages]


class Handler:
    """Pushes messages to a handler's process, as Pub/Sub does."""

    def __init__(
        self, process: FunctionProcess, identity: IdentityProvider, firestore_faults: Faults | None = None
    ) -> None:
        self._identity = identity
        self._firestore_faults = firestore_faults
        self.root = f"http://127.0.0.1:{process.port}"
        self.url = f"{self.root}/{TOPIC}"
        self.log_file = process.log_file

    @property
    def headers(self) -> dict[str, str]:
        """What Pub/Sub sends with each push."""
        token = self._identity.mint(INVOKER, URL)
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def receives(
        self,
        data: bytes | DeadLetter,
        *,
        attributes: Mapping[str, str] | None = None,
        message_id: str | None = None,
        published_at: datetime = DIED,
        within: float = 120,
    ) -> requests.Response:
        """Deliver a message, and wait so many seconds for the answer.

        Unless its id is given, one with the same content is the same message, delivered again.
        """
        body = self.body_of(data, attributes=attributes, message_id=message_id, published_at=published_at)
        return self.receives_body(body, within=within)

    @staticmethod
    def body_of(
        data: bytes | DeadLetter,
        *,
        attributes: Mapping[str, str] | None = None,
        message_id: str | None = None,
        published_at: datetime = DIED,
    ) -> dict[str, Any]:
        """The body with which Pub/Sub pushes a message."""
        content = data if isinstance(data, bytes) else data.to_json()
        message_id = message_id or hashlib.sha256(content + repr(attributes).encode()).hexdigest()
        publish_time = published_at.isoformat().replace("+00:00", "Z")
        message: dict[str, Any] = {
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": publish_time,
            "publish_time": publish_time,
        }
        if content:
            message["data"] = base64.b64encode(content).decode()
        if attributes:
            message["attributes"] = dict(attributes)
        return {
            "message": message,
            "subscription": f"projects/{PROJECT}/subscriptions/report-dead-letters",
            "deliveryAttempt": 1,
        }

    def receives_body(self, body: Any, *, within: float = 120) -> requests.Response:
        """Push any body."""
        while True:
            answer = requests.post(self.url, data=json.dumps(body), headers=self.headers, timeout=within)
            assert "Traceback" not in answer.text
            # On a busy machine a call of Firestore may take longer than the handler waits. Pub/Sub delivers again then.
            has_faults = self._firestore_faults is not None and self._firestore_faults.middleware is not None
            if has_faults or "Firestore failed" not in answer.text:
                return answer


def letter(user: str = "", subscription: str = "default", *, error: str | None = None, **fields: Any) -> DeadLetter:
    """A dead letter of a subscription's report. Unless the error is given it is the only one with its cause."""
    user = user or f"u-{uuid.uuid4().hex[:12]}"
    letters_only = uuid.uuid4().hex.translate(str.maketrans("0123456789", "ghijklmnop"))
    return DeadLetter(
        **{
            "user_id": user,
            "subscription_id": subscription,
            "delivery_id": f"{user}:{subscription}:20261124T1300Z",
            "due_at": datetime(2026, 11, 24, 13, tzinfo=UTC),
            "run_id": "20261124T1300Z",
            "kind": "activity",
            "reason": DeadLetterReason.RETRIES_EXHAUSTED,
            "error": error or f"SendGrid answered 500: {letters_only}",
            "attempts": 8,
            "failed_at": DIED,
            **fields,
        }
    )


@pytest.fixture(scope="package")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    background = Background()
    clock = Clock()
    pager = Pager()
    faults = Faults()
    app = web.Application()
    for path in ("/", "/hooks/{token}"):
        app.router.add_post(path, pager.take)
    pager_server = HttpServer("pager", app, "127.0.0.1", 0)

    identity = IdentityProvider(host="127.0.0.1", port=0, clock=clock)
    emulator = deployed_firestore(host="127.0.0.1", port=0, clock=clock, middleware=[faults])
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key="unused")
    for server in (identity, emulator, inbox, pager_server):
        background.run(server.start())
    pager.url = f"json://127.0.0.1:{pager_server.port}/"
    pager.mattermost_url = f"mmost://127.0.0.1:{pager_server.port}/3ccdd113474722377935511fc85d3dd4"
    around = Cloud(
        background=background,
        identity=identity,
        firestore=emulator,
        firestore_faults=faults,
        inbox=inbox,
        pager=pager,
        database=client_of(emulator.port, PROJECT),
        handlers=FunctionProcesses(
            background,
            name="dlq_handler",
            log_directory=tmp_path_factory.mktemp("logs"),
            signature_type="cloudevent",
        ),
    )
    yield around
    around.handlers.stop()
    around.database.close()
    for server in (inbox, pager_server, emulator, identity):
        background.run(server.stop())
    background.close()


@pytest.fixture
def around(surroundings: Cloud) -> Cloud:
    """The surroundings, with nothing in the channels and nothing wrong with them."""
    surroundings.clear()
    return surroundings
