"""Blocks within Slack's limits, whatever is in them. The limits are checked by the inbox's own reading of them."""

import html
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.alerting.dead_letter_text import make_dead_letter_alert
from functions.dlq_handler.alerting.system_alert_text import make_system_alert
from functions.dlq_handler.channels.alert import Alert
from functions.dlq_handler.channels.plain_text import printable
from functions.dlq_handler.channels.slack_blocks import code_block, escaped, to_blocks, to_fallback
from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter
from functions.shared.records.ids import delivery_id
from functions.shared.records.system_alert import AlertKind, StoredSystemAlert
from local_pipeline.inbox.slack import find_refusal

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
LINKS = AlertLinks(console_url="https://console.example", project="p", location="l")
HOSTILE = st.text(alphabet=st.characters() | st.sampled_from("<>&`*_~|@#!\n\x00\u202e")) | st.text().map(
    lambda text: text * 500
)


def alert_of(
    *,
    error: str = "e",
    letter: str = "d",
    reason: str = "lost",
    user: str = "u",
    subscription: str = "s",
    others: int = 0,
    run: str = "20261124T1300Z",
    links: AlertLinks = LINKS,
) -> Alert:
    stored = StoredDeadLetter(
        id=letter,
        state=DeadLetterState.OPEN,
        payload={
            "user_id": user,
            "subscription_id": subscription,
            "delivery_id": delivery_id(user, subscription, NOW),
            "due_at": NOW.isoformat(),
            "run_id": run,
            "kind": "activity",
        },
        reason=reason,
        error=error,
        attempts=8,
        cause="c",
        received_at=NOW,
    )
    return make_dead_letter_alert(stored, others, NOW, links=links)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, st.integers(0, 10**9))
def test_any_alert_is_within_slacks_limits(
    error: str, letter: str, reason: str, user: str, subscription: str, others: int
) -> None:
    alert = alert_of(error=error, letter=letter, reason=reason, user=user, subscription=subscription, others=others)
    payload = {"text": to_fallback(alert), "blocks": [block.to_dict() for block in to_blocks(alert)]}
    assert find_refusal(payload) is None


@given(HOSTILE, st.integers(10, 3000))
def test_escaped_text_says_what_the_text_says(text: str, limit: int) -> None:
    shown = escaped(text, limit)
    assert len(shown) <= limit
    if len(shown) < limit - 6:
        assert html.unescape(shown.replace("&amp;", "&amp;amp;").replace("&amp;amp;", "&amp;")) is not None
    whole = shown.removesuffix("…")
    assert text.startswith(whole.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@given(HOSTILE)
def test_nothing_in_a_code_block_can_end_it(text: str) -> None:
    block = code_block(text, 3000)
    assert block.startswith("```")
    assert block.endswith("```")
    assert len(block) <= 3000


def test_markup_in_a_text_is_text() -> None:
    assert escaped("<!channel> & <b>", 100) == "&lt;!channel&gt; &amp; &lt;b&gt;"


def test_an_entity_is_never_cut_in_two() -> None:
    assert escaped("&&&&", 12) == "&amp;&amp;…"


@pytest.mark.parametrize(
    ("others", "text"),
    [(0, ""), (1, "And 1 more of"), (5000, "And 5000 more of the same cause since 2026-11-24T13:00:00Z")],
)
def test_the_count_follows(others: int, text: str) -> None:
    assert alert_of(others=others).following.startswith(text)
    assert bool(alert_of(others=others).following) is bool(others)


@pytest.mark.parametrize(
    ("letter", "command"),
    [
        ("u42:default:20261124T1300Z", "reports dead-letters replay u42:default:20261124T1300Z"),
        ("a b'c", "reports dead-letters replay 'a b'\"'\"'c'"),
        ("ada@example.com-x", "reports dead-letters list --reason lost"),
        ("a`b", "reports dead-letters list --reason lost"),
        ("a\nb", "reports dead-letters list --reason lost"),
        ("x" * 1500, "reports dead-letters list --reason lost"),
    ],
)
def test_the_command_can_be_typed_as_it_is(letter: str, command: str) -> None:
    assert alert_of(letter=letter).commands == (command,)


def test_the_logs_are_those_of_the_delivery() -> None:
    _, (text, url) = AlertLinks(console_url="https://c", project="p").of_dead_letters("c", logged='u"1')
    assert text == "Logs"
    assert url.startswith("https://console.cloud.google.com/logs/query;query=")
    assert "u%5C%221" in url
    assert url.endswith("?project=p")


def test_control_characters_and_turned_text_are_taken_out() -> None:
    assert printable("a\x00b\x1b[31m\u202ec\u2066\r\nd\te👩‍👧") == "ab[31mc\nd\te👩‍👧"


@pytest.mark.parametrize(
    ("links", "urls"),
    [
        (AlertLinks(), []),
        (AlertLinks(console_url="http://127.0.0.1:8091"), ["http://127.0.0.1:8091/dead-letters?cause=c"]),
        (AlertLinks(project="p"), ["https://console.cloud.google.com/logs/query"]),
        (LINKS, ["https://console.example/dead-letters?cause=c", "https://console.cloud.google.com/logs/query"]),
    ],
)
def test_the_links_lead_to_what_there_is(links: AlertLinks, urls: list[str]) -> None:
    assert [link.url.split(";")[0] for link in alert_of(links=links).links] == urls


@pytest.mark.parametrize(
    ("kind", "report", "page"),
    [
        (AlertKind.RUN_ERRORS, {}, "/runs/2026%2F11"),
        # An operator may have made the task: then no run has this id.
        (AlertKind.KEY_REFUSED, {}, "/queues"),
        (AlertKind.OUTCOME_SETTLED, {"delivery_id": "u/1:s:2026"}, "/deliveries/u%2F1%3As%3A2026"),
    ],
)
def test_a_system_alert_links_to_a_page_that_exists(kind: AlertKind, report: dict[str, str], page: str) -> None:
    stored = StoredSystemAlert(id="a", kind=kind.value, run_id="2026/11", report=report)
    (link,) = make_system_alert(stored, 0, NOW, links=AlertLinks(console_url="https://console.example")).links
    assert link.url == f"https://console.example{page}"


@pytest.mark.parametrize("reason", list(DeadLetterReason))
def test_every_reason_says_what_to_do_before_the_replay(reason: DeadLetterReason) -> None:
    alert = alert_of(reason=reason.value)
    assert alert.title != alert_of(reason="of another tool").title
    assert "cannot help" not in alert.title + alert.advice
    if alert.commands[0].startswith("reports dead-letters replay"):
        assert "eplay" in alert.advice


def test_what_names_no_report_offers_no_replay() -> None:
    alert = alert_of(reason=DeadLetterReason.INVALID_TASK, run="", others=3)
    assert alert.commands == ("reports dead-letters show d",)
    assert "dismiss" in alert.advice


@pytest.mark.parametrize("run", ["20261124T1300Z", ""])
def test_what_a_malformed_document_kept_back_comes_with_the_next_report_and_offers_no_replay(run: str) -> None:
    alert = alert_of(letter="u:s:malformed", reason=DeadLetterReason.PERMANENT_ERROR, run=run, others=3)
    assert alert.commands == ("reports dead-letters dismiss u:s:malformed",)
    assert "the next report" in alert.advice.lower()
