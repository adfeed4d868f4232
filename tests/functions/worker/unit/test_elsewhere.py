"""An outage of a destination keeps its own reports back, and no others."""

from datetime import UTC, datetime, timedelta

from functions.shared.records.deliver import Deliver, DestinationName
from functions.shared.settings import WorkerSettings
from functions.worker.destinations.outcome import Unavailable
from functions.worker.elsewhere import Elsewhere
from functions.worker.key_alert import KeyAlert
from functions.worker.provider_outage import FAILURES
from tests.functions.worker.unit.test_allowed_domains import NEEDED

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)


def webhook(url: str) -> Deliver:
    return Deliver(DestinationName.WEBHOOK, url=url, secret="acme")


def test_one_customers_webhook_that_fails_holds_no_other_up() -> None:
    clock = [NOW]
    key_alert = KeyAlert(lambda _alert: None, now=lambda: clock[0])
    elsewhere = Elsewhere(WorkerSettings.model_validate(NEEDED), key_alert=key_alert, now=lambda: clock[0])
    for number in range(FAILURES):
        with elsewhere(webhook(f"https://acme.example/{number}"), False).sending.turn("r1") as turn:
            turn.hand_over(lambda **_: Unavailable("down"))
    kept_back = elsewhere(webhook("https://acme.example/another"), False).sending.kept_back()
    assert kept_back is not None
    assert kept_back.error == "the destination is failing, and nothing was sent: down"
    others = (
        webhook("https://corp.example/hook"),
        Deliver(DestinationName.SLACK, channel="C1", secret="acme"),
        Deliver(DestinationName.TEAMS, secret="acme"),
    )
    assert not any(elsewhere(each, False).sending.kept_back() for each in others)
    clock[0] += timedelta(minutes=1)
    assert elsewhere(webhook("https://acme.example/another"), False).sending.kept_back() is None
