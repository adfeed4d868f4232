"""The next version of a kind, which some of its subscriptions get before all do. Pure.

It is the folder `next` within the kind's, and `next: 5` in its needs.yaml has 5 % of the subscriptions get it.
Which ones depends on nothing but their paths and the kind: a subscription stays where it is from report to report, and
raising the percentage only adds others.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum

NextPercents = Mapping[str, int]
"""For how many percent of the subscriptions the next version is used, by kind. Other kinds have no next version."""


class Variant(StrEnum):
    """Which version of a kind makes a report."""

    CURRENT = "current"
    """The kind as it is."""
    NEXT = "next"
    """Its next version."""


def variant_of(kind: str, user_id: str, subscription_id: str, next_percents: NextPercents) -> Variant | None:
    """Which version of a kind a subscription gets; None where the kind has only one.

    Args:
        kind: of the report.
        user_id: whose subscription it is.
        subscription_id: which of the user's.
        next_percents: the percentages.
    """
    if kind not in next_percents:
        return None
    # With the kind in it, so that it is not the same users who try the next version of every kind.
    digest = hashlib.sha256(f"{kind}/{user_id}/{subscription_id}".encode(errors="surrogatepass")).digest()
    place = int.from_bytes(digest[:8]) / 2**64
    return Variant.NEXT if 100 * place < next_percents[kind] else Variant.CURRENT
