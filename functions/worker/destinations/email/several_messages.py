"""A report to several recipients where the provider takes one message after the other. Pure."""

from functions.worker.destinations.outcome import NotAccepted, Refused, Unclear


def outcome_in_part(outcome: NotAccepted, *, accepted: int, of: int) -> NotAccepted:
    """What the outcome of one message means for its email. The messages after it were not sent.

    Args:
        outcome: the message's.
        accepted: how many messages of the email the provider had accepted before.
        of: how many messages the email has.
    """
    if not accepted:
        return outcome
    return Unclear(
        error=f"{accepted} of {of} messages were accepted, and not the next one: {outcome.error}",
        is_lasting=isinstance(outcome, Refused),
    )
