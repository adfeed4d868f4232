"""What is printed."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from google.cloud.firestore import GeoPoint

from operations.escaping import escape, shell_argument
from operations.failures import describe
from operations.output import Output, guard_logs, print_traceback, to_csv, to_json

HOSTILE = "\x1b]52;c;ZXZpbA==\x07 \x9b31m \x7f \u202e \u2066 \r\n \U000e0041 \ud800 [bold]x[/bold]"
"""Writes the clipboard, colours by C1, deletes, reorders, returns, hides (a tag), cannot be encoded, is Rich markup."""
SAYABLE = HOSTILE.replace("\ud800", "")


def is_plain(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


def test_what_a_terminal_obeys_is_escaped() -> None:
    assert escape("\x1b[2Jgone\r\x07\x7f\x9b\u202e") == r"\x1b[2Jgone\r\x07\x7f\x9b\u202e"
    assert escape("日本語 ok\nsecond") == r"日本語 ok\nsecond"
    assert escape("one\ntwo\t", keep="\n") == "one\ntwo\\t"
    assert escape("1\u202f000 e\u0301 é") == "1\u202f000 e\u0301 é"
    assert is_plain(escape(HOSTILE))


def test_an_error_is_one_line_without_addresses() -> None:
    assert describe(ValueError("to someone@example.com:\n  refused")) == "to [address]: refused"


@pytest.mark.starts_process
@pytest.mark.parametrize("text", ["u1", "a b", "it's", "$HOME", SAYABLE, "\\x1b'\x1b", "日\u202e本"])
def test_an_id_can_be_pasted_into_a_shell(text: str) -> None:
    argument = shell_argument(text)
    assert is_plain(argument)
    program = "import sys; sys.stdout.buffer.write(sys.argv[1].encode())"
    shell = subprocess.run(
        ["/bin/bash", "-c", f'"$0" -c "$1" {argument}', sys.executable, program], capture_output=True, check=True
    )
    assert shell.stdout.decode() == text


def test_json_is_all_there_is_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.say("said")
    output.rows([{"at": datetime(2026, 11, 24, 13, tzinfo=UTC), "name": "名"}], ("name",), empty="none")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == [{"at": "2026-11-24T13:00:00Z", "name": "名"}]
    assert "said" in captured.err


def test_a_column_that_is_optional_is_shown_where_a_row_has_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    row: dict[str, Any] = {"name": "a", "tags": ["x", "\x1by"], "problem": None}
    columns = ("name", "tags", "problem")
    Output().rows([row], columns, empty="", optional={"problem"})
    assert capsys.readouterr().out.split() == ["name", "tags", "a", "x,", r"\x1by"]
    Output().rows([row, {**row, "problem": "bad"}], columns, empty="", optional={"problem"})
    assert "problem" in capsys.readouterr().out


def test_json_says_exactly_what_there_is_in_plain_characters() -> None:
    value = {HOSTILE: [HOSTILE, {"名": "名\u00a0"}]}
    text = to_json(value)
    assert is_plain(text.replace("\u00a0", ""))
    assert json.loads(text) == value
    assert "名" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (b"\x00\xff", "AP8="),
        (GeoPoint(1.5, 2), {"latitude": 1.5, "longitude": 2}),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        ({"n": 2**63 - 1, "none": None}, {"n": 2**63 - 1, "none": None}),
    ],
)
def test_every_type_of_a_document_is_json(value: Any, shown: Any) -> None:
    assert json.loads(to_json(value)) == shown


def test_a_table_shows_markup_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output().rows([{"error": "[bold]not bold[/bold]"}], ("error",), empty="none")
    Output().fields({"[red]key": {"[blue]inner": "[bold]not bold[/bold]"}})
    out = capsys.readouterr().out
    assert out.count("[bold]not bold[/bold]") == 2
    assert "[red]key.[blue]inner" in out


def test_everything_that_is_printed_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.rows([{"a_id": HOSTILE, "error": HOSTILE, "list": [HOSTILE]}], ("a_id", "error", "list"), empty="")
    output.fields({HOSTILE: HOSTILE, "map": {HOSTILE: {HOSTILE: HOSTILE}}})
    output.say(HOSTILE)
    output.warn(HOSTILE)
    captured = capsys.readouterr()
    assert captured.out.count(r"\x1b]52") >= 6
    assert is_plain(captured.out + captured.err)


def test_a_question_is_escaped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert Output().confirm(f"Erase {SAYABLE}?")
    captured = capsys.readouterr()
    assert r"Erase \x1b]52" in captured.err
    assert is_plain(captured.out + captured.err)


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("logs_as_before")
def test_logs_and_tracebacks_are_escaped_and_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    guard_logs()
    structlog.get_logger().warning(HOSTILE, field=HOSTILE, address="someone@example.com")
    print_traceback(ValueError(HOSTILE))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count(r"\x1b]52") == 3
    assert "[address]" in captured.err
    assert is_plain(captured.err)


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Output().rows([], ("error",), empty="There are none.")
    assert capsys.readouterr().out == "There are none.\n"


def test_ids_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "u" * 300
    Output().rows([{"delivery_id": long, "state": "sent"}], ("delivery_id", "state"), empty="")
    assert long in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    return terminal


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_table_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    at = datetime(2026, 11, 24, 13, tzinfo=UTC)
    delivery = "u42:default:20261124T1300Z"
    row = {
        "delivery_id": delivery,
        "state": "sent",
        "error": "e" * 300,
        "due_at": at,
        "sent_at": at,
    }
    terminal = on_terminal(monkeypatch, columns)
    Output().rows([row], tuple(row), empty="")
    heading, *lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert len(lines) == 1
    assert max(map(len, (heading, *lines))) <= columns
    assert delivery in lines[0]
    left_out = [key for key in row if key not in heading.split()]
    told = capsys.readouterr().err
    assert bool(left_out) is (columns < 120)
    if left_out:
        assert f"Not shown: {', '.join(left_out)}." in told


def test_csv_is_safe_to_open_in_a_spreadsheet() -> None:
    at = datetime(2026, 11, 24, 13, tzinfo=UTC)
    rows = [{"id": "=HYPERLINK(1)", "at": at, "tags": ["a", "b"], "on": True, "n": -1.5, "none": None, "bad": HOSTILE}]
    text = to_csv(rows, ())
    assert text.splitlines()[0] == "id,at,tags,on,n,none,bad"
    [read] = csv.DictReader(io.StringIO(text))
    assert read | {"bad": ""} == {
        "id": "'=HYPERLINK(1)",
        "at": "2026-11-24T13:00:00Z",
        "tags": '["a", "b"]',
        "on": "true",
        "n": "-1.5",
        "none": "",
        "bad": "",
    }
    assert is_plain(text.replace("\r", ""))
    assert to_csv([], ("a", "b")) == "a,b\r\n"


def test_what_is_followed_is_told_once_and_again_when_it_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = {"run_id": "r1", "state": "running"}, {"run_id": "r1", "state": "finished"}
    looks = iter([[first], [first], [second]])

    def read() -> list[dict[str, str]]:
        try:
            return next(looks)
        except StopIteration:
            raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt):
        Output().live(read, ("run_id", "state"), every=0)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [first, second]


def test_a_list_says_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    Output().cut(50, 3002)
    Output().cut(50, 50)
    assert capsys.readouterr().err == "50 of 3,002: --limit N shows more, --all shows all.\n"
