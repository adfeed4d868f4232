"""What is wrong with the system itself: it comes by the topic of dead letters, and is none."""

import json
from typing import Any

import pytest

from functions.shared.records.system_alert import AlertKind, SystemAlert
from tests.functions.dlq_handler.integration.conftest import DIED, Cloud, Handler, letter

RUN = "20261124T1300Z"


def alert(kind: AlertKind = AlertKind.OVERDUE_REPORTS, run_id: str = RUN, **fields: Any) -> SystemAlert:
    return SystemAlert(
        **{
            "alert": kind,
            "run_id": run_id,
            "at": DIED,
            "detail": "reports whose tasks ended without a trace: 3",
            "figures": {"due": 100, "overdue": 3},
            **fields,
        }
    )


def receives(handler: Handler, told: SystemAlert) -> int:
    return handler.receives(told.to_json(), attributes={"alert": told.alert.value}).status_code


def noted(around: Cloud) -> dict[str, dict[str, Any]]:
    return {found.id: found.to_dict() for found in around.database.collection("system_alerts").stream()}


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (AlertKind.OVERDUE_REPORTS, ["Reports are overdue", f"reports runs show {RUN}", "*Overdue*\\n3"]),
        (AlertKind.RUN_ERRORS, ["had errors", f"reports runs show {RUN}"]),
        (AlertKind.NO_RUN, ["no run for more than two hours", "reports runs list"]),
        (AlertKind.KEY_REFUSED, ["the email provider refuses the key", "reports queue pause", "reports queue resume"]),
        (AlertKind.COMPLAINTS_HIGH, ["mark reports as spam", "reports deliveries list"]),
        (AlertKind.BOUNCES_HIGH, ["Many emails bounce", "reports deliveries list"]),
        (AlertKind.SENDING_STOPPED, ["Sending is stopped", "reports resume-sending", "reports queue pause"]),
    ],
)
def test_an_alert_says_what_is_wrong_and_what_to_do(around: Cloud, kind: AlertKind, parts: list[str]) -> None:
    assert receives(around.handler(pager=True), alert(kind)) == 200

    (message,) = around.slack
    shown = json.dumps(message)
    for part in [*parts, RUN, "2026-11-24T13:14:00Z", "reports whose tasks ended without a trace: 3"]:
        assert part in shown
    assert parts[0] in around.pager.posts[0]["title"]
    (stored,) = noted(around).values()
    assert (stored["alert"], stored["run_id"], stored["at"]) == (kind.value, RUN, DIED)
    assert stored["alerted_at"] is not None
    assert stored["expire_at"] > stored["received_at"]
    assert around.records() == {}


def test_the_key_of_one_account_is_no_reason_to_pause_the_queue(around: Cloud) -> None:
    assert receives(around.handler(), alert(AlertKind.KEY_REFUSED, about="acme")) == 200
    shown = json.dumps(around.slack[-1])
    assert "refuses the key of their account" in shown
    assert "*Account*\\nacme" in shown
    assert "queue pause" not in shown


def test_it_is_told_once_for_each_kind_and_run(around: Cloud) -> None:
    handler = around.handler()

    for _ in range(3):
        assert receives(handler, alert(detail="again")) == 200
    assert len(around.slack) == 1
    assert receives(handler, alert(AlertKind.RUN_ERRORS)) == 200
    assert len(around.slack) == 2
    assert len(noted(around)) == 2


def test_a_storm_of_one_kind_is_one_alert_and_a_count_that_follows(around: Cloud) -> None:
    handler = around.handler()
    told = [alert(AlertKind.KEY_REFUSED, f"20261124T{hour:02}00Z") for hour in range(10)]

    assert receives(handler, told[0]) == 200
    around.close_slack()
    answers = [receives(handler, each) for each in told[1:]]

    assert answers == [409] + [200] * 8
    assert len(around.slack) == 1
    around.let_a_minute_pass()
    assert receives(handler, told[1]) == 200
    assert len(around.slack) == 2
    assert "And 8 more of the same kind since" in json.dumps(around.slack[1])
    assert all(stored["alerted_at"] for stored in noted(around).values())


def test_dead_letters_and_alerts_of_the_system_do_not_wait_for_one_another(around: Cloud) -> None:
    handler = around.handler()
    assert receives(handler, alert()) == 200
    assert handler.receives(letter()).status_code == 200
    assert len(around.slack) == 2


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"alert": "no-such-kind"}', letter("u1").to_json(), b'{"alert": "no-run", "run_id": ""}']
)
def test_what_only_claims_to_be_one_is_kept_as_a_dead_letter(around: Cloud, data: bytes) -> None:
    assert around.handler().receives(data, attributes={"alert": "no-run"}).status_code == 200
    assert noted(around) == {}
    assert len(around.records()) == 1


def test_without_the_attribute_it_is_no_system_alert(around: Cloud) -> None:
    assert around.handler().receives(alert().to_json()).status_code == 200
    assert noted(around) == {}
    assert len(around.records()) == 1


def test_texts_of_others_are_shown_as_text(around: Cloud) -> None:
    hostile = "<!channel> ```x``` <script> \x1b ada@example.com " + "y" * 100_000
    assert receives(around.handler(), alert(run_id="<!here>/`x`", detail=hostile, figures={"<!here>": 1})) == 200
    shown = json.dumps(around.slack[0])
    assert "<!" not in shown
    assert "ada@" not in shown
    assert "<script>" not in shown
    assert len(shown) < 10_000
