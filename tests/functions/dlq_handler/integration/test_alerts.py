"""Who is told of what, and what happens when a channel fails."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason
from local_pipeline.inbox.faults import Answer, Call, CutConnection
from tests.functions.dlq_handler.integration.conftest import CONSOLE, Cloud, letter

STORM = "SendGrid answered 500: it is on fire"

CarryOn = Callable[[], Awaitable[Answer]]


def texts(message: dict[str, Any]) -> str:
    """Everything that a message shows, as one text."""
    return json.dumps(message, ensure_ascii=False)


def test_an_alert_says_what_failed_for_whom_and_what_to_do(around: Cloud) -> None:
    around.handler().receives(letter("u42", "weekly-usage", error="SendGrid answered 503: try later"))

    (message,) = around.slack
    shown = texts(message)
    for part in (
        "every retry failed",
        "*User*\\nu42",
        "*Subscription*\\nweekly-usage",
        "2026-11-24T13:00:00Z",
        "activity",
        "*Attempts*\\n8",
        "retries-exhausted",
        "SendGrid answered 503: try later",
        "reports dead-letters replay u42:weekly-usage:20261124T1300Z",
        f"<{CONSOLE}/dead-letters?cause={around.record('u42:weekly-usage:20261124T1300Z')['cause']}|",
    ):
        assert part in shown
    assert "SendGrid answered 503" in message["text"]
    assert "console.cloud.google.com" not in shown, "an emulator's logs are not at Google"


@pytest.mark.parametrize("reason", list(DeadLetterReason))
def test_every_reason_has_a_title(around: Cloud, reason: DeadLetterReason) -> None:
    around.handler().receives(letter(reason=reason))

    assert len(around.slack[0]["blocks"][0]["text"]["text"]) > len("Report not sent")


@pytest.mark.parametrize(
    "text",
    [
        "<!channel> <@U123> <https://evil.example|click> & more",
        "```\n*out of the block*\n```",
        "<script>alert(1)</script>",
        "\x00\x07\x1b[31mred \u202egnp.exe\u2066",
        "line\r\nline\n\n\n",
        "&lt;!here&gt;",
        "<" * 5000,
        "日本語" * 2000,
        "👩‍👩‍👧" * 500,
        "   ",
        "",
    ],
)
def test_texts_of_others_are_shown_as_text_and_never_break_a_message(around: Cloud, text: str) -> None:
    answer = around.handler().receives(letter("u1", error=text or " ", kind=text, user_id=text or "u1"))

    assert answer.status_code == 200
    (message,) = around.slack
    assert message["blocks"], "the fallback without blocks was needed"
    shown = texts(message)
    assert not re.search(r"<(?!https://console\.example\.com/)", shown)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", "".join(strings(message)))


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    "text",
    [
        "[your password](https://evil.example)",
        "![pixel](https://evil.example/p.png)",
        "[verify][1]\n\n[1]: https://evil.example",
        "<https://evil.example|verify>",
        "<https://evil.example>",
        "@channel <!here> <@U123>",
        "@channel",
    ],
)
def test_a_service_that_takes_text_for_markdown_makes_no_link_or_mention_of_it(around: Cloud, text: str) -> None:
    user = text.replace("/", "")
    handler = around.handler(slack=False, ALERT_URLS=around.pager.mattermost_url)
    handler.receives(letter(user_id=user, delivery_id=f"{user}:default:20261124T1300Z", error=text, kind=text))

    (post,) = around.pager.posts
    assert "evil.example" in post["text"] or "channel" in post["text"]
    assert not re.search(r"\]\(|\]\[|\]:|<(?!\u200b)|@(?!\u200b)", post["text"])
    commands = [line for line in post["text"].splitlines() if line.startswith("reports ")]
    assert commands
    assert "\u200b" not in "".join(commands), "what is copied from here works"


def test_addresses_are_never_shown(around: Cloud) -> None:
    dead = letter("ada@example.com", error="550 <ada@example.com>: no such mailbox")

    handler = around.handler(pager=True)
    handler.receives(dead)

    assert around.record("ada@example.com:default:20261124T1300Z")["state"] == "open"
    assert "ada@" not in handler.log_file.read_text()
    for shown in (texts(around.slack[0]), texts(around.pager.posts[0])):
        assert "ada@" not in shown
        assert "ada%40" not in shown
        assert "reports dead-letters list --reason retries-exhausted" in shown


@pytest.mark.parametrize("status", [400, 429, 503])
def test_while_slack_refuses_the_message_comes_again_and_nothing_is_doubled(around: Cloud, status: int) -> None:
    handler = around.handler()
    dead = letter("u1")

    async def refuse(call: Call, carry_on: CarryOn) -> Answer:
        return Answer(status=status, body=b"no")

    around.inbox.fault = refuse
    for _ in range(3):
        assert handler.receives(dead, message_id="1").status_code == 409
        stored = around.record("u1:default:20261124T1300Z")
        assert stored["state"] == "open"
        assert stored["alerted_at"] is None
        around.let_channels_rest()
    around.inbox.fault = None

    assert handler.receives(dead, message_id="1").status_code == 200

    assert len(around.records()) == 1
    assert len(around.slack) == 1
    assert around.record("u1:default:20261124T1300Z")["received_at"] == stored["received_at"]
    assert around.inbox.slack_webhook_url not in handler.log_file.read_text()


def test_a_slack_that_cuts_the_connection_is_asked_again(around: Cloud) -> None:
    handler = around.handler()
    dead = letter("u1")

    async def cut(call: Call, carry_on: CarryOn) -> Answer:
        raise CutConnection

    around.inbox.fault = cut
    assert handler.receives(dead).status_code == 409
    around.inbox.fault = None
    around.let_channels_rest()
    assert handler.receives(dead).status_code == 200
    assert len(around.slack) == 1


def test_a_slack_that_never_answers_holds_up_nothing_for_long(around: Cloud) -> None:
    handler = around.handler()
    dead = letter("u1")
    released = asyncio.Event()

    async def hang(call: Call, carry_on: CarryOn) -> Answer:
        await released.wait()
        raise CutConnection

    around.inbox.fault = hang
    assert handler.receives(dead).status_code == 409, "within Pub/Sub's minute"
    around.inbox.fault = None
    around.background.loop.call_soon_threadsafe(released.set)
    around.let_channels_rest()

    assert handler.receives(dead).status_code == 200
    assert len(around.slack) == 1


def test_an_alert_whose_blocks_slack_refuses_is_sent_as_text(around: Cloud) -> None:
    async def refuse_blocks(call: Call, carry_on: CarryOn) -> Answer:
        if "blocks" in json.loads(call.body):
            return Answer(status=400, body=b"invalid_blocks")
        return await carry_on()

    around.inbox.fault = refuse_blocks

    assert around.handler().receives(letter("u1", error="out of paper")).status_code == 200

    (message,) = around.slack
    assert "out of paper" in message["text"]


def test_one_channel_that_fails_does_not_keep_another_from_being_told(around: Cloud) -> None:
    handler = around.handler(pager=True)
    dead = letter("u1")
    around.pager.status = 500

    assert handler.receives(dead).status_code == 409
    around.let_channels_rest()
    assert handler.receives(dead).status_code == 409

    assert len(around.slack) == 1
    stored = around.record("u1:default:20261124T1300Z")
    assert stored["alerted_at"] is None
    assert list(stored["alerts"]) == ["slack"]

    around.pager.status = 200
    around.let_channels_rest()
    assert handler.receives(dead).status_code == 200

    stored = around.record("u1:default:20261124T1300Z")
    assert stored["alerted_at"] is not None
    assert len(stored["alerts"]) == 2
    assert len(around.slack) == len(around.pager.posts) == 1
    assert around.pager.posts[0]["title"] == "Report not sent: every retry failed"
    assert "reports dead-letters replay u1:default:20261124T1300Z" in around.pager.posts[0]["message"]
    assert not [name for name in stored["alerts"] if "127.0.0.1" in name]


def test_slack_that_fails_does_not_keep_the_pager_from_being_told(around: Cloud) -> None:
    handler = around.handler(pager=True)
    dead = letter("u1")

    async def refuse(call: Call, carry_on: CarryOn) -> Answer:
        return Answer(status=500)

    around.inbox.fault = refuse
    assert handler.receives(dead).status_code == 409
    assert len(around.pager.posts) == 1
    around.inbox.fault = None
    around.let_channels_rest()

    assert handler.receives(dead).status_code == 200
    assert len(around.pager.posts) == len(around.slack) == 1


def test_a_storm_is_one_alert_at_once_and_a_count_that_follows(around: Cloud) -> None:
    handler = around.handler()
    storm = [letter(f"user-{number}", error=STORM) for number in range(30)]

    assert handler.receives(storm[0], message_id="0").status_code == 200
    around.close_slack()
    answers = [handler.receives(dead, message_id=str(number)).status_code for number, dead in enumerate(storm[1:], 1)]

    assert answers == [409] + [200] * 28, "the second is the leader, whose message comes again"
    assert len(around.slack) == 1
    assert sum(stored["alerted_at"] is not None for stored in around.records().values()) == 1
    assert handler.receives(storm[1], message_id="1").status_code == 409, "not before the minute is over"

    around.let_a_minute_pass()
    assert handler.receives(storm[1], message_id="1").status_code == 200

    assert len(around.slack) == 2
    assert "And 28 more of the same cause since" in texts(around.slack[1])
    assert "reports dead-letters replay --reason retries-exhausted" in texts(around.slack[1])
    assert all(stored["alerted_at"] is not None for stored in around.records().values())


def test_the_next_of_its_cause_after_the_minute_carries_the_count_too(around: Cloud) -> None:
    handler = around.handler()
    handler.receives(letter("user-0", error=STORM))
    around.close_slack()
    for number in range(1, 5):
        handler.receives(letter(f"user-{number}", error=STORM))
    around.let_a_minute_pass()

    assert handler.receives(letter("user-5", error=STORM)).status_code == 200
    assert "user-5" in texts(around.slack[1])
    assert "And 4 more of the same cause since" in texts(around.slack[1])

    # The leader's message comes again, and there is nothing left to tell.
    assert handler.receives(letter("user-1", error=STORM)).status_code == 200
    assert len(around.slack) == 2


def test_other_causes_are_told_at_once(around: Cloud) -> None:
    handler = around.handler()
    for number in range(3):
        handler.receives(letter(f"a{number}", error=STORM))
    assert handler.receives(letter("b", error="the template is broken")).status_code == 200
    assert handler.receives(letter("c", error=STORM, reason=DeadLetterReason.LOST)).status_code == 200

    assert len(around.slack) == 3


def test_a_storm_on_all_threads_is_one_alert_and_loses_nobody(around: Cloud) -> None:
    handler = around.handler()
    storm = [letter(f"user-{number}", error=STORM) for number in range(200)]

    def again(letters: list[DeadLetter]) -> list[DeadLetter]:
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda dead: handler.receives(dead).status_code, letters))
        return [dead for dead, status in zip(letters, answers, strict=True) if status != 200]

    unacknowledged = again(storm[:16])
    around.close_slack()
    later = again(storm[16:])

    assert len(around.slack) == 1
    assert len(around.records()) == 200
    assert unacknowledged or later
    assert len(later) <= 1, "one leads, if none of the first does"
    around.let_a_minute_pass()
    for dead in (*unacknowledged, *later):
        assert handler.receives(dead).status_code == 200

    assert len(around.slack) == 2
    assert all(stored["alerted_at"] is not None for stored in around.records().values())
    told = sum(stored["alerted_at"] == stored["alerts"]["slack"] for stored in around.records().values())
    assert told == 200


def test_the_same_message_at_the_same_moment_is_alerted_once(around: Cloud) -> None:
    handler = around.handler()
    dead = letter("u1")

    async def slow(call: Call, carry_on: CarryOn) -> Answer:
        await asyncio.sleep(0.3)
        return await carry_on()

    around.inbox.fault = slow
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: handler.receives(dead, message_id="1").status_code, range(8)))
    around.inbox.fault = None

    assert set(answers) <= {200, 409}
    around.let_a_minute_pass()
    assert handler.receives(dead, message_id="1").status_code == 200
    assert len(around.slack) == 1
    assert len(around.records()) == 1


def test_what_an_operator_has_dealt_with_is_not_alerted(around: Cloud) -> None:
    handler = around.handler()
    handler.receives(letter("u0", error=STORM))
    around.close_slack()
    handler.receives(letter("u1", error=STORM))
    around.database.document("dead_letters/u1:default:20261124T1300Z").update({"state": "dismissed"})
    around.let_a_minute_pass()

    assert handler.receives(letter("u1", error=STORM)).status_code == 200
    assert len(around.slack) == 1


def test_what_was_written_into_the_state_by_hand_does_no_harm(around: Cloud) -> None:
    handler = around.handler()
    handler.receives(letter("u1", error=STORM))
    for collection in ("alerts", "dead_letters"):
        for found in around.database.collection(collection).stream():
            found.reference.update({field: "by hand" for field in found.to_dict() if field not in {"cause", "state"}})

    assert handler.receives(letter("u2", error=STORM)).status_code in {200, 409}
    assert handler.receives(letter("u2", error=STORM)).status_code in {200, 409}
    assert around.record("u2:default:20261124T1300Z")["state"] == "open"
