"""The next version of a kind, which some of its subscriptions get before all do. Pure.

It is the folder `next` within the kind's, and `next: 5` in its needs.yaml has 5 % of the subscriptions get it.
Which ones depends on nothing but their paths and the kind: a subscription stays where it is from report to report, and
raising the percentage only adds others. Those that the file names come on top, whatever the percentage.
"""

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum

from functions.shared.needs import NextVersion

NextVersions = Mapping[str, NextVersion]
"""Who gets the next version, by kind. Other kinds have no next version."""


class Variant(StrEnum):
    """Which version of a kind makes a report."""

    CURRENT = "current"
    """The kind as it is."""
    NEXT = "next"
    """Its next version."""


def variant_of(
    kind: str,
    user_id: str,
    subscription_id: str,
    next_versions: NextVersions,
    *,
    addresses: Iterable[str] = (),
    by_next: bool = False,
) -> Variant | None:
    """Which version of a kind makes a report; None where the kind has only one.

    Args:
        kind: of the report.
        user_id: whose subscription it is.
        subscription_id: which of the user's.
        next_versions: who gets the next version.
        addresses: whom the report goes to.
        by_next: whether an operator has asked for the next version of this one report.
    """
    if kind not in next_versions:
        return None
    declared, path = next_versions[kind], f"{user_id}/{subscription_id}"
    chosen = {each.casefold() for each in declared.chosen}
    if by_next or declared.chosen & {user_id, path} or any(each.casefold() in chosen for each in addresses):
        return Variant.NEXT
    # With the kind in it, so that it is not the same users who try the next version of every kind.
    digest = hashlib.sha256(f"{kind}/{path}".encode(errors="surrogatepass")).digest()
    place = int.from_bytes(digest[:8]) / 2**64
    return Variant.NEXT if 100 * place < declared.percent else Variant.CURRENT
