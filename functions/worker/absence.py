"""Whether the provider's records prove that it did not accept an email of unknown outcome. Then that may be sent again.
Pure.

Absence alone proves nothing. It does once no worker can send the email any more, the records had the time to show it,
the search would have found it, and the records show other emails from before and after: before the claim, and after the
settling time that followed it. Records that stopped any earlier would show neither this email nor what came of it.
docs/explanation/reliability.md says what is assumed.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from functions.shared.records.address_hash import address_hash
from functions.shared.records.delivery import MOST_LOOKS, Delivery
from functions.worker.destinations.email.delivery_lookup import LookupUnavailable, MailNotFound, Neighbors, WantedMail


class Facts(NamedTuple):
    """What is known.

    Attributes:
        now: the present, in UTC.
        delivery: the email's.
        wanted: what was searched for.
        key_id: of the key that searches.
        keeps: how long the records show an email.
        settling: how long after the end of the claim the records decide.
        answer: what the search has found: not the email.
        neighbors: what the records show of others; None where they were not asked.
    """

    now: datetime
    delivery: Delivery
    wanted: WantedMail
    key_id: str
    keeps: timedelta
    settling: timedelta
    answer: MailNotFound | LookupUnavailable
    neighbors: Neighbors | LookupUnavailable | None


class Settling(NamedTuple):
    """It is too early to tell.

    Attributes:
        looks: after how many settling times to look.
        until: when that is, in UTC.
    """

    looks: int
    until: datetime


class Unproven(NamedTuple):
    """The email may have been accepted. `note` says why."""

    note: str


class Absent(NamedTuple):
    """The email was not accepted. `evidence` is what the record keeps of that."""

    evidence: Mapping[str, datetime]


def absence(facts: Facts) -> Settling | Unproven | Absent:
    """Decide."""
    delivery, ended_at = facts.delivery, facts.delivery.lease_expires_at
    recipients, key_id = delivery.handed_over.get("recipients"), delivery.handed_over.get("key")
    if delivery.is_restored or ended_at is None or not (recipients and key_id):
        return Unproven("its record does not say by what to search for it alone")
    if key_id != facts.key_id:
        return Unproven("it was sent with another key, perhaps of another account")
    if not set(recipients) <= set(map(address_hash, facts.wanted.addresses)):
        return Unproven("it went to other addresses than the report has now")
    answer, neighbors = facts.answer, facts.neighbors
    if isinstance(answer, LookupUnavailable) and answer.lasting:
        return Unproven("the provider's records cannot be searched")
    if facts.now >= facts.wanted.claimed_at + facts.keeps:
        return Unproven("the provider's records no longer go back so far")
    looks = max((facts.now - ended_at) // facts.settling, 0)
    later = Settling(looks + 1, ended_at + (looks + 1) * facts.settling) if looks < MOST_LOOKS else None
    if later and not looks:
        return later
    if isinstance(answer, LookupUnavailable) or isinstance(neighbors, LookupUnavailable) or neighbors is None:
        return later or Unproven("the provider's records could not be searched in all the time")
    if not answer.is_complete:
        return Unproven("the search was cut off")
    if neighbors.before is None:
        return Unproven("the provider's records show no report that was accepted before it")
    if neighbors.after is None or neighbors.after <= ended_at + facts.settling:
        return later or Unproven("the provider's records show no report that was accepted after the settling time")
    return Absent({"searched_at": facts.now, "accepted_before": neighbors.before, "accepted_after": neighbors.after})
