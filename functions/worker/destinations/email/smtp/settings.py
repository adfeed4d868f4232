"""SMTP's own environment."""

from typing import Annotated

from pydantic import AfterValidator, Field

from functions.shared.mail.smtp_server import MailServer
from functions.shared.settings import Secret, Settings


def _checked(url: str) -> str:
    MailServer.from_url(url)
    return url


class SmtpSettings(Settings):
    """The mail server, with user and password."""

    smtp_url: Annotated[Secret, AfterValidator(_checked)] = Field(repr=False)
    """The mail server with user and password (docs/guides/providers.md#smtp), such as
    `smtps://user:password@mail.example.com:465`."""

    @property
    def server(self) -> MailServer:
        """What the URL names."""
        return MailServer.from_url(self.smtp_url)
