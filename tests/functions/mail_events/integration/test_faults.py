"""Events that are lost, doubled, reordered and late on their way from the provider: every record and every pause comes
out as the emails did.

The inbox repeats some events under another id and shuffles all of them. Here Firestore fails now and then, and the
function is killed while it takes events, so that the inbox has to call again.
"""

import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from sendgrid import SendGridAPIClient

from local_cloud.clock import Clock
from local_cloud.rpc import RpcError
from local_pipeline.inbox.event_webhook import EventWebhook
from local_pipeline.inbox.server import Inbox
from tests.functions.mail_events.integration.conftest import Provider
from tests.support import Background

API_KEY = "SG.key"
ENDS = {
    "bounce": ("bounced", "bounced"),
    "spam": ("complained", "complained"),
    "blocked": ("blocked", None),
    "deferred": ("delivered", None),
    "user": ("delivered", None),
}
"""By the local part: the status of the email, and why the subscription is paused."""
MAILS = 60


@pytest.fixture
def inbox(background: Background, provider: Provider) -> Iterator[Inbox]:
    clock = Clock()
    webhook = EventWebhook(clock, url=f"{provider.url}/sendgrid", key=provider.webhook_key)
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY, webhook=webhook)
    background.run(inbox.start())
    yield inbox
    background.run(inbox.stop())


def test_every_mail_comes_out_as_it_was(background: Background, provider: Provider, inbox: Inbox) -> None:
    chance = random.Random(7)  # noqa: S311  no secret
    client = SendGridAPIClient(API_KEY, inbox.url)
    ends: dict[str, str] = {}
    for number in range(MAILS):
        end = chance.choice(list(ENDS))
        user, address = f"u{number}", f"{end}+u{number}@example.com"
        ends[user] = end
        provider.deliver(f"{user}:default:1", user)
        provider.database.document(f"users/{user}").set({"email": address, "active": True})
        subscription = {"active": True, "kind": "activity", "cadence": "daily"}
        provider.database.document(f"users/{user}/report_subscriptions/default").set(subscription)
    failures = 12

    async def fail_now_and_then(_method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal failures
        if failures and chance.random() < 0.3:
            failures -= 1
            raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "as the test wants it")
        answer = await carry_out()
        if failures and chance.random() < 0.3:
            # Carried out, and nobody learns it.
            failures -= 1
            raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "as the test wants it")
        return answer

    provider.faults.middleware = fail_now_and_then
    for user, end in ends.items():
        mail = {
            "personalizations": [
                {"to": [{"email": f"{end}+{user}@example.com"}], "custom_args": {"delivery_id": f"{user}:default:1"}}
            ],
            "from": {"email": "reports@example.com"},
            "subject": "Your report",
            "content": [{"type": "text/plain", "value": "All is well."}],
        }
        assert client.client.mail.send.post(request_body=mail).status_code == 202
        if user == "u40":
            assert provider.process.pid is not None
            os.killpg(provider.process.pid, signal.SIGKILL)
    background.run(inbox.webhook.all_taken())
    provider.faults.middleware = None
    for user, end in ends.items():
        status, because = ENDS[end]
        assert provider.record(f"{user}:default:1")["status"] == status, (user, end)
        subscription = provider.database.document(f"users/{user}/report_subscriptions/default").get().to_dict()
        assert subscription.get("paused_because") == because, (user, end)
        assert subscription["active"] is (because is None)
