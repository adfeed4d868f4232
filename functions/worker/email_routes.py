"""The ways of emails: the deployment's own, and one for each brand."""

from collections.abc import Callable
from datetime import datetime, timedelta

from functions.shared.records.mail_event import MailRecord
from functions.shared.records.system_alert import SystemAlert
from functions.shared.settings import OnUnknownOutcome
from functions.worker.destinations.email.allowed_domains import AllowedDomains
from functions.worker.destinations.email.provider import ChosenProvider
from functions.worker.key_alert import KeyAlert
from functions.worker.outcome_inquiry import OutcomeInquiry
from functions.worker.provider_outage import ProviderOutage
from functions.worker.repeating import Repeating
from functions.worker.routes import Route
from functions.worker.sending import Sending


def email_routes(
    chosen: ChosenProvider,
    *,
    mail_record: Callable[[str], MailRecord | None],
    on_unknown_outcome: OnUnknownOutcome,
    settling: timedelta,
    is_sandbox: bool,
    pause: timedelta,
    tell: Callable[[SystemAlert], object],
    allowed: AllowedDomains,
    now: Callable[[], datetime],
) -> dict[str, Route]:
    """The way of each brand's emails, by the brand's name; that of the deployment's own has none.

    Brands that share an account at the provider share its outage and its alert, and no other account's stops them.

    Args:
        chosen: the provider.
        mail_record: as OutcomeInquiry takes it.
        on_unknown_outcome: likewise.
        settling: likewise.
        is_sandbox: likewise.
        pause: how long the first wait of an outage is.
        tell: as KeyAlert takes it.
        allowed: as Sending takes it.
        now: the present, in UTC.
    """
    outages: dict[str, ProviderOutage] = {}
    alerts: dict[str, KeyAlert] = {}

    def route(provider: ChosenProvider) -> Route:
        return Route(
            Sending(
                provider.mail_provider(),
                Repeating(provider.repeatable_sending(), provider=provider.id, now=now),
                outage=outages.setdefault(provider.account, ProviderOutage(now, wait=pause)),
                key_alert=alerts.setdefault(provider.account, KeyAlert(tell, now=now, account=provider.account)),
                allowed=allowed,
                is_shared=not provider.account,
            ),
            OutcomeInquiry(
                mail_record, provider.delivery_lookup(), on_unknown_outcome, settling=settling, is_sandbox=is_sandbox
            ),
        )

    return {name: route(chosen.of_brand(name)) for name in ("", *chosen.mail.brands)}
