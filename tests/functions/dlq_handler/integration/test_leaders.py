"""The message that leads a cause: whatever becomes of its dead letter, those that it leads are told of."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from functions.dlq_handler.alerting.alert_policy import LEADER_TIMEOUT
from functions.shared.records.dead_letter import DeadLetter
from local_pipeline.inbox.faults import Answer, Call
from tests.functions.dlq_handler.integration.conftest import DIED, Cloud, Handler, letter
from tests.functions.dlq_handler.integration.test_alerts import STORM, texts

Vanish = Callable[[Cloud, Handler, DeadLetter], object]
LEADER = "dead_letters/leader:default:20261124T1300Z"


def replayed(around: Cloud, _handler: Handler, _leader: DeadLetter) -> None:
    around.database.document(LEADER).update({"state": "replayed", "in_replay": True})


def dismissed(around: Cloud, _handler: Handler, _leader: DeadLetter) -> None:
    around.database.document(LEADER).update({"state": "dismissed"})


def erased(around: Cloud, _handler: Handler, _leader: DeadLetter) -> None:
    around.database.document(LEADER).delete()


def dead_of_another_cause(_around: Cloud, handler: Handler, leader: DeadLetter) -> None:
    again = leader.model_copy(update={"error": "the template is broken", "failed_at": DIED + timedelta(hours=1)})
    assert handler.receives(again).status_code == 200


def replayed_and_dead_of_another_cause(around: Cloud, handler: Handler, leader: DeadLetter) -> None:
    replayed(around, handler, leader)
    dead_of_another_cause(around, handler, leader)


def erased_and_dead_of_another_cause(around: Cloud, handler: Handler, leader: DeadLetter) -> None:
    erased(around, handler, leader)
    dead_of_another_cause(around, handler, leader)


def dead_of_two_other_causes(around: Cloud, handler: Handler, leader: DeadLetter) -> None:
    dead_of_another_cause(around, handler, leader)
    again = leader.model_copy(update={"error": "the user is gone", "failed_at": DIED + timedelta(hours=2)})
    assert handler.receives(again).status_code == 200


def moved(around: Cloud, _handler: Handler, _leader: DeadLetter) -> None:
    around.database.document(LEADER).update({"cause": "various"})


EVERY_WAY = [
    replayed,
    dismissed,
    erased,
    dead_of_another_cause,
    replayed_and_dead_of_another_cause,
    erased_and_dead_of_another_cause,
    dead_of_two_other_causes,
    moved,
]


def follow(around: Cloud, handler: Handler, leader: DeadLetter) -> None:
    """Within the minute: one leads, and two are acknowledged since it does."""
    around.close_slack()
    assert handler.receives(leader).status_code == 409
    for user in ("follower-1", "follower-2"):
        assert handler.receives(letter(user, error=STORM)).status_code == 200


def are_told(around: Cloud) -> bool:
    records = [around.record(f"follower-{number}:default:20261124T1300Z") for number in (1, 2)]
    shown = [message for message in around.slack if re.search("follower-|And [0-9] more", texts(message))]
    return all(stored["alerted_at"] for stored in records) and len(shown) >= 1


@pytest.mark.parametrize("vanish", EVERY_WAY)
def test_whatever_becomes_of_the_leader_those_it_leads_are_told_of(around: Cloud, vanish: Vanish) -> None:
    handler = around.handler()
    leader = letter("leader", error=STORM)
    handler.receives(letter("first", error=STORM))
    follow(around, handler, leader)

    around.let_channels_rest()
    vanish(around, handler, leader)
    assert not are_told(around)
    around.let_a_minute_pass()
    assert handler.receives(leader).status_code == 200

    assert are_told(around)
    assert handler.receives(leader).status_code == 200, "and the message does not come for ever"


@pytest.mark.parametrize("vanish", EVERY_WAY)
def test_the_same_while_its_message_is_the_one_that_tells(around: Cloud, vanish: Vanish) -> None:
    handler = around.handler()
    leader = letter("leader", error=STORM)
    follow(around, handler, leader)
    around.let_channels_rest()

    async def refuse(_call: Call, _carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        return Answer(status=500)

    around.inbox.fault = refuse
    assert handler.receives(leader).status_code == 409, "it claims the cause, and no channel takes its alert"
    around.inbox.fault = None
    around.let_channels_rest()

    vanish(around, handler, leader)
    around.let_a_minute_pass()
    assert handler.receives(leader).status_code == 200

    assert are_told(around)


def test_of_various_causes(around: Cloud) -> None:
    handler = around.handler()
    around.close_slack()
    for number in range(20):
        assert handler.receives(letter(f"u{number}")).status_code == 409
    leader = letter("leader")
    assert handler.receives(leader).status_code == 409
    assert around.database.document(LEADER).get().get("cause") == "various"
    followers = [letter(f"follower-{number}") for number in (1, 2)]
    assert [handler.receives(each).status_code for each in followers] == [200, 200]
    around.let_channels_rest()

    dead_of_another_cause(around, handler, leader)
    around.let_a_minute_pass()
    assert handler.receives(leader).status_code == 200

    assert are_told(around)


def test_a_leader_that_pubsub_gave_up_is_replaced_by_the_next_message_of_any_cause(around: Cloud) -> None:
    handler = around.handler()
    handler.receives(letter("first", error=STORM))
    follow(around, handler, letter("leader", error=STORM))
    around.let_time_pass(LEADER_TIMEOUT + timedelta(minutes=1))

    # A process of its own, which has not looked for such causes within its last minute.
    other = around.handler(LOG_LEVEL="DEBUG")
    assert other.receives(letter(error="another cause")).status_code == 200

    assert are_told(around)
    assert around.record("leader:default:20261124T1300Z")["alerted_at"]


def test_a_leader_that_pubsub_gave_up_is_replaced_also_while_slack_rests(around: Cloud) -> None:
    handler = around.handler()
    handler.receives(letter("first", error=STORM))
    follow(around, handler, letter("leader", error=STORM))
    around.let_time_pass(LEADER_TIMEOUT + timedelta(minutes=1))
    around.close_slack()

    successor = letter("successor", error=STORM)
    assert handler.receives(successor).status_code == 409
    around.let_channels_rest()
    assert handler.receives(successor).status_code == 200

    assert are_told(around)


def test_the_same_message_twice_at_once_does_not_leave_a_cause_to_a_message_that_is_gone(around: Cloud) -> None:
    handler = around.handler()
    leader = letter("leader", error=STORM)

    async def deliver_again(_call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        if not answers:
            answers.append(0)
            answers[0] = await asyncio.to_thread(lambda: handler.receives(leader).status_code)
        return await carry_on()

    answers: list[int] = []
    around.inbox.fault = deliver_again
    first = handler.receives(leader).status_code
    around.inbox.fault = None
    assert handler.receives(letter("follower-1", error=STORM)).status_code in {200, 409}
    assert handler.receives(letter("follower-2", error=STORM)).status_code == 200
    assert (first, answers) == (409, [409]), "it leads: acknowledged, it would not come again"

    around.let_a_minute_pass()
    assert handler.receives(leader).status_code == 200
    assert are_told(around)


def test_a_death_that_comes_while_people_are_told_of_the_one_before_is_told_of(around: Cloud) -> None:
    handler = around.handler()
    handler.receives(letter("first", error="the template is broken"))
    leader = letter("leader", error=STORM)
    again = leader.model_copy(update={"error": "the template is broken", "failed_at": DIED + timedelta(hours=1)})

    async def die_again(_call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        around.inbox.fault = None
        await asyncio.to_thread(replayed, around, handler, leader)
        answers.append((await asyncio.to_thread(handler.receives, again)).status_code)
        return await carry_on()

    answers: list[int] = []
    around.inbox.fault = die_again
    handler.receives(leader)
    assert answers == [409], "the minute of its cause is not over"
    around.let_a_minute_pass()
    assert handler.receives(again).status_code == 200

    assert "leader" in texts(around.slack[-1])
    assert "the template is broken" in texts(around.slack[-1])


def test_what_is_erased_while_people_are_told_of_it_does_not_have_the_others_told_again(around: Cloud) -> None:
    handler = around.handler()
    handler.receives(letter("first", error=STORM))
    leader = letter("leader", error=STORM)
    follow(around, handler, leader)
    around.let_a_minute_pass()

    async def erase(_call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        around.inbox.fault = None
        await asyncio.to_thread(
            lambda: around.database.document("dead_letters/follower-1:default:20261124T1300Z").delete()
        )
        return await carry_on()

    around.inbox.fault = erase
    assert handler.receives(leader).status_code == 200

    assert around.record("follower-1:default:20261124T1300Z") is None
    assert around.record("follower-2:default:20261124T1300Z")["alerted_at"]
    assert len(around.slack) == 2
