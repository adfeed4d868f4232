"""What becomes of what a kind returns."""

from typing import Any

import pytest

from functions.worker import compose as composing
from functions.worker.mail.model import Mail
from functions.worker.reports.in_memory_user_data import InMemoryUserData
from functions.worker.reports.report import PermanentError, Skip
from tests.functions.worker.unit.samples import COMPLIANCE, PERIOD, subscription, user


def compose(monkeypatch: pytest.MonkeyPatch, returned: Any) -> Mail | Skip:
    """The mail of a kind that returns this."""
    monkeypatch.setattr(composing, "find", lambda _kind: lambda _request: returned)
    return composing.compose(
        "orders",
        user(),
        subscription(),
        PERIOD,
        InMemoryUserData({}),
        delivery_id="d1",
        run_id="r1",
        compliance=COMPLIANCE,
    )


def test_a_kind_may_have_nothing_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compose(monkeypatch, Skip("no orders")) == Skip("no orders")


def test_what_is_neither_report_nor_skip_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PermanentError, match=r"^orders: build returned NoneType, neither Report nor Skip$"):
        compose(monkeypatch, None)
