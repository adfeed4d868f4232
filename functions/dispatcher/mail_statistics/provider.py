"""What the breaker asks an email provider: what became of the emails, day by day."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from functions.shared.records.mail_breaker import MailFigures


class StatisticsUnavailable(Exception):
    """The provider gives no statistics. The message says why, in words for people, with no secret in it."""


class MailStatistics(Protocol):
    """An email provider's statistics. A folder or module beside this one has each provider's."""

    def days(self, first: date) -> Mapping[date, MailFigures]:
        """What became of the emails, for each day from the first one to the present.

        Args:
            first: the first day, in UTC.

        Raises:
            StatisticsUnavailable: the provider refuses, fails, or does not answer in time.
        """
