"""The statistics of all accounts together: the breaker stops the runs for all brands."""

from collections.abc import Mapping
from datetime import date

from functions.dispatcher.mail_statistics.provider import MailStatistics, StatisticsUnavailable
from functions.shared.records.mail_breaker import MailFigures


class AllAccounts:
    """Adds the statistics of accounts up.

    Args:
        accounts: by name; that of the deployment itself has none.
    """

    def __init__(self, accounts: Mapping[str, MailStatistics]) -> None:
        self._accounts = accounts

    def days(self, first: date) -> Mapping[date, MailFigures]:
        """See MailStatistics. Where one account does not say, nothing is known."""
        total: dict[date, MailFigures] = {}
        for name, account in self._accounts.items():
            try:
                found = account.days(first)
            except StatisticsUnavailable as error:
                raise StatisticsUnavailable(f"account {name}: {error}" if name else str(error)) from error
            for day, figures in found.items():
                total[day] = MailFigures.total([total.get(day, MailFigures()), figures])
        return total
