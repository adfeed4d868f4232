"""The examples in the docstrings of what a kind may import: they do what they show."""

import doctest
import inspect
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from types import FunctionType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import report_kit
from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from report_kit import Cadence, InMemoryUserData, Period, ReportRequest, User
from tests.contracts.test_kinds import KINDS
from tests.kinds_elsewhere import kinds_in

PERIOD = Period(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
ORDERS = {
    "o1": {"at": datetime(2026, 11, 23, 9, tzinfo=UTC), "product": "Tea", "total": 12.5},
    "o2": {"at": datetime(2026, 11, 23, 15, tzinfo=UTC), "product": "Cocoa", "total": 4.0},
}
THINGS = [name for name in report_kit.__all__ if isinstance(getattr(report_kit, name), type | FunctionType)]


def fetch_orders(_settings: Mapping[str, str], _asked: Mapping[str, str]) -> list[str]:
    """A service of the team's own."""
    raise ConnectionError("the request has a stand-in for it")


@pytest.fixture(scope="module")
def known() -> Iterator[dict[str, Any]]:
    """What the examples name beside what they import: what `build` gets, and a kind `orders`."""
    request = ReportRequest(
        user=User(id="u42", email="ada@example.com", name="Ada", time_zone=ZoneInfo("Europe/London")),
        subscription=Subscription.from_fields("u42", "daily", {}, SubscriptionDefaults("orders", Cadence.DAILY)),
        period=PERIOD,
        data=InMemoryUserData({"orders": ORDERS}, answer=lambda _settings, _asked: ["Tea", "Cocoa"]),
        settings={"ORDERS_CURRENCY": "EUR"},
    )
    with kinds_in(KINDS / "api_1"):
        yield {
            **{name: getattr(report_kit, name) for name in report_kit.__all__},
            **{each.__name__: each for each in (Path, ZoneInfo, date, datetime, fetch_orders)},
            "UTC": UTC,
            "request": request,
            "language": request.language,
        }


@pytest.mark.parametrize("name", THINGS)
def test_the_example_does_what_it_shows(known: dict[str, Any], name: str) -> None:
    thing = getattr(report_kit, name)
    found = doctest.DocTestFinder().find(thing, name, module=inspect.getmodule(thing), globs=known)
    tests = [each for each in found if each.examples]
    assert tests, f"{name} has no example"
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.REPORT_NDIFF)
    for each in tests:
        runner.run(each, out=said.append)
    assert runner.failures == 0, "".join(said)
