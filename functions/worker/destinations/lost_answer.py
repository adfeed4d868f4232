"""What a request comes to that gets no answer. Pure."""

from functions.worker.destinations.http_call import NoAnswer, NotWritten
from functions.worker.destinations.outcome import Unavailable, Unclear


def outcome_without_answer(error: NotWritten | NoAnswer, *, service: str) -> Unavailable | Unclear:
    """The outcome: only a request that was not written has surely delivered nothing.

    Args:
        error: why there is no answer.
        service: who was asked, for people.
    """
    if isinstance(error, NotWritten):
        return Unavailable(error=f"{service} could not be reached: {error}")
    return Unclear(error=f"{service} gave no answer after the request was sent: {error}")
