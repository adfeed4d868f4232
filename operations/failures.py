"""What a failed call says, and whether further calls would fail, too."""

from google.api_core.exceptions import DeadlineExceeded, RetryError, ServiceUnavailable

from functions.shared.logging import redact_addresses

UNREACHABLE = (RetryError, ServiceUnavailable, DeadlineExceeded)
"""The errors that Google's clients raise if a service does not answer after a minute of retries. Further calls would
fail, too."""


def describe(error: object) -> str:
    """The text of an error, on one line and without email addresses."""
    return " ".join(redact_addresses(str(error)).split())
