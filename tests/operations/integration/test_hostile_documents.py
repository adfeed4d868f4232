"""Whatever documents hold, no command lets it act on the terminal. Every command of the application is run here."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer.main

from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import DeliveryState
from operations.commands.app import app
from operations.output import guard_logs
from tests.operations.integration.conftest import FIGURES, Answer, Dispatcher, Project
from tests.seeding import seed

HOSTILE = "\x1b]52;c;ZXZpbA==\x07\x9b31m\x7f\u202e\u2066\u200f\r\n[bold]"
"""An id that writes the clipboard, colours by C1, deletes, reorders and returns; and Rich's markup."""
MARKER = "x1b]52", "u001b]52"
"""How it looks when it is escaped, in a text and in JSON."""

ARGUMENTS = {
    **dict.fromkeys(("CAUSE", "DATE", "DAY", "DELIVERY", "EMAIL", "FIELD", "HOURS", "KIND", "LINE", "NAME"), HOSTILE),
    **dict.fromkeys(("PERIOD", "RUN", "SUBSCRIPTION", "TASK", "TIME", "URL|FILE", "USER", "ZONE"), HOSTILE),
    "USER[/SUBSCRIPTION]": HOSTILE,
    **dict.fromkeys(("N", "REPORTS"), "5"),
    "ID": "letter",
    "ID…": "letter",
    "DURATION": "7d",
    "ADDRESS": f"{HOSTILE}@example.com",
    "KEY=VALUE": f"{HOSTILE}={HOSTILE}",
}
"""What each argument and option is given, by its metavar. The ids of dead letters are known once there are some."""
LEFT_OUT = {"--open", "--watch", "--follow", "--help"}
"""These open a browser, or do not come to an end."""
OF_A_PROJECT = {"catalogs", "deploy", "drill", "init", "lock", "run", "test", "up", "upgrade"}
"""These read a project's files, and no document."""
USAGE = 2
"""What a command ends with that was written wrongly: then it has read no document."""
NAMES_NOTHING = {
    *("version", "check mail", "kinds list", "dead-letters redeliver", "size"),
    # The name of a calendar that they take cannot be hostile.
    *("calendars import", "calendars remove", "calendars set", "calendars show"),
    *("queue show", "queue pause", "queue resume", "queue set", "users import", "users would-enroll"),
}
"""These need not show anything of a document, or read none; every other command does, in one of its forms at least."""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of the application, by its words."""

    def walk(words: list[str], command: Any) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield " ".join(words), command
            return
        if command.invoke_without_command and words:
            yield " ".join(words), command
        for name, child in command.commands.items():
            yield from walk([*words, name], child)

    yield from walk([], typer.main.get_command(app))


COMMANDS = dict(commands())


def forms(command: Any, folder: Path, letter: str) -> Iterator[list[str]]:
    """Command lines: with arguments and without, with each option and without."""

    def value(parameter: Any) -> str:
        if parameter.metavar is None:
            return HOSTILE
        if parameter.metavar == "FILE":
            return str(folder / HOSTILE)
        assert parameter.metavar in ARGUMENTS, f"ARGUMENTS does not say what {parameter.metavar} is given"
        return letter if ARGUMENTS[parameter.metavar] == "letter" else ARGUMENTS[parameter.metavar]

    given = [value(each) for each in command.params if each.param_type_name == "argument"]
    always: list[str] = []
    options: list[list[str]] = [[]]
    for parameter in command.params:
        if parameter.param_type_name == "argument" or LEFT_OUT & set(parameter.opts):
            continue
        name = parameter.opts[0]
        if name == "--yes" or parameter.metavar == "DIR":
            always += [name] if parameter.is_flag else [name, str(folder)]
        elif name != "--json":
            options += [[name] if parameter.is_flag else [name, value(parameter)]]
    for option in options:
        for arguments in [given, []] if given else [[]]:
            yield [*always, *option, *arguments]


def put_hostile_documents(project: Project) -> str:
    """Documents whose ids and fields are hostile, and one that names its user as usual; the id of a dead letter."""
    database, now = project.database, datetime.now(UTC)
    tree = {HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}], "bytes": b"\x1b", "number": float("nan"), "at": now}
    texts = dict.fromkeys(("reason", "error", "message_id", "task_name", "note"), HOSTILE)
    user = {"email": "u@customer.example", "name": HOSTILE, "active": True, "locale": HOSTILE, "data": tree}
    tomorrow = now + timedelta(days=1)
    for subscription, fields in {HOSTILE: {}, f"paused{HOSTILE}": {"paused_because": "user", "active": False}}.items():
        seed(
            database,
            HOSTILE,
            subscription_id=subscription,
            next_report_at=tomorrow,
            user=user,
            locale=HOSTILE,
            options=tree,
            **fields,
        )
    database.collection("runs").document(HOSTILE).set(
        {
            "state": HOSTILE,
            "scheduled_for": now,
            "earlier_attempts": [{"attempt": HOSTILE, "state": HOSTILE}],
            "stopped_because": HOSTILE,
            "statistics": {"unavailable": HOSTILE},
        }
    )
    database.collection("mail_breaker").document("state").set(
        {"stopped_at": now, "because": HOSTILE, "resumed_by": HOSTILE, "note": HOSTILE, "figures": tree, "told": tree}
    )
    database.collection("calendars").document(HOSTILE).set({"dates": [HOSTILE], "on_day_off": HOSTILE})
    letter = project.dead_letter(HOSTILE, reason=DeadLetterReason.INVALID_TASK)
    project.set_delivery(letter, run_id=HOSTILE, last_error=HOSTILE, message_id=HOSTILE, kind=HOSTILE)
    project.dead_letter(f"sent{HOSTILE}", delivery=DeliveryState.SENDING, error=HOSTILE)
    project.dead_letter(f"dismissed{HOSTILE}", state="dismissed")
    database.collection("dead_letters").document(f"x{HOSTILE}").set(
        {**texts, "state": "open", "received_at": now, "payload": {**tree, "text": HOSTILE, "user_id": HOSTILE}}
    )
    database.collection("system_alerts").document(HOSTILE).set(
        {"alert": HOSTILE, "detail": HOSTILE, "run_id": HOSTILE, "received_at": now, "figures": {HOSTILE: HOSTILE}}
    )
    return letter


def is_plain(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


def without_style(text: str) -> str:
    """Without what Rich itself sends to a terminal: colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)


@pytest.fixture(autouse=True)
def guarded_logs() -> Iterator[None]:
    """As `python -m operations` begins."""
    before = structlog.get_config()
    guard_logs()
    yield
    structlog.configure(**before)


# `console` says its address and then serves pages until it is ended: test_console.py shows them hostile documents.
@pytest.mark.parametrize("words", sorted(COMMANDS.keys() - {"console"} - OF_A_PROJECT))
def test_no_command_lets_a_document_act_on_the_terminal(
    words: str, project: Project, dispatcher: Dispatcher, tmp_path: Path
) -> None:
    project.variables["DISPATCHER_URL"] = dispatcher.url
    dispatcher.body = json.dumps({**FIGURES, "run_id": HOSTILE, "due": HOSTILE})
    letter = put_hostile_documents(project)
    project.reports("send", HOSTILE, HOSTILE)
    command, said = COMMANDS[words], ""
    as_json = [["--json"]] if any("--json" in parameter.opts for parameter in command.params) else []
    for line in forms(command, tmp_path, letter):
        for extra in [[], *as_json]:
            answer = project.reports(*words.split(), *extra, *line)
            assert is_plain(answer.out + answer.err), (line, answer)
            assert not extra or not answer.out or answer.json is not None
            if answer.status != USAGE:
                said += answer.out + answer.err
        answer = project.reports(*words.split(), *line, FORCE_COLOR="1", COLUMNS="150")
        assert is_plain(without_style(answer.out + answer.err)), (line, answer)
    assert words in NAMES_NOTHING or any(marker in said for marker in MARKER), said


def test_what_a_service_answers_is_escaped(project: Project, dispatcher: Dispatcher) -> None:
    project.variables["DISPATCHER_URL"] = dispatcher.url
    dispatcher.status, dispatcher.body = 500, json.dumps({"error": HOSTILE})
    assert_escaped(project.reports("dispatch"))


def test_a_command_that_is_none_is_escaped(project: Project) -> None:
    assert_escaped(project.reports(HOSTILE))
    assert_escaped(project.reports("runs", f"--{HOSTILE}"))
    assert_escaped(project.reports("queue", HOSTILE))


@pytest.mark.parametrize("line", [["runs", "show"], ["users", "find"], ["subscriptions", "show", "u1"]])
def test_what_is_not_utf_8_is_refused(project: Project, line: list[str]) -> None:
    answer = project.reports(*line, "\udcff\udc1b")
    assert (answer.status, "is not UTF-8" in answer.err) == (2, True)
    assert is_plain(answer.err)


def assert_escaped(answer: Answer) -> None:
    assert answer.status != 0
    assert is_plain(answer.out + answer.err)
    assert any(marker in answer.err for marker in MARKER), answer


def test_json_has_the_exact_id(project: Project) -> None:
    letter = put_hostile_documents(project)
    rows = project.reports("dead-letters", "list", "--json").json
    assert letter in [row["dead_letter_id"] for row in rows]
    assert project.reports("dead-letters", "show", letter, "--json").json["user_id"] == HOSTILE


def test_the_command_that_is_shown_for_it_can_be_pasted(project: Project) -> None:
    letter = put_hostile_documents(project)
    out = project.reports("dead-letters", "show", letter).out
    assert r"reports dead-letters replay $'\x1b]52;c;ZXZpbA==\x07\xc2\x9b31m" in out
