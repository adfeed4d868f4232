"""The next version of the worker, in which each email has another subject."""

from functions.worker.destinations.email import head
from functions.worker.destinations.email.model import Mail

_former = head.subject


def _subject(mail: Mail) -> str:
    return f"{_former(mail)}, by the next version"


head.subject = _subject

from functions.worker.main import worker  # noqa: E402, F401  it is served
