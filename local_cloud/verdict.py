"""Whether a run went as it should: pure, from what was put in and what came out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from local_cloud.ledger_view import DeadLetter, Delivery


def problems(
    *,
    expected: Mapping[str, str],
    deliveries: Sequence[Delivery],
    dead_letters: Sequence[DeadLetter],
    mailed: Iterable[str] | None,
    errors: int,
) -> list[str]:
    """What is wrong with a run, a line each; none if all is well.

    Args:
        expected: the state that each user's report must have ended in; other users must have none.
        deliveries: the run's ledger.
        dead_letters: what was kept of failures.
        mailed: the delivery id of each mail that was accepted, None where somebody else took the mails.
        errors: those that the dispatcher counted.
    """
    found: list[str] = []
    if errors:
        found.append(f"the dispatcher counted {errors} errors")
    by_user = Counter(delivery.user_id for delivery in deliveries)
    found += [f"user {user} has {count} deliveries in one run" for user, count in by_user.items() if count > 1]
    states = {delivery.user_id: delivery.state for delivery in deliveries}
    for user, state in expected.items():
        if (actual := states.get(user)) != state:
            found.append(f"the report of user {user} should be {state}, but is {actual or 'not in the ledger'}")
    found += [f"user {user} should have got no report" for user in states if user not in expected]
    letters = {letter.id: letter for letter in dead_letters}
    for delivery in deliveries:
        if delivery.state != "dead":
            continue
        letter = letters.get(delivery.id)
        if letter is None:
            found.append(f"{delivery.id} is dead, but no dead letter was kept")
        elif not letter.alerted:
            found.append(f"nobody was told of the dead letter {delivery.id}")
    if mailed is not None:
        mails = Counter(mailed)
        found += [f"{delivery_id} was mailed {count} times" for delivery_id, count in mails.items() if count > 1]
        for delivery in deliveries:
            if delivery.state == "sent" and not mails[delivery.id]:
                found.append(f"{delivery.id} is sent by the ledger, but no mail came")
            elif delivery.state != "sent" and mails[delivery.id]:
                found.append(f"{delivery.id} was mailed, but is {delivery.state} by the ledger")
    return found
