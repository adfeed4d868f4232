"""What a channel can take, and what becomes of alerts when it takes no more."""

from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.dlq_handler.alerts import MAX_RECORDS
from local_cloud.clock import Clock
from local_cloud.inbox.faults import Answer, Call
from local_cloud.inbox.server import Inbox
from tests.integration.dlq_handler.conftest import Handler, Surroundings, letter
from tests.integration.dlq_handler.test_alerts import texts

CarryOn = Callable[[], Awaitable[Answer]]


class Counted:
    """Slack, with its calls counted; it answers something else where `answer` is set."""

    def __init__(self, inbox: Inbox, answer: Answer | None = None) -> None:
        self.calls = 0
        self.answer = answer
        inbox.fault = self._take

    async def _take(self, call: Call, carry_on: CarryOn) -> Answer:
        self.calls += 1
        return self.answer or await carry_on()


@pytest.fixture
def strict(around: Surroundings) -> Iterator[Inbox]:
    """A Slack that answers 429 to more than a message a second, as the real one does."""
    inbox = Inbox(host="127.0.0.1", port=0, clock=Clock(), sendgrid_api_key="unused", slack_rate_limit=True)
    around.background.run(inbox.start())
    yield inbox
    around.background.run(inbox.stop())


def channel(around: Surroundings) -> Any:
    """What is remembered of Slack."""
    return around.database.document("alerts/channel-slack").get().to_dict()


def waiting(handler: Handler, letters: list[Any]) -> list[Any]:
    """Deliver these at the same time; returns those that are to be delivered again."""
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda dead: handler.receives(dead).status_code, letters))
    assert set(answers) <= {200, 503}
    return [dead for dead, status in zip(letters, answers, strict=True) if status != 200]


def test_many_causes_at_once_are_all_told_and_no_message_comes_too_early(around: Surroundings, strict: Inbox) -> None:
    slack = Counted(strict)
    handler = around.handler(webhook_url=strict.slack_webhook_url)
    letters = [letter(f"u{number}") for number in range(5)]

    rounds = 0
    while letters:
        letters = waiting(handler, letters)
        rounds += 1
        assert rounds < 20

    assert len(strict.slack_messages) == 5
    assert slack.calls <= 8, "hardly any came too early"
    assert all(stored["alerted_at"] for stored in around.records().values())


def test_slack_is_left_alone_for_as_long_as_it_asks(around: Surroundings) -> None:
    handler = around.handler()
    slack = Counted(around.inbox, Answer(status=429, headers={"Retry-After": "120"}))
    dead = letter("u1")

    assert handler.receives(dead).status_code == 503
    told_at = datetime.now(UTC)
    for number in range(5):
        assert handler.receives(letter(f"v{number}")).status_code == 503
    assert handler.receives(dead).status_code == 503

    assert slack.calls == 1
    left_alone = channel(around)["next_turn_at"] - told_at
    assert timedelta(seconds=100) < left_alone <= timedelta(seconds=120)
    slack.answer = None
    around.let_channels_rest()
    assert handler.receives(dead).status_code == 200


def test_while_slack_is_down_not_every_message_tries_it(around: Surroundings) -> None:
    handler = around.handler()
    slack = Counted(around.inbox, Answer(status=503))
    storm = [letter(f"u{number}", error=f"cause {chr(97 + number % 3)}") for number in range(60)]

    left = waiting(handler, storm)
    for _ in range(3):
        left = waiting(handler, left)

    # What was under way when the first of them failed, at most.
    assert 1 <= slack.calls <= 3
    assert len(around.records()) == 60
    slack.answer = None
    for _ in range(12):
        around.let_a_minute_pass()
        left = waiting(handler, left)
    assert left == []
    assert all(stored["alerted_at"] for stored in around.records().values())
    assert channel(around)["failures"] == 0


def test_a_channel_that_rests_does_not_keep_another_waiting(around: Surroundings) -> None:
    handler = around.handler(pager=True)
    slack = Counted(around.inbox, Answer(status=503))

    for number in range(3):
        assert handler.receives(letter(f"u{number}")).status_code == 503

    assert slack.calls == 1
    assert len(around.pager.posts) == 3


def test_dozens_of_causes_at_once_are_told_of_together(around: Surroundings) -> None:
    handler = around.handler()
    dead = [letter(f"u{number}") for number in range(80)]

    left = waiting(handler, dead)

    assert len(left) <= 45, "the others are acknowledged: a herald is enough for all of various causes"
    together = {name for name, stored in around.records().items() if stored["cause"] == "various"}
    assert len(together) >= 35
    assert len(around.slack) <= 4
    around.let_a_minute_pass()
    for each in left:
        if each.delivery_id in together:
            assert handler.receives(each).status_code == 200
    assert all(around.record(name)["alerted_at"] for name in together)
    (message,) = [message for message in around.slack if "of various causes since" in texts(message)]
    assert f"And {len(together) - 1} more" in texts(message)


def test_thousands_that_wait_for_one_channel_do_not_hide_what_another_does_not_know(around: Surroundings) -> None:
    handler = around.handler(pager=True)
    around.pager.status = 500
    assert handler.receives(letter("u1", error="it is on fire")).status_code == 503
    stored = around.record("u1-20261124T1300Z")
    for start in range(0, MAX_RECORDS, 500):
        batch = around.database.batch()
        for number in range(start, start + 500):
            batch.set(around.database.document(f"dead_letters/a{number}"), stored)
        batch.commit()
    around.let_a_minute_pass()

    assert handler.receives(letter("u2", error="it is on fire")).status_code == 503

    assert len(around.slack) == 2
    assert "u2" in texts(around.slack[1])
    assert list(around.record("u2-20261124T1300Z")["alerts"]) == ["slack"]
