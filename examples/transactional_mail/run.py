"""Sends some emails on the local cloud: `python -m examples.transactional_mail.run`."""

import asyncio

from examples.local_run import HOST, running
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_pipeline.inbox.server import Inbox

API_KEY = "SG.local-cloud.not-a-secret"

_TASKS = (
    {
        "message_id": "order-1001",
        "to": "ada@example.com",
        "template": "order-confirmed",
        "values": {"order": "1001", "arrives": "Thursday"},
    },
    {
        "message_id": "reset-7f3a",
        "to": "grace@example.com",
        "template": "password-reset",
        "values": {"link": "https://example.com/reset/7f3a"},
    },
    # The same order again, as at-least-once delivery may repeat it.
    {
        "message_id": "order-1001",
        "to": "ada@example.com",
        "template": "order-confirmed",
        "values": {"order": "1001", "arrives": "Thursday"},
    },
    {
        "message_id": "order-1002",
        "to": "no..one@example.com",
        "template": "order-confirmed",
        "values": {"order": "1002"},
    },
)


async def main() -> None:
    """Start everything, put the tasks in, and show what came of them."""
    clock = Clock()
    inbox = Inbox(host=HOST, port=0, clock=clock, sendgrid_api_key=API_KEY)
    firestore = FirestoreEmulator(host=HOST, port=0, clock=clock)
    async with running(
        "transactional_mail",
        clock=clock,
        parts=(inbox, firestore),
        variables=lambda: {
            "SENDGRID_API_KEY": API_KEY,
            "SENDGRID_HOST": inbox.url,
            "MAIL_FROM": "shop@example.com",
            "FIRESTORE_EMULATOR_HOST": f"{HOST}:{firestore.port}",
        },
    ) as example:
        await example.enqueue(*_TASKS)
        await example.drained()
        for mail in inbox.mails:
            print(f"sent         {mail.to[0].email}: {mail.subject}")
        for letter in await example.dead_letters():
            print(f"dead letter  {letter['reason']}: {letter['error']}")


if __name__ == "__main__":
    asyncio.run(main())
