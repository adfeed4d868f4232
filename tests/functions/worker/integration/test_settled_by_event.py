"""An event of the mail makes a delivery `sent` while a worker gives it up as unknown outcome."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from functions.shared.firestore.letter_store import LetterStore
from functions.shared.firestore.unknown_outcome import settle
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from tests.functions.worker.integration.conftest import DUE, HOUR, Cloud

GIVEN_UP: dict[str, Any] = {
    "reason": "unknown-outcome",
    "failed_at": DUE,
    "last_error": "cut",
    "owner": "another worker",
}


def test_the_worker_finds_it_final_and_the_next_task_moves_the_subscription_on(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.put_delivery(user, state="sending", period_start=DUE - HOUR, period_end=DUE, **GIVEN_UP)
    delivery = cloud.delivery(user)

    def event_comes() -> None:
        event = MailEvent(delivery_id=delivery.id, recipient="r", status=MailStatus.DELIVERED, at=DUE)
        record = MailRecord(id=delivery.id, user_id=user, subscription_id="default").folded([event])
        letters = LetterStore(cloud.door)
        assert settle(letters, delivery.id, record, now=DUE, tell=lambda _alert: None).is_sent

    async def settle_when_published(called: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        answer = await carry_out()
        if called.endswith("/Publish"):
            await asyncio.to_thread(event_comes)
        return answer

    cloud.pubsub_faults.middleware = settle_when_published
    answer = cloud.deliver(user)
    assert (answer.status_code, answer.json()["result"], answer.json()["state"]) == (200, "already-final", "sent")
    assert len(cloud.letters()) == 1
    assert cloud.subscription_of(user)["next_report_at"] == DUE
    assert cloud.deliver(user).json()["result"] == "already-final"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert cloud.delivery_of(user)["state"] == "sent"
    assert cloud.mails_to(user) == []
