"""docs/reference/http.md has the paths, statuses and causes of the code, and no others."""

import re

import pytest

from functions.mail_events.resend.parts import PATH as RESEND_PATH
from functions.mail_events.sendgrid.parts import PATH as SENDGRID_PATH
from functions.preferences.wishes import Wish
from functions.shared.records.audience import AUDIENCE_TASK_PATH
from tests.documents.http import ANSWERING, statuses, worker_words
from tests.support import REPOSITORY

_PAGE = (REPOSITORY / "docs" / "reference" / "http.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    """What the page says of a function."""
    return _PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def answers(name: str) -> list[list[str]]:
    """The rows of its table of answers."""
    rows = section(name).partition("\n| answer |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("name", ANSWERING)
def test_every_status_is_in_the_table(name: str) -> None:
    shown = {int(status) for row in answers(name) for status in re.findall(r"\b\d{3}\b", row[0])}
    assert shown == statuses(name)


def test_every_result_and_every_cause_of_the_worker_is_in_the_table() -> None:
    results, causes = worker_words()
    rows = answers("Worker")
    assert {row[1] for row in rows} == results - {"healthy"}
    assert {row[2] for row in rows} - {""} == causes


def test_every_path_is_there() -> None:
    def paths(name: str) -> set[str]:
        return set(re.findall(r"`(?:GET|POST) (/[^`]*)`", section(name).partition("| answer |")[0]))

    assert paths("Dispatcher") == {"/", "/dispatch"}
    assert paths("Worker") == {"/tasks/send-report", AUDIENCE_TASK_PATH}
    assert paths("Mail events") == {SENDGRID_PATH, RESEND_PATH}
    wishes = {f"/TOKEN/{wish}" for wish in Wish}
    others = {
        "/TOKEN",
        "/TOKEN/unsubscribe",
        "/TOKEN/copies/COPY",
        "/copies/COPY",
        "/TOKEN/WISH",
        "/style-COLOR-VERSION.css",
    }
    assert paths("Recipient's page") == wishes | others
