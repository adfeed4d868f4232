"""A SendGrid account, and what listens at the address of the function that takes mail events."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from functions.mail_events.received_events import InvalidSignature
from functions.mail_events.sendgrid.signature import SendGridSignatures
from local_cloud.clock import Clock
from local_cloud.http import HttpServer
from local_pipeline.inbox.server import Inbox
from tests.support import Background

FUNCTION_URL = "https://report-mail-events-123456789012.us-central1.run.app"


@dataclass
class Listener:
    """Takes the calls as the function does, by its signature.

    Attributes:
        keys: gives the public keys that it knows by now.
        signed: of each call, whether one of the keys fits.
    """

    keys: Callable[[], Sequence[str]] = lambda: ()
    signed: list[bool] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Answer one call."""
        try:
            SendGridSignatures(self.keys()).verify(request.headers, await request.read(), now=datetime.now(UTC))
        except InvalidSignature:
            self.signed.append(False)
            return web.Response(status=403)
        self.signed.append(True)
        return web.Response()


@dataclass(frozen=True)
class Account:
    """Both, running.

    Attributes:
        inbox: has the account's settings.
        key: the API key.
        listener: gets what is sent to `FUNCTION_URL`.
    """

    inbox: Inbox
    key: str
    listener: Listener


@contextmanager
def running_account(background: Background) -> Iterator[Account]:
    """Start both, and stop them at the end."""
    key, listener, app = "SG.account.key", Listener(), web.Application()
    app.router.add_post("/sendgrid", listener.take)
    server = HttpServer("mail events", app, "127.0.0.1", 0)
    inbox = Inbox(host="127.0.0.1", port=0, clock=Clock(), sendgrid_api_key=key)
    background.run(server.start())
    background.run(inbox.start())
    inbox.webhook_settings.addresses[FUNCTION_URL] = server.url
    try:
        yield Account(inbox, key, listener)
    finally:
        background.run(inbox.stop())
        background.run(server.stop())
