"""Puts the sample users into Firestore."""

import asyncio
from collections.abc import Callable, Iterable

from google.cloud.firestore_v1.async_client import AsyncClient

from local_cloud.sample_users import SampleUser

_WRITES_A_COMMIT = 400
_COMMITS_IN_FLIGHT = 4


async def put_in(client: AsyncClient, users: Iterable[SampleUser], *, on_user: Callable[[], None]) -> dict[str, str]:
    """Write users and what is stored under them.

    Args:
        client: where to.
        users: whom.
        on_user: called for each of them, for a progress bar.

    Returns:
        The state that each user's delivery must end in; users that must get none are not among them.
    """
    expected: dict[str, str] = {}
    running: set[asyncio.Task[object]] = set()
    batch = client.batch()
    writes = 0
    for user in users:
        reference = client.collection("users").document(user.id)
        batch.set(reference, user.document)
        for number, event in enumerate(user.events):
            batch.set(reference.collection("events").document(f"e{number}"), event)
        for quota_id, quota in user.quotas.items():
            batch.set(reference.collection("quotas").document(quota_id), quota)
        for number, usage in enumerate(user.usage):
            batch.set(reference.collection("usage").document(f"x{number}"), usage)
        if user.expected:
            expected[user.id] = user.expected
        on_user()
        writes += 1 + len(user.events) + len(user.quotas) + len(user.usage)
        if writes >= _WRITES_A_COMMIT:
            running.add(asyncio.create_task(batch.commit()))
            batch, writes = client.batch(), 0
            if len(running) >= _COMMITS_IN_FLIGHT:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
    if writes:
        running.add(asyncio.create_task(batch.commit()))
    await asyncio.gather(*running)
    return expected
