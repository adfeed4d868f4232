"""What a subscription gets whose document does not say it."""

import pytest

from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.times.schedule import Cadence
from operations.connection.target import Target
from operations.errors import NotConfigured
from operations.subscriptions.subscription_defaults import subscription_defaults

DEPLOYED = {"DEFAULT_KIND": "usage", "DEFAULT_CADENCE": "weekly"}


def test_they_are_the_local_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_KIND", "horoscope")
    assert subscription_defaults(Target(variables=DEPLOYED)) == SubscriptionDefaults("usage", Cadence.WEEKLY)
    assert subscription_defaults(Target(variables={"DEFAULT_KIND": "usage"})) == SubscriptionDefaults(
        "usage", Cadence.HOURLY
    )


def test_no_kind_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEFAULT_KIND", raising=False)
    with pytest.raises(NotConfigured, match=r"^DEFAULT_KIND: not set\.$"):
        subscription_defaults(Target(variables={}))


def test_they_are_asked_of_the_deployed_functions() -> None:
    assert subscription_defaults(Target(variables={}, ask=DEPLOYED.get)) == SubscriptionDefaults(
        "usage", Cadence.WEEKLY
    )
    assert subscription_defaults(Target(variables={"DEFAULT_KIND": "mine"}, ask=DEPLOYED.get)).kind == "mine"


def test_they_are_not_guessed_where_nobody_can_be_asked() -> None:
    def refuse(variable: str) -> str:
        raise NotConfigured(f"{variable} is not set")

    with pytest.raises(NotConfigured):
        subscription_defaults(Target(variables={"DEFAULT_KIND": "usage"}, ask=refuse))


@pytest.mark.parametrize(("variable", "value"), [("DEFAULT_CADENCE", "cron"), ("DEFAULT_KIND", "My report")])
def test_a_malformed_one_is_named(variable: str, value: str) -> None:
    with pytest.raises(NotConfigured, match=rf"^{variable}: "):
        subscription_defaults(Target(variables={"DEFAULT_KIND": "usage", variable: value}))
