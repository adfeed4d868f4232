"""The activity report: what events add up to, and what is said about them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from kinds.activity import CHART_ID, MOST_EVENTS
from kinds.activity.figures import SHOWN_TYPES, Problem, Tally
from kinds.activity.type_labels import humanized
from report_kit import Period, Trial, try_kind

START = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
PERIOD = Period(START, START + HOUR)
MINUTE = timedelta(minutes=1)


def tally(*events: dict[str, Any]) -> Tally:
    result = Tally(period=PERIOD, edges=[START, START + HOUR / 2])
    for number, event in enumerate(events):
        result.add(f"e{number}", event)
    return result


def report(*events: dict[str, Any], **fields: Any) -> Trial:
    """The email with the report of an hour, for a user with these fields."""
    stored = {"events": {f"e{number}": event for number, event in enumerate(events)}}
    asked = {"cadence": "hourly", "skip_empty": False}
    return try_kind("activity", stored, PERIOD, user={"name": "", **fields}, subscription=asked)


def test_events_are_counted_where_they_belong() -> None:
    figures = tally(
        {"at": START - MINUTE, "type": "a", "amount": 1},
        {"at": START, "type": "a", "amount": 2},
        {"at": START + HOUR / 2, "type": "b", "amount": 3.5},
        {"at": START + HOUR - timedelta(microseconds=1), "type": "a"},
        {"at": START + HOUR, "type": "a", "amount": 100},
    ).figures()
    assert (figures.events, figures.amount) == (3, 5.5)
    assert (figures.events_before, figures.amount_before) == (1, 1.0)
    assert figures.per_bucket == [1, 2]
    assert [(item.type, item.events, item.amount) for item in figures.types] == [("a", 2, 2.0), ("b", 1, 3.5)]


@pytest.mark.parametrize(
    "amount", ["7", True, [7], {"value": 7}, float("nan"), float("inf"), 1.1e15, -1e28, 2**63 - 1, b"7", START]
)
def test_an_amount_that_is_no_number_is_named_and_the_event_still_counts(amount: Any) -> None:
    result = tally({"at": START, "type": "a", "amount": amount}, {"at": START, "type": "a", "amount": 2})
    assert result.problems == [Problem("e0", "amount")]
    assert (result.figures().events, result.figures().amount) == (2, 2.0)


@pytest.mark.parametrize("at", [None, "2026-11-24T13:00:00Z", 1764000000, datetime(2026, 11, 24, 13)])  # noqa: DTZ001  meant
def test_an_event_without_a_usable_time_is_named_and_left_out(at: Any) -> None:
    result = tally({"at": at, "type": "a"}, {"type": "a"})
    assert result.problems == [Problem("e0", "at"), Problem("e1", "at")]
    assert result.figures().events == 0


@pytest.mark.parametrize("kind", [7, ["a"], {"a": 1}, b"a"])
def test_an_event_with_a_wrong_type_is_named_and_counts_without(kind: Any) -> None:
    result = tally({"at": START, "type": kind}, {"at": START})
    assert result.problems == [Problem("e0", "type")]
    assert [(item.type, item.events) for item in result.figures().types] == [("", 2)]


def test_problems_are_counted_but_only_the_first_are_named() -> None:
    result = tally(*[{"at": START, "amount": "x"}] * 1000)
    assert result.problem_count == 1000
    assert len(result.problems) == 10


def test_rare_types_are_summed_up() -> None:
    events = [{"at": START, "type": f"t{number:02}", "amount": 1} for number in range(SHOWN_TYPES + 2)]
    figures = tally(*events, {"at": START, "type": "t09", "amount": 1}).figures()
    assert len(figures.types) == SHOWN_TYPES
    assert figures.types[0].type == "t09"
    assert (figures.other_types, figures.others.events, figures.others.amount) == (2, 2, 2.0)


def test_one_rare_type_is_named_rather_than_summed_up() -> None:
    figures = tally(*({"at": START, "type": f"t{number}"} for number in range(SHOWN_TYPES + 1))).figures()
    assert (len(figures.types), figures.other_types, figures.others.events) == (SHOWN_TYPES + 1, 0, 0)


def test_so_many_types_that_they_are_not_told_apart_are_still_counted() -> None:
    figures = tally(*({"at": START, "type": f"t{number}"} for number in range(6000))).figures()
    assert figures.events == 6000
    assert sum(item.events for item in figures.types) + figures.others.events == 6000


@pytest.mark.parametrize(
    ("now", "earlier", "said"),
    [
        (3, 2, "Up 50% from 2 the hour before"),
        (1, 2, "Down 50% from 2 the hour before"),
        (2, 2, "The same as the hour before"),
        (2, 0, "Up from 0 the hour before"),
        (301, 300, "Up less than 1% from 300 the hour before"),
        (1500, 1, "Up 149,900% from 1 the hour before"),
    ],
)
def test_the_change_is_said_in_words(now: int, earlier: int, said: str) -> None:
    events = [{"at": START}] * now + [{"at": START - MINUTE}] * earlier
    made = report(*events)
    assert said in made.text
    assert said in made.html


@pytest.mark.parametrize("amount", [1e28, -1e300, float("inf"), float("-inf"), float("nan"), 2**63 - 1])
def test_a_number_that_is_no_amount_is_left_out_and_named_in_the_log(amount: float) -> None:
    events = [{"at": START, "amount": amount}, {"at": START, "amount": 5}, {"at": START - MINUTE, "amount": amount}]
    with capture_logs() as log:
        made = report(*events)
    assert "Total amount: 5\n" in made.text
    assert "NaN" not in made.text
    assert [(entry["event_id"], entry["field"]) for entry in log] == [("e2", "amount"), ("e0", "amount")]


def test_the_largest_amounts_are_written_and_compared() -> None:
    events = [{"at": START, "type": "a", "amount": 1e15}] * 3 + [{"at": START - MINUTE, "amount": 0.001}]
    made = report(*events)
    assert "Total amount: 3,000,000,000,000,000.00\n  Up from 0.00 the hour before" in made.text


def test_nothing_happened() -> None:
    made = report()
    assert "Nothing happened in this time." in made.text
    assert "Nothing happened in this time." in made.html
    assert not made.images
    assert "cid:" not in made.html


def test_the_chart_is_shown_by_the_html_and_described() -> None:
    made = report(*({"at": START + minute * MINUTE, "type": "a"} for minute in (7, 8, 20)))
    assert [image.content_id for image in made.images] == [CHART_ID]
    assert made.images[0].content.startswith(b"\x89PNG")
    assert f'src="cid:{CHART_ID}"' in made.html
    assert "Events over time, a bar chart. Most came at 13:05: 2 events." in made.html


def test_of_too_many_events_the_first_are_counted_and_the_mail_and_the_log_say_so() -> None:
    second = HOUR / (MOST_EVENTS + 100)
    events = [{"at": START + number * second, "type": "a"} for number in range(MOST_EVENTS + 1)]
    with capture_logs() as log:
        made = report(*events, {"at": START - MINUTE})
    for part in (" ".join(made.text.split()), made.html):
        assert "Events: 10,000" in part
        assert (
            "There are more events than a report counts. "
            "These are the first 10,000: until Tuesday 24 November, 13:59." in part
        )
        assert "Not compared: there are too many events" in part
        assert "Compared with" not in part
    assert [(entry["log_level"], entry["kind"], entry["counted"]) for entry in log] == [
        ("warning", "activity", MOST_EVENTS)
    ]


def test_too_many_events_before_are_not_compared_with() -> None:
    second = HOUR / (MOST_EVENTS + 100)
    made = report(*({"at": START - HOUR + number * second} for number in range(MOST_EVENTS + 1)), {"at": START})
    assert "Events: 1\n  Not compared: there are too many events\n" in made.text
    assert "than a report counts" not in made.text


def test_as_many_as_a_report_counts_are_not_too_many() -> None:
    second = HOUR / (MOST_EVENTS + 100)
    with capture_logs() as log:
        made = report(*({"at": START + number * second} for number in range(MOST_EVENTS)), {"at": START - MINUTE})
    assert "Up 999,900% from 1 the hour before" in made.text
    assert "than a report counts" not in made.text
    assert log == []


def test_amounts_appear_only_where_there_are_any() -> None:
    assert "amount" not in report({"at": START, "type": "a"}).text.lower()
    assert "Total amount: 1,234.50" in report({"at": START, "type": "a", "amount": 1234.5}).text
    assert "Total amount: 1,234\n" in report({"at": START, "type": "a", "amount": 1234}).text


def test_one_or_two_events_are_no_chart() -> None:
    assert not report({"at": START}, {"at": START + 7 * MINUTE}).images


@pytest.mark.parametrize(
    ("now", "earlier", "figure"),
    [
        (3, 2, "3 events, up 50%"),
        (1, 2, "1 event, down 50%"),
        (2, 2, "2 events"),
        (2, 0, "2 events"),
        (0, 2, "no events"),
    ],
)
def test_the_subject_has_the_headline_figure(now: int, earlier: int, figure: str) -> None:
    made = report(*[{"at": START}] * now, *[{"at": START - MINUTE}] * earlier)
    assert made.subject == f"Your activity: {figure} · Tuesday 24 November, 13:00–14:00"


def test_a_sentence_says_what_matters() -> None:
    now = [{"at": START + 20 * MINUTE, "type": "order.placed"}] * 9 + [{"at": START, "type": "page.viewed"}] * 5
    before = [{"at": START - MINUTE, "type": "order.placed"}] * 6 + [{"at": START - MINUTE, "type": "page.viewed"}] * 5
    assert "Busiest around 13:20. Orders up 50%." in report(*now, *before).text


@pytest.mark.parametrize(
    ("type_name", "label"),
    [
        ("page.viewed", "Page viewed"),
        ("order_placed", "Order placed"),
        ("fileUploaded", "File uploaded"),
        ("API-call:made", "API call made"),
        ("HTTPServer", "HTTP server"),
        ("refund", "Refund"),
        ("step2.done", "Step 2 done"),
        ("A text of its own", "A text of its own"),
        ("注文", "注文"),
        ("", ""),
    ],
)
def test_an_identifier_is_read_as_words(type_name: str, label: str) -> None:
    assert humanized(type_name) == label


@pytest.mark.parametrize(
    ("locale", "labels", "shown"),
    [
        ("en", {"cart.emptied": "Page views"}, "Page views"),
        ("ja", {"cart.emptied": {"en": "Page views", "ja": "ページ表示"}}, "ページ表示"),
        ("ja-JP", {"cart.emptied": {"ja": "ページ表示"}}, "ページ表示"),
        ("ja", {"cart.emptied": {"en": "Page views"}}, "Page views"),
        ("en", {"cart.emptied": 7, "other": "x"}, "Cart emptied"),
        ("en", {"cart.emptied": {"en": ["x"]}}, "Cart emptied"),
        ("en", "no map", "Cart emptied"),
    ],
)
def test_types_have_the_labels_of_the_options(locale: str, labels: Any, shown: str) -> None:
    made = try_kind(
        "activity",
        {"events": {"e": {"at": START, "type": "cart.emptied"}}},
        PERIOD,
        user={"locale": locale},
        subscription={"cadence": "hourly", "options": {"labels": labels}},
    )
    assert shown in made.text
    assert "cart.emptied" not in made.text


@pytest.mark.parametrize(
    ("locale", "currency", "shown"),
    [
        ("en", "EUR", "€1,234.50"),
        ("ja", "JPY", "￥1,234"),
        ("en", "eur", "1,234.50"),
        ("en", 7, "1,234.50"),
        ("en", "XXQ", "1,234.50"),
    ],
)
def test_amounts_are_in_the_currency_of_the_options(locale: str, currency: Any, shown: str) -> None:
    made = try_kind(
        "activity",
        {"events": {"e": {"at": START, "type": "a", "amount": 1234.5}}},
        PERIOD,
        user={"locale": locale},
        subscription={"cadence": "hourly", "options": {"currency": currency}},
    )
    assert f": {shown}\n" in made.text


def test_the_period_is_named_in_the_users_time_zone() -> None:
    made = report(time_zone="Asia/Tokyo")
    assert made.subject == "Your activity: no events · Tuesday 24 November, 22:00–23:00"
    assert "Asia/Tokyo" in made.text


def test_a_name_that_is_a_message_with_a_link_is_left_out() -> None:
    made = report(name="URGENT: verify at https://evil.example")
    assert "\nHello,\n" in made.text
    assert "evil" not in made.html + made.text


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    name = "<script>alert(1)</script>\r\nBcc: everybody"
    made = report({"at": START, "type": "<img src=x onerror=alert(1)>$\\frac{1}{0}$\n{{ 7 * 7 }}"}, name=name)
    assert "<script>" not in made.html
    assert "<img src=x" not in made.html
    assert "&lt;script&gt;" in made.html
    assert "{{ 7 * 7 }}" in made.html
    assert "\nHello <script>alert(1)</script> Bcc: everybody,\n" in made.text
    assert "\n" not in made.subject


def with_files(attach: Any, *events: dict[str, Any], **options: Any) -> Trial:
    stored = {"events": {f"e{number}": event for number, event in enumerate(events)}}
    asked = {"cadence": "hourly", "skip_empty": False, "options": {"attach": attach, **options}}
    return try_kind("activity", stored, PERIOD, subscription=asked)


def test_files_come_where_the_subscription_asks_for_them() -> None:
    events = [{"at": START, "type": f"type{number:02}", "amount": number} for number in range(SHOWN_TYPES + 5)]
    made = with_files(["csv", "xlsx", "pdf"], *events, {"at": START, "type": "=1+1"}, currency="EUR")
    assert [each.filename for each in made.attachments] == [
        f"activity-2026-11-24-1300.{suffix}" for suffix in ("csv", "xlsx", "pdf")
    ]
    lines = made.attachments[0].content.decode("utf-8-sig").splitlines()
    # All types, also those that the email sums up.
    assert lines[0] == '"Type","Events","Amount"'
    assert len(lines) == len(events) + 2
    assert '"Type 12",1,12' in lines
    assert '"\'=1+1",1,' in lines


@pytest.mark.parametrize(
    ("attach", "suffixes", "is_usable"),
    [
        (None, [], True),
        ([], [], True),
        (["pdf", "csv", "pdf"], ["pdf", "csv"], True),
        (["csv", "docx", 7, None], ["csv"], False),
        ("csv", [], False),
        ({"csv": True}, [], False),
        ([["csv"]], [], False),
    ],
)
def test_an_option_that_means_nothing_is_named_in_the_log(attach: Any, suffixes: list[str], is_usable: bool) -> None:
    with capture_logs() as logs:
        made = with_files(attach, {"at": START, "type": "a"})
    assert [each.filename.rpartition(".")[2] for each in made.attachments] == suffixes
    named = [entry for entry in logs if entry["event"] == "option_unusable"]
    assert [(entry["user_id"], entry["option"]) for entry in named] == ([] if is_usable else [("u1", "attach")])


def test_where_nothing_happened_there_is_no_file() -> None:
    assert not with_files(["csv"]).attachments


def test_more_types_than_are_told_apart_are_a_row_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinds.activity.figures._DIFFERENT_TYPES", 2)
    made = with_files(["csv"], *({"at": START, "type": kind} for kind in ("a", "b", "c", "d")))
    assert made.attachments[0].content.decode("utf-8-sig").splitlines()[1:] == ['"A",1', '"B",1', '"Other types",2']
