"""Who gets a subscription's reports. Pure.

Whatever asks whether a subscription goes to an address asks here, so that a new list of addresses is known to all of
them: a complaint, a button and an inquiry find an address wherever it stands.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from functions.shared.records.address_hash import address_hash
from functions.shared.records.subscription import ADDRESS_LISTS, Subscription
from functions.shared.records.user import User


class RecipientRole(StrEnum):
    """Why an address gets a report: the name of the list that has it (ADDRESS_LISTS)."""

    TO = "to"
    """The report is for this recipient."""
    CC = "cc"
    """This recipient gets a copy."""


class Recipient(NamedTuple):
    """An address that a subscription's reports go to."""

    address: str
    role: RecipientRole

    @property
    def hashed(self) -> str:
        """The address's hash (functions.shared.records.address_hash)."""
        return address_hash(self.address)


def recipients(subscription: Subscription, user: User | None) -> list[Recipient]:
    """Everybody whom a subscription's reports are meant for, those that object among them. Nobody if the reports do not
    go by email now.

    Args:
        subscription: which has the lists.
        user: whose it is; None if there is no such user.
    """
    return email_recipients(subscription, user) if subscription.is_emailed else []


def email_recipients(subscription: Subscription, user: User | None) -> list[Recipient]:
    """Everybody whom an email of a subscription is meant for, wherever its reports go now: each address once, without
    regard to capitals, as email providers compare them. Of two lists that have it the first one counts.

    Args:
        subscription: which has the lists.
        user: whose own address gets the reports if the subscription has none in `to`; None if there is no such user.
    """
    own = (user.email,) if user and user.email else ()
    listed = {role: getattr(subscription, role.value) for role in RecipientRole}
    listed[RecipientRole.TO] = subscription.to or own
    first: dict[str, Recipient] = {}
    for role, addresses in listed.items():
        for address in addresses:
            first.setdefault(address.casefold(), Recipient(address, role))
    return list(first.values())


def addressees(subscription: Subscription, user: User | None) -> list[Recipient]:
    """Those of the recipients whom the reports are for. The others get copies, which are not sent alone.

    Args:
        subscription: which has the lists.
        user: whose it is; None where there is no such user.
    """
    return [each for each in recipients(subscription, user) if each.role is RecipientRole.TO]


def lists_without(lists: Mapping[str, Sequence[str]], hashes: Collection[str]) -> Mapping[str, Sequence[str]] | None:
    """The lists after some addresses have left them. Those who get copies are the ones the reports are for if no one
    else is left: a subscription without `to` would go to the user, who has not asked for it. None if no one is left.

    Args:
        lists: by their names (ADDRESS_LISTS).
        hashes: the addresses (functions.shared.records.address_hash).
    """
    left = {name: [each for each in lists[name] if address_hash(each) not in hashes] for name in ADDRESS_LISTS}
    if left["to"] or not lists["to"]:
        return left
    return {"to": left["cc"], "cc": []} if left["cc"] else None
