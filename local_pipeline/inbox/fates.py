"""What becomes of an email. No mailbox is behind the inbox, so the local part of an address says it.

Up to a plus sign, `bounce@…` and `bounce+anything@…` alike:

| local part | what happens |
| --- | --- |
| `bounce` | it bounces; a further email to the address is dropped |
| `spam` | it is delivered, then marked as spam; a further email to the address is dropped |
| `blocked` | it is refused for a reason that passes |
| `deferred` | it is deferred twice, then delivered |
| any other | it is delivered |
"""

from enum import StrEnum


class Happening(StrEnum):
    """What happens to an email that was accepted."""

    PROCESSED = "processed"
    """The provider begins to deliver it."""
    DEFERRED = "deferred"
    """The recipient's server asks to try again later."""
    DEFERRED_AGAIN = "deferred-again"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    """The recipient's server refuses it for good."""
    BLOCKED = "blocked"
    """It refuses it for a reason that passes."""
    COMPLAINED = "complained"
    """The recipient marks it as spam."""
    DROPPED_AS_BOUNCED = "dropped-as-bounced"
    """The provider does not try, since an earlier email bounced."""
    DROPPED_AS_COMPLAINED = "dropped-as-complained"
    """It does not try, since an earlier email was marked as spam."""


Fate = tuple[tuple[float, Happening], ...]
"""What happens, each after a number of seconds."""

_FATES: dict[str, Fate] = {
    "bounce": ((1.0, Happening.BOUNCED),),
    "spam": ((1.0, Happening.DELIVERED), (2.0, Happening.COMPLAINED)),
    "blocked": ((1.0, Happening.BLOCKED),),
    "deferred": ((0.5, Happening.DEFERRED), (1.0, Happening.DEFERRED_AGAIN), (1.5, Happening.DELIVERED)),
}
_DELIVERED: Fate = ((1.0, Happening.DELIVERED),)
_BEGIN = 0.2

LISTED_AS = {"bounce": Happening.DROPPED_AS_BOUNCED, "spam": Happening.DROPPED_AS_COMPLAINED}
"""As what further emails to an address of a kind are dropped."""


def kind_of(address: str) -> str:
    """The kind of an address: its local part up to a plus sign."""
    return address.partition("@")[0].partition("+")[0].lower()


def fate_of(kind: str) -> Fate:
    """What becomes of an email to an address of a kind."""
    return (_BEGIN, Happening.PROCESSED), *_FATES.get(kind, _DELIVERED)


def dropped(because: Happening) -> Fate:
    """What becomes of an email to an address to which none is sent any more."""
    return ((_BEGIN, because),)
