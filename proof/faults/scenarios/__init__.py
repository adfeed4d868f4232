"""All scenarios of faults."""

from collections.abc import Iterable
from types import ModuleType

from functions.shared.settings import MailProviderName, OnUnknownOutcome
from proof.faults.scenario_run import Scenario
from proof.faults.scenarios import (
    absence,
    archive,
    audiences,
    dead_letters,
    destinations,
    everything,
    firestore,
    mail_events,
    outcomes,
    queue,
    resend,
    restored,
    scheduler,
    sendgrid,
    smtp,
    subscriptions,
    two_versions,
    unknown_outcomes,
    unsubscribes,
    users,
    worker_processes,
)


def _of(*groups: ModuleType) -> list[Scenario]:
    return [scenario for group in groups for scenario in group.SCENARIOS]


_SENDGRID = _of(
    *(queue, worker_processes, sendgrid, firestore, dead_letters, scheduler, subscriptions, users, mail_events),
    *(outcomes, archive, audiences, unsubscribes, unknown_outcomes, absence, restored, everything, two_versions),
    destinations,
)

_OF_ANY_PROVIDER = [
    each
    for each in _of(
        *(queue, worker_processes, firestore, dead_letters, unsubscribes, restored, everything, two_versions)
    )
    if each.on_unknown_outcome is OnUnknownOutcome.DEAD_LETTER
]
"""In which the email provider matters, and which it is does not. Of the others some are about SendGrid, and the rest
are over before an email is handed over."""


def _through(provider: MailProviderName, own: Iterable[Scenario]) -> list[Scenario]:
    return [*own, *(each.through(provider) for each in _OF_ANY_PROVIDER)]


OF_PROVIDER = {
    MailProviderName.SENDGRID: _SENDGRID,
    MailProviderName.RESEND: _through(MailProviderName.RESEND, resend.SCENARIOS),
    MailProviderName.SMTP: _through(MailProviderName.SMTP, smtp.SCENARIOS),
}
"""The scenarios of each email provider."""
