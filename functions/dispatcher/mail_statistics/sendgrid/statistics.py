"""SendGrid's statistics.

They are of the whole account: other email that leaves by it counts, too, as it does for the sender's reputation.
https://www.twilio.com/docs/sendgrid/api-reference/stats/retrieve-global-email-statistics
"""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

import requests

from functions.dispatcher.mail_statistics.provider import StatisticsUnavailable
from functions.shared.records.mail_breaker import MailFigures
from functions.shared.within import within

ANSWER_SECONDS = 20.0
"""How long a run waits for the statistics, from looking the host up to the last byte."""

_SOCKET_SECONDS = 10.0

_MOST_MAILS = 10**12
"""The most that are believed of a day. Firestore has no numbers above 2^63."""

_MEANINGS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "it does not know the key",
    HTTPStatus.FORBIDDEN: "the key lacks the permission to read statistics (stats.read)",
    HTTPStatus.TOO_MANY_REQUESTS: "too many requests",
}


class SendGridStatistics:
    """Reads SendGrid's statistics, in one call.

    Of its metrics, `spam_reports` are complaints, and `bounces` are refusals for good. `blocks` are refusals that pass,
    and `bounce_drops` are emails that SendGrid did not try to deliver: neither counts.
    https://www.twilio.com/docs/sendgrid/ui/analytics-and-reporting/bounce-and-block-classifications

    Args:
        api_key: one that may read statistics.
        host: the API's URL.
        seconds: how long to wait for the statistics.
    """

    def __init__(self, *, api_key: str, host: str, seconds: float = ANSWER_SECONDS) -> None:
        self._api_key = api_key
        self._url = f"{host}/v3/stats"
        self._seconds = seconds

    def days(self, first: date) -> Mapping[date, MailFigures]:
        """See MailStatistics."""
        try:
            answer = within(self._seconds, lambda: self._get(first))
        except TimeoutError:
            raise StatisticsUnavailable(f"SendGrid did not answer within {self._seconds:g} s") from None
        except requests.RequestException as error:
            # Not the message: it has addresses of machines in it, and changes from call to call.
            raise StatisticsUnavailable(f"SendGrid could not be asked ({type(error).__name__})") from error
        if answer.status_code != HTTPStatus.OK:
            meaning = _MEANINGS.get(answer.status_code)
            raise StatisticsUnavailable(f"SendGrid answered {answer.status_code}" + (f": {meaning}" if meaning else ""))
        try:
            return _figures(answer.json())
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise StatisticsUnavailable("SendGrid's answer has no statistics in the documented form") from error

    def _get(self, first: date) -> requests.Response:
        return requests.get(
            self._url,
            params={"start_date": f"{first}", "aggregated_by": "day"},
            auth=self._authorize,
            timeout=_SOCKET_SECONDS,
            allow_redirects=False,
        )

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request


def _figures(answer: Any) -> dict[date, MailFigures]:
    return {
        date.fromisoformat(day["date"]): MailFigures.total(
            MailFigures(
                delivered=_count(entry["metrics"], "delivered"),
                complaints=_count(entry["metrics"], "spam_reports"),
                bounces=_count(entry["metrics"], "bounces"),
            )
            for entry in day["stats"]
        )
        for day in answer
    }


def _count(metrics: Mapping[str, Any], name: str) -> int:
    value = metrics[name]
    if type(value) is not int or not 0 <= value <= _MOST_MAILS:
        raise ValueError(f"{name} is no count")
    return value
