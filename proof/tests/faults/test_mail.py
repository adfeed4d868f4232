"""Scenarios in which email providers and SendGrid's webhook misbehave."""

import pytest

from functions.shared.settings import MailProviderName
from proof.faults.scenario_run import Scenario
from proof.faults.scenarios import OF_PROVIDER, absence, destinations, mail_events, sendgrid, unknown_outcomes
from proof.tests.faults.conftest import KeepsPromise

SCENARIOS = [*sendgrid.SCENARIOS, *mail_events.SCENARIOS, *unknown_outcomes.SCENARIOS, *absence.SCENARIOS]

OF_OTHER_PROVIDERS = {
    MailProviderName.RESEND: (
        "Resend: cuts, then accepts and cuts",
        "worker: killed after the provider accepted",
        # With the stored requests, which the released version repeats, too.
        "two versions: side by side, back, and forth",
    ),
    MailProviderName.SMTP: ("SMTP: accepts and cuts", "SMTP: cuts the connection at rcpt"),
}
"""A few; `make faults` plays all."""

OF_DESTINATIONS = ("webhook: accepts and cuts the connection", "gcs: the data change before it is repeated")


@pytest.mark.parametrize(
    "scenario", [*SCENARIOS, *(each for each in destinations.SCENARIOS if str(each) in OF_DESTINATIONS)], ids=str
)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)


@pytest.mark.parametrize(
    "scenario",
    [each for provider, names in OF_OTHER_PROVIDERS.items() for each in OF_PROVIDER[provider] if str(each) in names],
    ids=lambda scenario: f"{scenario.provider}-{scenario}",
)
def test_other_providers_keep_it(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
