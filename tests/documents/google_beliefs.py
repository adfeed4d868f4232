"""What we believe about Google and the email providers, each with its source: what the weather plays, and what
it does not. docs/reference/beliefs.md is made from it."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, kw_only=True)
class Belief:
    """One of them.

    Attributes:
        id: its name.
        says: what we believe.
        source: who says so, as links.
        rests: what of the pipeline rests on it.
        wrong: what happens if it is wrong.
        minutes: how long the weather lets it last, at most; 0 if it comes and goes, or stays.
        seen: whether we have seen it on Google Cloud ourselves.
    """

    id: str
    says: str
    source: str
    rests: str
    wrong: str
    minutes: float = 0
    seen: bool = False


_TABLE = yaml.safe_load(Path(__file__).with_name("google_beliefs.yaml").read_text(encoding="utf-8"))

PLAYED = {each["id"]: Belief(**each) for each in _TABLE["deployment"]}
"""What a deployment rests on, and the weather plays, by its id."""

UNPLAYED = tuple(Belief(**each) for each in _TABLE["unplayed"])
"""What the weather does not play: what the functions rest on, and a little more."""
