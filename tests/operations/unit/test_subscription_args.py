"""Fields of a subscription as the operator types them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer.main

from functions.shared.records.subscription_edit import EDITABLE
from operations.commands.app import app
from operations.subscriptions.subscription_args import parse_end, parse_field, parse_option, parse_weekday

NOW = datetime(2026, 11, 25, 20, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("threshold=5", "threshold", 5),
        ("ratio=0.5", "ratio", 0.5),
        ("on=true", "on", True),
        ("gone=null", "gone", None),
        ("region=eu", "region", "eu"),
        ('zip="01234"', "zip", "01234"),
        ("zip=01234", "zip", "01234"),
        ('regions=["eu", "us"]', "regions", ["eu", "us"]),
        ('limits={"a": [1]}', "limits", {"a": [1]}),
        ("formula=a=b", "formula", "a=b"),
        ("empty=", "empty", ""),
    ],
)
def test_an_option_is_json_or_a_text(text: str, key: str, value: Any) -> None:
    assert parse_option(text) == (key, value)
    assert type(parse_option(text)[1]) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "threshold",
        "=5",
        "n=9223372036854775808",
        "n=[[1]]",
        'n={"a": [[1]]}',
        'n={"": 1}',
        r'n="\ud800"',
        "n=\udcff",
    ],
)
def test_what_is_no_option_or_cannot_be_stored_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an option"):
        parse_option(text)


def test_a_field_is_named_as_in_the_document_or_as_its_option() -> None:
    assert parse_field("time_zone") == parse_field("time-zone") == "time_zone"
    for text in ("shard", "next_report_at", "user_id", "no_such_field", ""):
        with pytest.raises(ValueError, match="is not one of kind, cadence"):
            parse_field(text)


def test_a_weekday_is_a_name_or_a_number() -> None:
    assert [parse_weekday(text) for text in ("friday", "5", "0", "²")] == ["friday", 5, 0, "²"]


@pytest.mark.parametrize(
    ("text", "zone", "end"),
    [
        ("2026-12-24", "UTC", "2026-12-24T00:00Z"),
        ("2026-12-24", "Asia/Tokyo", "2026-12-23T15:00Z"),
        ("20261224", "America/New_York", "2026-12-24T05:00Z"),
        (" 2026-12-24T13:00Z ", "Asia/Tokyo", "2026-12-24T13:00Z"),
        ("2026-12-24T13:00", "Asia/Tokyo", "2026-12-24T13:00Z"),
        ("2026-12-24T13:00+09:00", "UTC", "2026-12-24T04:00Z"),
    ],
)
def test_a_day_begins_where_the_recipient_is(text: str, zone: str, end: str) -> None:
    assert parse_end(text, ZoneInfo(zone), NOW) == datetime.fromisoformat(end)


@pytest.mark.parametrize("text", ["", "3d", "tomorrow", "2026-13-01", "0001-01-01T00:00+14:00"])
def test_what_is_no_day_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(ValueError, match="write 2026-12-24 or 2026-12-24T13:00Z"):
        parse_end(text, ZoneInfo("UTC"), NOW)


@pytest.mark.parametrize("text", ["2026-11-25", "2026-11-25T20:20Z", "9999-12-31"])
def test_the_end_of_a_pause_is_to_come(text: str) -> None:
    with pytest.raises(ValueError, match="not in the future"):
        parse_end(text, ZoneInfo("UTC"), NOW)


@pytest.mark.parametrize("verb", ["add", "set"])
def test_every_field_that_can_be_set_is_an_option(verb: str) -> None:
    subscriptions = typer.main.get_command(app).commands["subscriptions"]  # type: ignore[attr-defined]
    options = {each.name for each in subscriptions.commands[verb].params if each.param_type_name == "option"}
    assert options - {"as_json", "unset"} == set(EDITABLE)
