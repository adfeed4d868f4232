"""An outage of SendGrid: every email is accepted, and every answer is a 502 of the gateway."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.worker.provider_outage import FAILURES
from local_pipeline.inbox.faults import Answer, Call
from tests.functions.worker.integration.conftest import DUE, MAX_ATTEMPTS, Cloud

TASKS = 80
AT_ONCE = 8
LONGEST_SECONDS = 240


@pytest.mark.timeout(2 * LONGEST_SECONDS)
def test_an_outage_over_many_tasks_is_a_handful_of_dead_letters_and_no_mail_twice(cloud: Cloud) -> None:
    users = [cloud.user() for _ in range(TASKS)]
    worker = cloud.worker(PROVIDER_PAUSE="1")
    failed: list[Call] = []

    async def gateway(call: Call, carry_out: Callable[[], Awaitable[Answer]]) -> Answer:
        failed.append(call)
        await carry_out()
        return Answer(status=502, body=b"<html>Bad Gateway</html>")

    cloud.inbox.fault = gateway

    def deliver(user: str, retry_count: int) -> tuple[str, int, str]:
        answer = cloud.deliver(user, worker=worker, retry_count=retry_count)
        if answer.status_code == 503:
            assert answer.json()["cause"] == "provider-failing"
            assert int(answer.headers["Retry-After"]) >= 1
        return user, answer.status_code, answer.json().get("reason", answer.json()["result"])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        # Every task is tried once during the outage, and some again until trials have failed, too.
        answers = list(pool.map(deliver, users, [0] * TASKS))
        deadline = time.monotonic() + LONGEST_SECONDS
        while len(failed) < FAILURES + 2 and time.monotonic() < deadline:
            answers += [deliver(next(user for user, status, _ in answers if status == 503), 0)]
            time.sleep(0.2)
        unknown = [user for user, status, _ in answers if status == 500]
        assert len(unknown) <= FAILURES + AT_ONCE - 1
        assert Counter(status for _, status, _ in answers).keys() == {500, 503}
        assert {cloud.delivery_of(user)["state"] for user in unknown} == {"sending"}
        # No worker kept a claim on what was not sent.
        waiting = sorted({user for user, status, _ in answers if status == 503})
        assert len(waiting) + len(unknown) == TASKS
        kept_back = cloud.delivery_of(waiting[0])
        assert (kept_back["state"], kept_back["attempts"]) == ("pending", 0)
        assert kept_back["last_error"].startswith("the destination is failing, and nothing was sent: SendGrid")

        cloud.inbox.fault = None
        left = waiting
        while left:
            assert time.monotonic() < deadline, f"{len(left)} are still held back"
            answers = list(pool.map(deliver, left, [1] * len(left)))
            left = [user for user, status, _ in answers if status == 503]
            if left:
                time.sleep(0.5)
    assert cloud.letters() == []
    assert Counter(len(cloud.mails_to(user)) for user in users) == {1: TASKS}


def test_the_last_attempt_of_a_mail_that_is_held_back_is_a_dead_letter_that_says_so(cloud: Cloud) -> None:
    worker = cloud.worker(PROVIDER_PAUSE="300")

    async def gateway(_call: Call, _carry_out: Callable[[], Awaitable[Answer]]) -> Answer:
        return Answer(status=502)

    cloud.inbox.fault = gateway
    for _ in range(FAILURES):
        assert cloud.deliver(cloud.user(), worker=worker).json()["cause"] == "unknown-outcome"
    user = cloud.user()
    assert cloud.deliver(user, worker=worker, retry_count=MAX_ATTEMPTS - 2).status_code == 503
    assert cloud.deliver(user, worker=worker, retry_count=MAX_ATTEMPTS - 1).json()["reason"] == "retries-exhausted"
    [(letter, _)] = cloud.letters()
    assert letter["error"].startswith("the destination is failing, and nothing was sent: SendGrid answered 502")
    assert cloud.subscription_of(user)["next_report_at"] > DUE
