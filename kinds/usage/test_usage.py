"""The usage report: what is used, what will be, and what is said about it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from kinds.usage import MOST_QUOTAS, MOST_USAGES
from kinds.usage.consumption import Consumption, Standing
from kinds.usage.quota import InvalidQuota, Quota
from kinds.usage.texts import SHOWN_LINES
from report_kit import Period, Trial, try_kind

UTC_ZONE = ZoneInfo("UTC")
DAY = timedelta(days=1)
STORAGE = Quota.from_document("storage", {"allowed": 100, "name": "Storage", "unit": "GB"})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day_until(end: str) -> Period:
    return Period(utc(end) - DAY, utc(end))


def standing(end: str, *usages: tuple[str, float], quota: Quota = STORAGE, zone: ZoneInfo = UTC_ZONE) -> Standing:
    consumption = Consumption(quota, day_until(end), zone)
    for at, amount in usages:
        assert consumption.add(utc(at), amount)
    return consumption.standing()


def report(
    *usages: Mapping[str, Any],
    quotas: Mapping[str, Mapping[str, Any]] | None = None,
    end: str = "2026-11-21T00:00",
    **of: Any,
) -> Trial:
    documents = {
        "quotas": quotas if quotas is not None else {"storage": {"allowed": 100, "name": "Storage", "unit": "GB"}},
        "usage": {f"x{number}": usage for number, usage in enumerate(usages)},
    }
    asked = {"skip_empty": False}
    return try_kind("usage", documents, day_until(end), user={"name": "", **of}, subscription=asked)


def used(at: str, amount: Any, quota: Any = "storage") -> dict[str, Any]:
    return {"at": utc(at), "amount": amount, "quota": quota}


@pytest.mark.parametrize(
    ("end", "renews_on", "zone", "window"),
    [
        ("2026-11-24T08:00", 1, "UTC", ("2026-11-01T00:00", "2026-12-01T00:00")),
        ("2026-11-24T08:00", 15, "UTC", ("2026-11-15T00:00", "2026-12-15T00:00")),
        ("2026-11-24T08:00", 31, "UTC", ("2026-10-31T00:00", "2026-11-30T00:00")),
        # What comes in the morning of the first is about the month that is over.
        ("2026-12-01T08:00", 1, "UTC", ("2026-11-01T00:00", "2026-12-01T00:00")),
        ("2026-12-02T08:00", 1, "UTC", ("2026-12-01T00:00", "2027-01-01T00:00")),
        ("2026-11-24T08:00", 1, "Asia/Tokyo", ("2026-10-31T15:00", "2026-11-30T15:00")),
    ],
)
def test_a_quota_counts_from_the_users_own_midnight_of_its_day(
    end: str, renews_on: int, zone: str, window: tuple[str, str]
) -> None:
    quota = Quota.from_document("q", {"allowed": 1, "renews_on": renews_on})
    assert standing(end, quota=quota, zone=ZoneInfo(zone)).window == Period(*map(utc, window))


def test_a_forecast_goes_on_at_the_same_pace() -> None:
    half = standing("2026-11-16T00:00", ("2026-11-03T12:00", 20), ("2026-11-15T23:59", 40))
    assert half.used == 60
    assert half.expected == pytest.approx(120)
    # 60 in 15 days: the other 40 are gone after another ten.
    assert half.used_up_at == utc("2026-11-26T00:00")
    assert half.per_day[:4] == [0, 0, 20, 20]
    assert len(half.per_day) == 15
    assert half.expected_per_day == pytest.approx([60 + 4 * day for day in range(1, 16)])
    assert (half.days[0], half.days[-1]) == (date(2026, 11, 1), date(2026, 11, 30))


def test_what_lasts_is_never_used_up() -> None:
    assert standing("2026-11-16T00:00", ("2026-11-03T12:00", 50)).used_up_at is None
    assert standing("2026-11-16T00:00").expected == 0


def test_what_is_used_up_already_has_no_day_of_that_to_come() -> None:
    gone = standing("2026-11-16T00:00", ("2026-11-03T12:00", 100))
    assert gone.is_used_up
    assert gone.used_up_at is None


def test_the_first_hours_make_no_forecast() -> None:
    early = standing("2026-12-01T14:00", ("2026-12-01T01:00", 90))
    assert (early.used, early.expected, early.expected_per_day) == (90, None, [])


def test_what_is_given_back_counts_off() -> None:
    assert standing("2026-11-16T00:00", ("2026-11-03T12:00", 60), ("2026-11-04T12:00", -20)).used == 40


def test_what_lies_outside_does_not_count() -> None:
    assert standing("2026-11-16T00:00", ("2026-10-31T23:59", 9), ("2026-11-16T00:00", 9)).used == 0


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "allowed"),
        ({"allowed": "100"}, "allowed"),
        ({"allowed": 0}, "allowed"),
        ({"allowed": -1}, "allowed"),
        ({"allowed": True}, "allowed"),
        ({"allowed": float("inf")}, "allowed"),
        ({"allowed": 1, "name": 7}, "name"),
        ({"allowed": 1, "unit": []}, "unit"),
        ({"allowed": 1, "renews_on": 32}, "renews_on"),
        ({"allowed": 1, "renews_on": "1"}, "renews_on"),
    ],
)
def test_a_quota_that_cannot_be_used_is_named_by_field(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidQuota, match=f"^{named}: "):
        Quota.from_document("q", fields)
    made = report(quotas={"bad": fields, "good": {"allowed": 5}})
    assert "good: 0 of 5" in made.text
    assert "bad" not in made.text


def test_a_warning_comes_first_and_says_when() -> None:
    made = report(used("2026-11-10T00:00", 80))
    assert made.subject == "Your usage: Storage is running short, 80% used"
    warning = "Storage: At this pace it runs out on Thursday 26 November; it renews on Tuesday 1 December."
    assert " ".join(made.text.split()).count(warning) == 1
    # In the hidden preview, and in the warning.
    assert made.html.count(warning) == 2
    assert "cid:usage-chart" in made.html
    assert made.images[0].content.startswith(b"\x89PNG")


def test_what_is_used_up_says_when_it_renews() -> None:
    made = report(used("2026-11-10T00:00", 100))
    assert "Storage: Used up. It renews on Tuesday 1 December." in " ".join(made.text.split())
    assert "100% used" in made.html


def test_what_lasts_is_no_reason_to_worry() -> None:
    made = report(used("2026-11-10T00:00", 20))
    assert made.subject == "Your usage: Storage at 20% · Saturday 21 November"
    assert "On track: 30 GB expected by Monday 30 November." in made.text
    assert "!" not in made.text


def test_the_quota_that_is_shortest_comes_first() -> None:
    quotas = {"a": {"allowed": 100}, "b": {"allowed": 100}, "c": {"allowed": 100}}
    made = report(used("2026-11-10T00:00", 5, "a"), used("2026-11-10T00:00", 50, "b"), quotas=quotas)
    places = [made.text.index(f"{name}: ") for name in "bac"]
    assert places == sorted(places)


def test_several_that_run_short_are_counted_in_the_subject() -> None:
    quotas = {"a": {"allowed": 10}, "b": {"allowed": 10}}
    made = report(used("2026-11-10T00:00", 9, "a"), used("2026-11-10T00:00", 9, "b"), quotas=quotas)
    assert made.subject == "Your usage: 2 quotas are running short, a is at 90%"
    assert " ".join(made.text.split()).count("2 quotas are running short: a and b.") == 1


def test_many_that_run_short_are_one_warning_and_the_last_quotas_a_number() -> None:
    quotas = {f"q{number:02}": {"allowed": 10} for number in range(MOST_QUOTAS)}
    made = report(*(used("2026-11-10T00:00", 9, quota) for quota in quotas), quotas=quotas)
    assert "! 20 quotas are running short: q00, q01, q02, q03, q04 and 15 others." in " ".join(made.text.split())
    assert made.html.count('class="alert') == 1
    assert made.text.count("% used") == SHOWN_LINES
    assert "And 10 more quotas." in made.text
    assert "more quotas than a report reads" not in made.text


def test_quotas_beyond_those_that_are_read_are_mentioned() -> None:
    made = report(quotas={f"q{number:02}": {"allowed": 10} for number in range(MOST_QUOTAS + 1)})
    assert "You have more quotas than a report reads." in made.text


def test_a_quota_that_runs_out_on_its_last_day_renews_on_another() -> None:
    made = report(used("2026-11-10T00:00", 67.5))
    assert "it runs out on Monday 30 November; it renews on Tuesday 1 December." in " ".join(made.text.split())


def test_nothing_used_has_no_chart_and_no_quota_says_so() -> None:
    assert not report().images
    made = report(quotas={})
    assert "You have no quotas." in made.text
    assert "cid:" not in made.html


@pytest.mark.parametrize(
    "usage",
    [
        {"amount": "7"},
        {"amount": None},
        {"amount": True},
        {"amount": float("nan")},
        {"quota": None},
        {"quota": 7},
        {"quota": "unknown"},
        {"quota": ["storage"]},
    ],
)
def test_a_usage_that_cannot_be_counted_harms_no_other(usage: dict[str, Any]) -> None:
    made = report({**used("2026-11-10T00:00", 1), **usage}, used("2026-11-10T00:00", 2))
    assert "Storage: 2 of 100 GB" in made.text


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    quotas = {"q": {"allowed": 1, "name": "<img src=x>\r\nBcc: a@b", "unit": "{{ 7 * 7 }}"}}
    made = report(used("2026-11-10T00:00", 0.9, "q"), quotas=quotas)
    assert "<img src=x" not in made.html
    assert "{{ 7 * 7 }}" in made.html
    assert "\n" not in made.subject


def test_of_too_many_entries_the_first_are_counted_and_the_report_is_as_of_then() -> None:
    begin, step = utc("2026-11-01T00:00"), timedelta(days=15) / MOST_USAGES
    usages = [{"at": begin + number * step, "quota": "storage", "amount": 1} for number in range(MOST_USAGES + 5)]
    quotas = {"storage": {"allowed": 100_000, "name": "Storage", "unit": "GB"}}
    with capture_logs() as log:
        # Where figures cover a part, the entries of the other are read.
        made = report(*usages, quotas=quotas, usage_figures_since=utc("2026-11-20T23:00"))
    for part in (" ".join(made.text.split()), made.html):
        assert "There are more entries than a report counts. These figures leave out what came later." in part
        assert "As of Monday 16 November, 00:00" in part
        assert "20,000 of 100,000 GB" in part
        # At the pace until then, rather than as if nothing had been used since.
        assert "40,000 GB expected by Monday 30 November" in part
    assert [(entry["log_level"], entry["kind"], entry["counted"]) for entry in log] == [
        ("warning", "usage", MOST_USAGES)
    ]


def test_firestore_adds_up_any_number_of_entries() -> None:
    begin, step = utc("2026-11-01T00:00"), timedelta(days=15) / MOST_USAGES
    usages = [{"at": begin + number * step, "quota": "storage", "amount": 1} for number in range(MOST_USAGES + 5)]
    with capture_logs() as log:
        made = report(*usages, quotas={"storage": {"allowed": 100_000, "name": "Storage", "unit": "GB"}})
    assert "20,005 of 100,000 GB" in made.text
    assert log == []


def test_a_quota_that_began_anew_after_what_is_counted_is_one_of_which_nothing_is_known_yet() -> None:
    consumption = Consumption(STORAGE, day_until("2026-11-21T00:00"), UTC_ZONE)
    consumption.end_at(utc("2026-10-20T00:00"))
    assert (consumption.standing().used, consumption.standing().expected) == (0.0, None)


@pytest.mark.parametrize(
    ("quota_id", "name", "shown"),
    [
        ("storage", "verify at https://evil.example", "storage"),
        ("www.evil.example", "help@evil.example", "(no name)"),
        ("storage", "x" * 100, "x" * 60),
    ],
)
def test_a_quotas_name_is_no_message_in_the_subject(quota_id: str, name: str, shown: str) -> None:
    made = report(used("2026-11-20T12:00", 99, quota_id), quotas={quota_id: {"allowed": 100, "name": name}})
    assert made.subject == f"Your usage: {shown} is running short, 99% used"
    assert "evil" not in made.html + made.text


@pytest.mark.parametrize("amount", [1e28, -1e300, float("inf"), float("-inf"), float("nan"), 2**63 - 1])
def test_a_number_that_is_no_amount_is_left_out_and_named_in_the_log(amount: float) -> None:
    with capture_logs() as log:
        made = report(used("2026-11-20T12:00", amount), used("2026-11-20T12:00", 5))
    assert "5 of 100 GB" in made.text
    assert [(entry["usage_id"], entry["field"]) for entry in log] == [("x0", "amount")]


@pytest.mark.parametrize("allowed", [1e16, 1e300, float("inf"), float("nan"), 1e-7, 5e-324, 2**63 - 1])
def test_a_quota_of_no_usable_size_is_named_in_the_log(allowed: float) -> None:
    with capture_logs() as log:
        made = report(used("2026-11-20T12:00", 5, "q"), quotas={"q": {"allowed": allowed}})
    assert "You have no quotas." in made.text
    assert [(entry["quota"], entry["error"].partition(":")[0]) for entry in log] == [("q", "allowed")]


def test_the_largest_share_can_be_written() -> None:
    usages = [used("2026-11-20T12:00", 1e15, "q")] * 100
    assert "% used" in report(*usages, quotas={"q": {"allowed": 1e-6}}).text
