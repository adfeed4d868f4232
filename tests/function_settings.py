"""What each function reads from its environment."""

from functions.dispatcher.mail_statistics.sendgrid import SendGridSettings as SendGridStatisticsSettings
from functions.mail_events.resend.parts import ResendSettings as ResendWebhookSettings
from functions.mail_events.sendgrid.parts import SendGridSettings as SendGridWebhookSettings
from functions.shared.settings import (
    ApiSettings,
    DispatcherSettings,
    DlqHandlerSettings,
    MailEventsSettings,
    PreferencesSettings,
    Settings,
    WorkerSettings,
)
from functions.worker.destinations.email.provider import PROVIDER_SETTINGS

FUNCTION_SETTINGS: dict[str, tuple[type[Settings], ...]] = {
    "worker": (WorkerSettings, *PROVIDER_SETTINGS.values()),
    "dispatcher": (DispatcherSettings, SendGridStatisticsSettings),
    "DLQ handler": (DlqHandlerSettings,),
    "mail events": (MailEventsSettings, SendGridWebhookSettings, ResendWebhookSettings),
    "preferences": (PreferencesSettings,),
    "API": (ApiSettings,),
}
"""The settings by the function's name in docs/reference/settings.md, those of all email providers among them.

The page explains a variable as the first of them does."""
