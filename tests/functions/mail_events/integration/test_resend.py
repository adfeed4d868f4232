"""The function for Resend: it takes the calls of Resend alone, and what they say holds as SendGrid's does."""

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.function_process import running_function
from tests.functions.mail_events.integration.conftest import SENT_AT, Provider
from tests.functions.mail_events.resend_calls import SIGNATURE, TIMESTAMP, Secret, encoded, resend_event, to_body
from tests.functions.mail_events.signing import Signer
from tests.support import PATIENCE_SECONDS, Background

D1 = "u1:default:20261124T1300Z"
OLD, NEW = Secret(), Secret()


@pytest.fixture(scope="module")
def resend_url(started: Provider, background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The function beside the one for SendGrid, on the same Firestore."""
    environment = {
        **started.environment,
        "MAIL_PROVIDER": "resend",
        "RESEND_WEBHOOK_SECRET": f"{NEW.text}, {OLD.text}",
        "SENDGRID_WEBHOOK_KEY": "",
    }
    with running_function(
        background, name="mail_events", environment=environment, log_directory=tmp_path_factory.mktemp("resend")
    ) as process:
        yield f"http://127.0.0.1:{process.port}"


def call(url: str, body: bytes, headers: dict[str, str] | None = None, path: str = "/resend") -> int:
    signed = NEW.headers(body) if headers is None else headers
    return requests.post(url + path, data=body, headers=signed, timeout=PATIENCE_SECONDS).status_code


def event(kind: str, minutes: float = 0, delivery_id: str = D1, **data: Any) -> bytes:
    tags = {"delivery_id": encoded(delivery_id)}
    return to_body(resend_event(kind, at=SENT_AT + timedelta(minutes=minutes), tags=tags, **data))


def test_what_becomes_of_a_mail(provider: Provider, resend_url: str) -> None:
    provider.database.document("users/u1").set({"email": "ada@example.com", "active": True})
    subscription = provider.database.document("users/u1/report_subscriptions/default")
    subscription.set({"active": True, "cadence": "daily", "kind": "activity"})
    provider.deliver(D1)
    sent = event("email.sent", 1)
    assert [call(resend_url, each) for each in (event("email.delivered", 2), sent, sent)] == [200] * 3
    assert provider.record(D1)["status"] == "delivered"
    assert subscription.get().to_dict()["active"] is True
    assert call(resend_url, event("email.complained", 3), OLD.headers(event("email.complained", 3))) == 200
    record = provider.record(D1)
    assert (record["status"], record["message_id"]) == ("complained", "56761188-7520-42d8-8898-ff6fc54ce618")
    paused = subscription.get().to_dict()
    assert (paused["active"], paused["paused_because"]) == (False, "complained")


def test_what_is_not_resends(provider: Provider, resend_url: str) -> None:
    provider.deliver(D1)
    body, chance = event("email.bounced"), random.Random(1)  # noqa: S311  no secret
    genuine = NEW.headers(body)
    for _ in range(50):
        at = chance.randrange(len(body))
        forged = [
            (body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :], genuine),
            (body, {**genuine, TIMESTAMP: str(int(genuine[TIMESTAMP]) - 1)}),
            (body, {**genuine, SIGNATURE: "v1," + chance.randbytes(32).hex()}),
            (body, NEW.headers(body, at=time.time() - 400)),
            (body, Secret().headers(body)),
            (body, Signer().headers(body)),
        ]
        assert call(resend_url, *chance.choice(forged)) == 403
    assert call(resend_url, b"[]") == 400
    assert call(resend_url, body, path="/sendgrid") == 404
    assert provider.record(D1) is None
