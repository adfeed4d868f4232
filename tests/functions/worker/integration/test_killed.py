"""A worker that is told to end, or is killed, in the middle of a report."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import requests

from local_pipeline.inbox.faults import Answer, Call
from tests.functions.worker.integration.conftest import DUE, HOUR, Cloud
from tests.support import PATIENCE_SECONDS


@pytest.fixture
def held(cloud: Cloud) -> tuple[threading.Event, asyncio.Event]:
    """SendGrid accepts, but answers only when it is let: an event that says it has the email, and one that lets it."""
    reached, let = threading.Event(), asyncio.Event()

    async def hold(_call: Call, carry_out: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await carry_out()
        reached.set()
        await let.wait()
        return answer

    cloud.inbox.fault = hold
    return reached, let


def test_a_worker_that_is_told_to_end_finishes_its_report(
    cloud: Cloud, held: tuple[threading.Event, asyncio.Event]
) -> None:
    user = cloud.user()
    worker = cloud.worker(K_REVISION="to-end")
    reached, let = held
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(cloud.deliver, user, worker=worker)
        assert reached.wait(PATIENCE_SECONDS)
        assert worker.pid is not None
        os.killpg(worker.pid, signal.SIGTERM)
        cloud.background.loop.call_soon_threadsafe(let.set)
        assert answer.result().json()["result"] == "sent"
    assert cloud.delivery_of(user)["state"] == "sent"


def test_a_worker_that_was_killed_while_it_sent_leaves_an_unknown_outcome(
    cloud: Cloud, held: tuple[threading.Event, asyncio.Event]
) -> None:
    user = cloud.user()
    worker = cloud.worker(K_REVISION="to-kill")
    reached, let = held
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(cloud.deliver, user, worker=worker)
        assert reached.wait(PATIENCE_SECONDS)
        assert worker.pid is not None
        os.killpg(worker.pid, signal.SIGKILL)
        with pytest.raises(requests.ConnectionError):
            answer.result()
    cloud.background.loop.call_soon_threadsafe(let.set)
    cloud.inbox.fault = None
    # No worker touches it while the lease lasts, and none sends it again when the lease is over.
    assert cloud.deliver(user, retry_count=1).status_code == 409
    cloud.delivery(user).update({"lease_expires_at": datetime.now(UTC)})
    assert cloud.deliver(user, retry_count=2).json()["reason"] == "unknown-outcome"
    assert len(cloud.mails_to(user)) == 1
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    killed, given_up = cloud.delivery_of(user)["history"]
    assert (killed["number"], killed["result"], "seconds" in killed) == (1, "claimed", False)
    assert (given_up["number"], given_up["result"]) == (3, "dead")
    _wait_until_it_is_back(worker.port)


def _wait_until_it_is_back(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            assert requests.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE_SECONDS).ok
        except requests.ConnectionError:
            assert time.monotonic() < deadline, "the runner did not start it again"
            time.sleep(0.05)
        else:
            return
