"""The email provider of this deployment: the one place of the dispatcher that chooses it."""

from collections.abc import Mapping

from functions.dispatcher.mail_statistics.provider import MailStatistics
from functions.dispatcher.mail_statistics.sendgrid import mail_statistics as sendgrid
from functions.shared.settings import MailProviderName


def mail_statistics(name: MailProviderName, accounts: Mapping[str, str]) -> MailStatistics | None:
    """A provider's statistics; None where it has none, or the dispatcher has no key for them.

    Args:
        name: the provider's.
        accounts: MAIL_ACCOUNTS.
    """
    match name:
        case MailProviderName.SENDGRID:
            return sendgrid(accounts)
        case MailProviderName.RESEND:
            # Its figures take a key with full access, which the pipeline does not ask for.
            # https://resend.com/changelog/email-metrics-api
            return None
        case MailProviderName.SMTP:
            # A mail server does not say what becomes of its emails.
            return None
