"""Who is to get emails: kept by hand, from what happens, for each subscription and address. It shares no code with the
pipeline."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Why = Literal["bounce", "unsubscription", "complaint"]
_WHYS: Sequence[Why] = ("bounce", "unsubscription", "complaint")
"""The later one counts more."""


@dataclass
class Promise:
    """What holds for one subscription.

    Attributes:
        to: the list; empty for the user's own address.
        cc: the list of copies.
        objections: why each address objects, and when it said each of that last.
        taken_back_at: when each address took back what it had said before.
        resubscribed_at: when each address took its unsubscriptions back at the provider.
        all_taken_back_at: the same for all of them.
        held_by: who holds it back whatever addresses want: a person, or the user's inactivity; empty for nobody.
        until: when that ends by itself.
        silenced: that nobody was left whom it is for, and why; empty where somebody was.
        is_stopped: that the last of them has stopped it on the page, which nothing at the provider takes back.
    """

    to: Sequence[str]
    cc: Sequence[str]
    objections: dict[str, dict[Why, datetime]] = field(default_factory=dict)
    taken_back_at: dict[str, datetime] = field(default_factory=dict)
    resubscribed_at: dict[str, datetime] = field(default_factory=dict)
    all_taken_back_at: datetime | None = None
    held_by: str = ""
    until: datetime | None = None
    silenced: Why | Literal[""] = ""
    is_stopped: bool = False

    def passes(self, now: datetime) -> None:
        """A pause with an end is over when that has come."""
        if self.until and self.until <= now:
            self.held_by, self.until = "", None

    def objects(self, address: str, why: Why, at: datetime, own: str) -> None:
        """An address says that it wants no emails."""
        earlier = [self.taken_back_at.get(address), self.all_taken_back_at]
        if why == "unsubscription":
            earlier.append(self.resubscribed_at.get(address))
        if any(each is not None and at <= each for each in earlier):
            return
        before = self.objections.get(address, {})
        # Who knows it already does not look again.
        if why not in before or before[why] < at:
            self.objections[address] = before | {why: at}
            self.looks(own)

    def resubscribes(self, address: str, at: datetime, own: str) -> None:
        """An address takes back at the provider that it had unsubscribed."""
        self.resubscribed_at[address] = max(at, self.resubscribed_at.get(address, at))
        whys, before = self.objections.get(address, {}), self.why_none_is_left(own)
        if "unsubscription" not in whys or whys["unsubscription"] > self.resubscribed_at[address]:
            return
        del whys["unsubscription"]
        if not whys:
            del self.objections[address]
        self.goes_on(before, own)

    def goes_on(self, before: Why | None, own: str) -> None:
        """What had silenced it may be over. What has done so otherwise stays, such as the lists of another time."""
        if self.silenced and self.silenced == before and not self.is_stopped:
            self.silenced = self.why_none_is_left(own) or ""

    def looks(self, own: str) -> None:
        """Somebody looks whether anybody is left whom it is for."""
        why = self.why_none_is_left(own)
        if why and self.held_by in {"", "inactivity"}:
            self.silenced = max(why, self.silenced or why, key=_WHYS.index)
            self.held_by = ""

    def why_none_is_left(self, own: str) -> Why | None:
        """Why each of those objects whom it is for; None if one does not."""
        objecting = [self.objections.get(each, {}) for each in self.meant_for(own)]
        if not all(objecting):
            return None
        return max((why for each in objecting for why in each), key=_WHYS.index)

    def meant_for(self, own: str) -> Sequence[str]:
        """Whom it is for."""
        return self.to or [own]

    def wanting(self, own: str) -> set[str]:
        """Who is to get its reports, if it is sent."""
        to = [each for each in self.meant_for(own) if each not in self.objections]
        return {*to, *(each for each in self.cc if each not in self.objections)} if to else set()

    def take_back(self, address: str, now: datetime) -> None:
        """An address wants emails again."""
        self.objections.pop(address, None)
        self.taken_back_at[address] = now

    def take_all_back(self, now: datetime) -> None:
        """Somebody says that all addresses want emails again."""
        self.objections.clear()
        self.all_taken_back_at = now

    def released(self) -> None:
        """A person lets it go on."""
        self.held_by = self.silenced = ""
        self.until, self.is_stopped = None, False

    def copied(self) -> "Promise":
        """A copy, for a change that is taken back."""
        return copy.deepcopy(self)
