"""What is printed."""

import json
from datetime import UTC, datetime

import pytest

from operations.output import Output, printable


def test_no_address_and_no_control_sequence_is_printed() -> None:
    assert printable("to someone@example.com: refused") == "to [address]: refused"
    assert printable("\x1b[2Jgone\r\x07") == "�[2Jgone��"
    assert printable("日本語 ok\nsecond") == "日本語 ok\nsecond"


def test_json_is_all_there_is_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.say("said")
    output.rows([{"at": datetime(2026, 11, 24, 13, tzinfo=UTC), "name": "名"}], {"name": "NAME"}, empty="none")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == [{"at": "2026-11-24T13:00:00Z", "name": "名"}]
    assert "said" in captured.err


def test_a_table_shows_markup_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output().rows([{"error": "[bold]not bold[/bold]"}], {"error": "ERROR"}, empty="none")
    assert "[bold]not bold[/bold]" in capsys.readouterr().out


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Output().rows([], {"error": "ERROR"}, empty="There are none.")
    assert capsys.readouterr().out == "There are none.\n"


def test_ids_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "u" * 300
    Output().rows([{"delivery_id": long, "state": "sent"}], {"delivery_id": "DELIVERY", "state": "STATE"}, empty="")
    assert long in capsys.readouterr().out
