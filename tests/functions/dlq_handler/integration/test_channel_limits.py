"""What a channel can take, and what becomes of alerts when it takes no more."""

import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.alerting.alerter import Alerter, AlertSubject, AlertUntold
from functions.dlq_handler.alerting.cause_leaders import MAX_WAITING_CAUSES
from functions.dlq_handler.alerting.dead_letter_text import make_dead_letter_alert
from functions.dlq_handler.channels.apprise_channel import apprise_channel
from functions.dlq_handler.channels.channel_state import TURN_INTERVAL, failure_pause
from functions.dlq_handler.channels.slack_channel import SlackChannel
from functions.dlq_handler.intake.pubsub_message import read_pubsub_message
from functions.dlq_handler.intake.received_dead_letter import read_dead_letter
from functions.dlq_handler.store.dead_letter_store import DeadLetterStore
from functions.shared.records.dead_letter import DeadLetter, StoredDeadLetter
from local_cloud.clock import Clock
from local_pipeline.inbox.faults import Answer, Call
from local_pipeline.inbox.server import Inbox
from tests.firestore_client import database_of
from tests.functions.dlq_handler.integration.conftest import PROJECT, Cloud, Handler, letter
from tests.functions.dlq_handler.integration.test_alerts import texts

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
def strict(around: Cloud) -> Iterator[Inbox]:
    """A Slack that answers 429 to more than a message a second, as the real one does."""
    inbox = Inbox(host="127.0.0.1", port=0, clock=Clock(), sendgrid_api_key="unused", slack_rate_limit=True)
    around.background.run(inbox.start())
    yield inbox
    around.background.run(inbox.stop())


def channel(around: Cloud) -> Any:
    """What is remembered of Slack."""
    return around.database.document("alerts/channel-slack").get().to_dict()


def waiting(handler: Handler, letters: list[Any]) -> list[Any]:
    """Deliver these at the same time; returns those that are to be delivered again."""
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda dead: handler.receives(dead).status_code, letters))
    assert set(answers) <= {200, 409}
    return [dead for dead, status in zip(letters, answers, strict=True) if status != 200]


def test_many_causes_at_once_are_all_told_each_in_its_turn(around: Cloud, strict: Inbox) -> None:
    handler = around.handler(webhook_url=strict.slack_webhook_url)
    letters = [letter(f"u{number}") for number in range(5)]
    began = datetime.now(UTC)

    until = time.monotonic() + 300
    while letters:
        assert time.monotonic() < until, "delivered in vain"
        letters = waiting(handler, letters)

    assert len(strict.slack_messages) == 5
    assert all(stored["alerted_at"] for stored in around.records().values())
    assert channel(around)["next_turn_at"] - began >= 5 * TURN_INTERVAL, "each had a turn of its own"


def test_slack_is_left_alone_for_as_long_as_it_asks(around: Cloud) -> None:
    handler = around.handler()
    slack = Counted(around.inbox, Answer(status=429, headers={"Retry-After": "299"}))
    dead = letter("u1")

    before = datetime.now(UTC)
    assert handler.receives(dead).status_code == 409
    after = datetime.now(UTC)
    for number in range(5):
        assert handler.receives(letter(f"v{number}")).status_code == 409
    assert handler.receives(dead).status_code == 409

    assert slack.calls == 1
    asked = timedelta(seconds=299)
    assert before + asked <= channel(around)["next_turn_at"] <= after + asked
    slack.answer = None
    around.let_channels_rest()
    assert handler.receives(dead).status_code == 200


def test_while_slack_is_down_not_every_message_tries_it(around: Cloud) -> None:
    handler = around.handler()
    slack = Counted(around.inbox, Answer(status=503))
    storm = [letter(f"u{number}", error=f"cause {chr(97 + number % 3)}") for number in range(60)]

    assert handler.receives(storm[0]).status_code == 409
    assert (slack.calls, channel(around)["failures"]) == (1, 1)
    assert channel(around)["next_turn_at"] - channel(around)["failed_at"] == failure_pause(1)
    # How long the rests are is the rule's part; this one is to be longer than any machine takes.
    around.close_slack()
    left = waiting(handler, storm)
    for _ in range(3):
        left = waiting(handler, left)

    assert slack.calls == 1
    assert len(around.records()) == 60
    slack.answer = None
    for _ in range(12):
        around.let_a_minute_pass()
        left = waiting(handler, left)
    assert left == []
    assert all(stored["alerted_at"] for stored in around.records().values())
    assert channel(around)["failures"] == 0


def test_a_channel_that_rests_does_not_keep_another_waiting(around: Cloud) -> None:
    handler = around.handler(pager=True)
    slack = Counted(around.inbox)
    around.close_slack()

    for number in range(3):
        assert handler.receives(letter(f"u{number}")).status_code == 409

    assert slack.calls == 0
    assert len(around.pager.posts) == 3


@pytest.mark.parametrize("at_once", [False, True])
def test_dozens_of_causes_are_told_of_together(around: Cloud, at_once: bool) -> None:
    handler = around.handler()
    dead = [letter(f"u{number}") for number in range(80)]
    # Else some would be told of by themselves: as many as have a turn while the others come.
    around.close_slack()

    left = waiting(handler, dead) if at_once else [each for each in dead if handler.receives(each).status_code != 200]

    alone = [name for name, stored in around.records().items() if stored["cause"] != "various"]
    # Each of 16 threads may have counted those that wait just before another waits, too.
    assert MAX_WAITING_CAUSES <= len(alone) <= (MAX_WAITING_CAUSES + 15 if at_once else MAX_WAITING_CAUSES)
    assert len(left) == len(alone) + 1, "the others are acknowledged: one leader is enough for all of various causes"
    assert around.slack == []
    together = {name for name, stored in around.records().items() if stored["cause"] == "various"}
    around.let_channels_rest()
    (leader,) = [each for each in left if each.delivery_id in together]
    assert handler.receives(leader).status_code == 200
    assert all(around.record(name)["alerted_at"] for name in together)
    (message,) = around.slack
    assert f"And {len(together) - 1} more of various causes since" in texts(message)


def test_many_that_wait_for_one_channel_do_not_hide_what_another_does_not_know(around: Cloud) -> None:
    """As `MAX_RECORDS_PER_ALERT` does for thousands, which take longer to read than a busy machine has time for."""
    door = database_of(around.firestore.port, PROJECT)
    around.pager.status = 500
    pager = apprise_channel(around.pager.url)
    assert pager is not None
    alerter = Alerter(
        database=door,
        channels=[SlackChannel(around.inbox.slack_webhook_url), pager],
        subjects={
            StoredDeadLetter: AlertSubject(DeadLetterStore(door), partial(make_dead_letter_alert, links=AlertLinks()))
        },
        now=lambda: datetime.now(UTC),
        max_records=20,
    )

    def receives(dead: DeadLetter) -> None:
        message = read_pubsub_message(Handler.body_of(dead), event_id="1", now=datetime.now(UTC))
        record = DeadLetterStore(door).store(read_dead_letter(message), now=datetime.now(UTC))
        with pytest.raises(AlertUntold):
            alerter.alert(record, message=message.message_id)

    receives(letter("u1", error="it is on fire"))
    stored = around.record("u1:default:20261124T1300Z")
    for number in range(50):
        around.database.document(f"dead_letters/a{number}").set(stored)
    around.let_a_minute_pass()
    receives(letter("u2", error="it is on fire"))

    assert len(around.slack) == 2
    assert "u2" in texts(around.slack[1])
    assert list(around.record("u2:default:20261124T1300Z")["alerts"]) == ["slack"]
