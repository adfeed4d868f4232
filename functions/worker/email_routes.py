"""The ways of emails: the deployment's own, and one for each brand."""

from collections.abc import Callable
from datetime import datetime, timedelta

from functions.shared.records.mail_event import MailRecord
from functions.shared.records.system_alert import SystemAlert
from functions.shared.settings import WorkerSettings
from functions.worker.destinations.email.allowed_domains import AllowedDomains
from functions.worker.destinations.email.provider import ChosenProvider
from functions.worker.key_alert import KeyAlert
from functions.worker.outcome_inquiry import OutcomeInquiry
from functions.worker.provider_outage import ProviderOutage
from functions.worker.repeating import Repeating
from functions.worker.routes import Route, email_provider
from functions.worker.sending import Sending


def email_routes(
    chosen: ChosenProvider,
    settings: WorkerSettings,
    *,
    mail_record: Callable[[str], MailRecord | None],
    tell: Callable[[SystemAlert], object],
    now: Callable[[], datetime],
) -> dict[str, Route]:
    """The way of each brand's emails, by the brand's name; that of the deployment's own has none.

    Brands that share an account at the provider share its outage and its alert, and no other account's stops them.

    Args:
        chosen: the provider.
        settings: of the worker.
        mail_record: as OutcomeInquiry takes it.
        tell: as KeyAlert takes it.
        now: the present, in UTC.
    """
    outages: dict[str, ProviderOutage] = {}
    alerts: dict[str, KeyAlert] = {}
    pause, allowed = timedelta(seconds=settings.provider_pause), AllowedDomains(settings.mail_allowed_domains)

    def route(provider: ChosenProvider) -> Route:
        account = provider.account
        return Route(
            Sending(
                provider.mail_provider(now),
                Repeating(provider.repeatable_sending(now), provider=provider.id, now=now),
                outage=outages.setdefault(account, ProviderOutage(now, wait=pause)),
                key_alert=alerts.setdefault(account, KeyAlert(tell, now=now, account=account)),
                allowed=allowed,
                is_shared=not account,
            ),
            OutcomeInquiry(
                mail_record,
                provider.delivery_lookup(now),
                settings.on_unknown_outcome,
                settling=timedelta(minutes=settings.settling_minutes),
                is_sandbox=settings.mail_sandbox,
                taker=email_provider(provider.id),
                unasked="it has no records to look in, or the worker is set up not to (SENDGRID_LOGS, brands.yaml)",
            ),
        )

    return {name: route(chosen.of_brand(name)) for name in ("", *chosen.mail.brands)}
