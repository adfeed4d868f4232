"""The commands of each page, carried out in their order on a small project: a reader who copies one gets no refusal.

Two pages are done as they are written, in a local cloud (tests/documents/test_tutorials.py).
"""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main

from functions.shared.records.run import RUNS
from operations.commands.app import app
from tests.operations.integration.conftest import FIGURES, Dispatcher, Project
from tests.seeding import seed, subscription_reference, user_reference
from tests.support import REPOSITORY

PAGES = [
    path
    for path in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md")))
    if path.name not in {"run-it.md", "first-report.md"}
]
_BLOCK = re.compile(r"^```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"^(?:\$ )?\./reports ([^|#\n]+)", re.MULTILINE)
_NOT_HERE = re.compile(
    r"--open|--watch|--follow|\bredeliver\b|send .*--to|kinds audience"
    r"|^(catalogs|check|console|deploy|drill|init|lock|new|preview|run|test|up|upgrade|version)\b"
)
"""What opens a browser, runs until Ctrl-C or runs tests, writes into the checkout or beside it, starts another program,
or asks what is not there: DNS, Pub/Sub, Cloud Run, an email provider, a database. Only the command line is read."""
_LATER = datetime(2100, 1, 1, tzinfo=UTC)
_RUN = "20261124T1300Z"
_USERS = ("u1", "u3", "u42", "you")


def blocks_of_calls(page: Path) -> list[list[str]]:
    """The calls in each of a page's blocks of code, without comments."""
    found = (_CALL.findall(block) for block in _BLOCK.findall(page.read_text(encoding="utf-8")))
    return [[call.strip() for call in calls] for calls in found if calls]


def read_command_line(words: list[str]) -> set[str]:
    """Read a command line without carrying it out.

    Returns:
        the options that the command takes.

    Raises:
        typer.TyperException: it takes no such line.
    """
    command, rest, context = typer.main.get_command(app), list(words), None
    while rest and (child := getattr(command, "commands", {}).get(rest[0])):
        command, rest = child, rest[1:]
        command = getattr(command, "command", command)
    command.make_context("reports", rest, parent=context)
    return {option for parameter in command.params for option in parameter.opts}


def put_in_what_the_calls_are_about(project: Project, calls: list[str]) -> None:
    """Each user has the subscriptions `default` and `weekly`, but for one that a call makes."""
    for user in _USERS:
        due: dict[str, Any] = {"next_report_at": _LATER, "user": {"email": "ada@example.com"}}
        seed(project.database, user, **due)
        if any("subscriptions add" in call for call in calls):
            subscription_reference(project.database, user, "weekly").delete()
        else:
            seed(project.database, user, subscription_id="weekly", cadence="weekly", **due)
    project.database.document("calendars/berlin").set({"dates": ["2026-12-25"]})
    project.database.collection(RUNS).document(_RUN).set({**FIGURES, "state": "finished"})


def words_of(project: Project, call: str) -> list[str]:
    """The words of a call, with ids in the place of those that a reader fills in."""
    state = "dismissed" if "reopen" in call else "open"
    letters = [project.dead_letter(user, state=state) for user in _USERS]
    project.reports("send", "u1", "default")
    for user in _USERS:
        # Nothing is erased of a user who would get reports again.
        user_reference(project.database, user).set({"active": "erase" not in call}, merge=True)
    ids = {
        "ID": letters[0],
        "TASK": project.queued()[0].name.rpartition("/")[2],
        "USER": "u1",
        "DATE": f"{_LATER:%Y-%m-%d}",
    }
    return [ids.get(word, word) for word in shlex.split(call)]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of_calls(page)], ids=lambda page: page.name)
def test_the_commands_of_a_page_can_be_carried_out(
    project: Project, dispatcher: Dispatcher, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a command writes stays out of the checkout.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    for calls in blocks_of_calls(page):
        put_in_what_the_calls_are_about(project, calls)
        for call in calls:
            words = words_of(project, call)
            options = read_command_line(words)
            if _NOT_HERE.search(call):
                continue
            sure = ["--yes"] if "--yes" in options - {*words} else []
            answer = project.reports(*words, *sure, DISPATCHER_URL=dispatcher.url)
            assert answer.status == 0, f"{call}: {answer.err or answer.out}"
