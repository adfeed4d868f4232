"""What we believe about Google, for docs/reference/beliefs.md."""

from tests.documents.generated_parts import table
from tests.documents.google_beliefs import PLAYED, UNPLAYED, Belief

_HEAD = ("what we believe", "who says so", "what rests on it", "if it is wrong", "seen by us")


def _row(belief: Belief) -> tuple[str, ...]:
    return belief.says, belief.source, belief.rests, belief.wrong, "yes" if belief.seen else "no"


def _deployment(_part: str) -> str:
    return table(
        ("id", "at most", *_HEAD),
        ((f"`{each.id}`", f"{each.minutes:g} min" if each.minutes else "", *_row(each)) for each in PLAYED.values()),
    )


def _unplayed(_part: str) -> str:
    return table(("id", *_HEAD), ((f"`{each.id}`", *_row(each)) for each in UNPLAYED))


PARTS = {"deployment": _deployment, "unplayed": _unplayed}
