"""Measures what a request of each function costs: CPU, waiting, and the documents that Firestore bills."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import requests

from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from functions.shared.records.delivery import DELIVERIES, DeliveryState
from functions.shared.records.ids import delivery_id, shard_of
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from proof.benchmarks import console, worker
from proof.benchmarks.cloud import DUE_AT, TASKS, Cloud
from proof.benchmarks.console_data import ConsoleData
from proof.benchmarks.cpu_time import cpu_seconds
from proof.benchmarks.failure import BenchmarkFailed
from proof.benchmarks.load import send
from proof.benchmarks.simulation.request_cost import RequestCost, RequestCosts, RequestKind
from tests.functions.mail_events.signing import Signer, sendgrid_event, to_body

LATENCY_MS = 15.0
"""Of a call to Firestore, as in the model."""

_WORKER_URL = "https://worker.example.com"
_PAGES_URL = "https://pages.example.com"
_PAGES_KEY = "a-key-of-at-least-thirty-two-letters"
_TRIES = 3
_SECONDS = 120.0


def measure(*, tries: int = 3, requests_each: int = 60, batch: int = 300, deliveries: int = 20_000) -> RequestCosts:
    """Measure several times, and take the best of each figure: other load on the machine can only make it worse.

    Args:
        tries: how often.
        requests_each: how many of each kind.
        batch: how many events the large calls of the webhook have.
        deliveries: how many the console has to count.

    Raises:
        BenchmarkFailed: a function answers that something went wrong.
    """
    found = [_measure(requests_each, batch, deliveries) for _ in range(tries)]
    event_bytes, _ = found[0]
    costs = {kind: functools.reduce(RequestCost.best, (each[kind] for _, each in found)) for kind in RequestKind}
    return RequestCosts(measured_on=f"{datetime.now(UTC):%Y-%m-%d}", event_bytes=event_bytes, costs=costs)


def _measure(requests_each: int, batch: int, deliveries: int) -> tuple[float, dict[RequestKind, RequestCost]]:
    """How large an event is, and the costs: requests are sent one after another, to functions of their own."""
    costs: dict[RequestKind, RequestCost] = {}
    with Cloud(latency_ms=LATENCY_MS) as cloud:
        costs[RequestKind.REPORT] = _report(cloud, requests_each)
        event_bytes, of_events = _events(cloud, requests_each, batch)
        costs |= of_events
        costs |= _preferences(cloud, requests_each)
    costs |= _console(requests_each, deliveries)
    return event_bytes, costs


class _Watch:
    """Measures requests to a process."""

    def __init__(self, cloud: Cloud, cpu: Callable[[], float]) -> None:
        self._cloud = cloud
        self._cpu = cpu

    def __call__(self, asks: Sequence[Callable[[], None]]) -> RequestCost:
        """The mean cost of these requests. The first has been made before: it makes the clients."""
        billed = self._cloud.bill()
        before, seconds = self._cpu(), []
        for ask in asks:
            began = time.perf_counter()
            ask()
            seconds.append(time.perf_counter() - began)
        cpu = (self._cpu() - before) / len(asks)
        bill = self._cloud.bill()
        return RequestCost(
            cpu_seconds=cpu,
            wait_seconds=max(median(seconds) - cpu, 0.0),
            reads=(bill["all_reads"] - billed["all_reads"]) / len(asks),
            writes=(bill["all_writes"] - billed["all_writes"]) / len(asks),
        )


def _report(cloud: Cloud, count: int) -> RequestCost:
    token = cloud.token(TASKS, _WORKER_URL)
    tasks = worker.put_in(cloud, range(1, count + 9))
    with cloud.function("worker", WORKER_URL=_WORKER_URL, THREADS="10") as function:

        def deliver(number: int) -> Callable[[], None]:
            return lambda: _ignored(send([tasks[number]], urls=[function.url], token=token, concurrency=1))

        for number in range(8):
            deliver(number)()
        return _Watch(cloud, function.cpu_seconds)([deliver(number) for number in range(8, len(tasks))])


def _events(cloud: Cloud, count: int, batch: int) -> tuple[float, dict[RequestKind, RequestCost]]:
    signer, numbers = Signer(), iter(range(1, 10**9))
    users = count + 1 + 2 * _TRIES * batch + 1
    cloud.put_in_users(users)
    cloud.put_in(_delivery(number) for number in range(1, users + 1))
    session = requests.Session()
    sizes: list[float] = []

    with cloud.function("mail_events", SENDGRID_WEBHOOK_KEY=signer.public_key, THREADS="16") as function:

        def report(kind: str, of: int) -> Callable[[], None]:
            events = [
                sendgrid_event(kind, delivery_id=_id_of(number), email=f"user{number}@example.com")
                for number in (next(numbers) for _ in range(of))
            ]
            body = to_body(*events)
            sizes.append(len(body) / of)
            headers = {**signer.headers(body), "Content-Type": "application/json"}
            return lambda: _checked(session.post(f"{function.url}/sendgrid", body, headers=headers, timeout=_SECONDS))

        watch = _Watch(cloud, function.cpu_seconds)
        report("delivered", 1)()
        single = watch([report("delivered", 1) for _ in range(count)])
        each = {
            kind: (watch([report(event, batch) for _ in range(_TRIES)]) - single) * (1 / (batch - 1))
            for kind, event in ((RequestKind.DELIVERED, "delivered"), (RequestKind.BOUNCED, "bounce"))
        }
    return sum(sizes) / len(sizes), {RequestKind.EVENT_CALL: single - each[RequestKind.DELIVERED], **each}


def _preferences(cloud: Cloud, count: int) -> dict[RequestKind, RequestCost]:
    keys = TokenKeys([_PAGES_KEY])
    cloud.put_in_users(count + 1)
    session = requests.Session()
    with cloud.function(
        "preferences", PREFERENCES_URL=_PAGES_URL, PREFERENCES_KEY=_PAGES_KEY, THREADS="16"
    ) as function:

        def path(number: int) -> str:
            return f"{function.url}/{keys.make(RecipientToken(f'u{number}', DEFAULT_SUBSCRIPTION, ''))}"

        def open_page(number: int) -> Callable[[], None]:
            return lambda: _checked(session.get(path(number), timeout=_SECONDS))

        def unsubscribe(number: int) -> Callable[[], None]:
            form = {"List-Unsubscribe": "One-Click"}
            return lambda: _checked(session.post(f"{path(number)}/unsubscribe", data=form, timeout=_SECONDS))

        watch = _Watch(cloud, function.cpu_seconds)
        open_page(count + 1)()
        opened = watch([open_page(number) for number in range(1, count + 1)])
        unsubscribe(count + 1)()
        return {
            RequestKind.PAGE: opened,
            RequestKind.ONE_CLICK: watch([unsubscribe(number) for number in range(1, count + 1)]),
        }


def _console(count: int, deliveries: int) -> dict[RequestKind, RequestCost]:
    last_run = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    data = ConsoleData(last=last_run, deliveries=deliveries, dead_letters=deliveries // 100, users=deliveries)
    with Cloud(latency_ms=LATENCY_MS, data=data) as cloud:
        queue = cloud.new_queue()
        with console.running(cloud.addresses, queue) as (url, pid), requests.Session() as browser:
            counting = _Watch(cloud, lambda: cpu_seconds(pid))([lambda: console.await_charts(browser, url)])
            pages = [url + path for path in console.pages(browser, url, data).values()]

            def look(number: int) -> Callable[[], None]:
                return lambda: _checked(browser.get(pages[number % len(pages)], timeout=_SECONDS))

            for number in range(len(pages)):
                look(number)()
            looked = _Watch(cloud, lambda: cpu_seconds(pid))([look(number) for number in range(count)])
    return {RequestKind.CONSOLE_PAGE: looked, RequestKind.CONSOLE_COUNTS: counting}


def _id_of(number: int) -> str:
    return delivery_id(f"u{number}", DEFAULT_SUBSCRIPTION, DUE_AT)


def _delivery(number: int) -> tuple[str, Mapping[str, Any]]:
    user_id = f"u{number}"
    return f"{DELIVERIES}/{_id_of(number)}", {
        "user_id": user_id,
        "subscription_id": DEFAULT_SUBSCRIPTION,
        "due_at": DUE_AT,
        "shard": shard_of(user_id, DEFAULT_SUBSCRIPTION),
        "kind": "activity",
        "state": DeliveryState.SENT.value,
        "attempts": 1,
        "updated_at": DUE_AT + timedelta(minutes=1),
    }


def _checked(answer: requests.Response) -> None:
    if answer.status_code != requests.codes.ok:
        raise BenchmarkFailed(f"{answer.url} answers {answer.status_code}: {answer.text[:200]}")


def _ignored(_: object) -> None:
    """Takes a result that is of no use."""
