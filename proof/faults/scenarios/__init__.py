"""All scenarios of faults."""

from collections.abc import Iterable

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

_SENDGRID = [
    *queue.SCENARIOS,
    *worker_processes.SCENARIOS,
    *sendgrid.SCENARIOS,
    *firestore.SCENARIOS,
    *dead_letters.SCENARIOS,
    *scheduler.SCENARIOS,
    *subscriptions.SCENARIOS,
    *users.SCENARIOS,
    *mail_events.SCENARIOS,
    *outcomes.SCENARIOS,
    *archive.SCENARIOS,
    *audiences.SCENARIOS,
    *unsubscribes.SCENARIOS,
    *unknown_outcomes.SCENARIOS,
    *absence.SCENARIOS,
    *restored.SCENARIOS,
    *everything.SCENARIOS,
    *two_versions.SCENARIOS,
    *destinations.SCENARIOS,
]

_OF_ANY_PROVIDER = [
    each
    for each in (
        *queue.SCENARIOS,
        *worker_processes.SCENARIOS,
        *firestore.SCENARIOS,
        *dead_letters.SCENARIOS,
        *unsubscribes.SCENARIOS,
        *restored.SCENARIOS,
        *everything.SCENARIOS,
        *two_versions.SCENARIOS,
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
