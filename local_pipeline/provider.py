"""The email providers that the local cloud has."""

from enum import StrEnum


class Provider(StrEnum):
    """Through whom the pipeline sends: a value of `MAIL_PROVIDER`."""

    SENDGRID = "sendgrid"
    RESEND = "resend"
    SMTP = "smtp"

    @property
    def address_variable(self) -> str:
        """The variable that says where it is."""
        return "SMTP_URL" if self is Provider.SMTP else f"{self.upper()}_HOST"

    @property
    def webhook_variable(self) -> str | None:
        """The variable by which its webhooks are verified; None where it says nothing of what becomes of emails."""
        return {Provider.SENDGRID: "SENDGRID_WEBHOOK_KEY", Provider.RESEND: "RESEND_WEBHOOK_SECRET"}.get(self)
