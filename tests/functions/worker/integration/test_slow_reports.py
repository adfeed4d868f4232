"""Reports that take too long to build, and a Firestore that takes too long to say what is in them."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core.exceptions import DeadlineExceeded

from functions.shared.records.dead_letter import DeadLetterReason
from functions.worker.firestore_user_data import FirestoreUserData
from report_kit.in_memory_user_data import InMemoryUserData
from tests.functions.worker.integration.conftest import (
    DUE,
    HOUR,
    Cloud,
    Letters,
    an_attempt,
    builder,
    in_this_process,
    task,
)
from tests.support import PATIENCE_SECONDS

LONG = 600.0


class StuckData(InMemoryUserData):
    """A user's data that is never read to its end, until it is let go."""

    def __init__(self) -> None:
        super().__init__({})
        self.let = threading.Event()

    def between(
        self, collection: str, *, field: str, start: datetime, end: datetime, select: Sequence[str], limit: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        self.let.wait(LONG)
        return iter(())


def test_a_report_that_is_not_built_in_time_is_retried_and_a_dead_letter_after_the_last_attempt(
    cloud: Cloud,
) -> None:
    user, letters, data = cloud.user(), Letters(), StuckData()
    send_report = in_this_process(cloud, letters, builder=builder(lambda _user, _seconds: data, build_seconds=0.2))
    try:
        result = send_report(task(user), an_attempt(1, last=False))
        assert (result.status, result.details) == (500, {"cause": "report-too-slow"})
        assert letters.kept == []
        result = send_report(task(user), an_attempt(3, last=True))
    finally:
        data.let.set()
    assert (result.status, result.result) == (200, "dead")
    [letter] = letters.kept
    assert letter.reason is DeadLetterReason.RETRIES_EXHAUSTED
    assert letter.error.startswith("the report takes too long to build: not done after")
    assert cloud.delivery_of(user)["state"] == "dead"
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
    assert cloud.mails_to(user) == []


def test_reading_a_users_data_ends_in_time_though_firestore_never_answers(cloud: Cloud) -> None:
    user = cloud.user()

    async def never(_method: str, _carry_out: Callable[[], Awaitable[Any]]) -> Any:
        await asyncio.Event().wait()

    cloud.firestore_faults.middleware = never
    data = FirestoreUserData(cloud.door, user, seconds=0.5)
    with pytest.raises(DeadlineExceeded):
        list(_events(data))
    with pytest.raises(DeadlineExceeded):
        list(data.documents("quotas", limit=3))


def test_no_more_is_read_than_was_asked_for_and_nothing_when_the_time_is_over(cloud: Cloud) -> None:
    user = cloud.user()
    for number in range(5):
        cloud.event(user, f"e{number}", at=DUE - timedelta(minutes=number + 1))
    assert [name for name, _ in _events(FirestoreUserData(cloud.door, user, seconds=LONG))] == ["e4", "e3", "e2"]
    with pytest.raises(DeadlineExceeded):
        list(_events(FirestoreUserData(cloud.door, user, seconds=-1)))


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which process serves")
def test_a_process_that_gives_way_finishes_what_it_has_begun_and_is_followed_by_another(cloud: Cloud) -> None:
    """As the worker does by itself when too many reports hang in it: the signal goes to the server's own process."""
    user = cloud.user()
    worker = cloud.worker(K_REVISION="gives-way")
    reached, let = threading.Event(), asyncio.Event()

    async def hold(_call: Any, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        answer = await carry_out()
        reached.set()
        await let.wait()
        return answer

    cloud.inbox.fault = hold
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(cloud.deliver, user, worker=worker)
        assert reached.wait(60)
        assert worker.pid is not None
        [serving] = _children(worker.pid)
        os.kill(serving, signal.SIGTERM)
        cloud.background.loop.call_soon_threadsafe(let.set)
        assert answer.result().json()["result"] == "sent"
    cloud.inbox.fault = None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _children(worker.pid) in ([], [serving]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert requests.get(f"http://127.0.0.1:{worker.port}/health", timeout=PATIENCE_SECONDS).ok


def _events(data: FirestoreUserData) -> Iterator[tuple[str, dict[str, Any]]]:
    return data.between("events", field="at", start=DUE - HOUR, end=DUE, select=("at",), limit=3)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
