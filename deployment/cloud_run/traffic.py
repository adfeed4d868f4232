"""Which revision of each function serves, and where its traffic goes.

Cloud Run itself is the only record: the traffic table of a service, the tag `canary` in it, and two labels of each
revision, `deployment`, the time of the deployment that made it, and `replaces`, the revision that served before it.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from deployment.engine.discovery import Resource

CANARY = "canary"
"""The tag. https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration#tags"""

_LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
_TO_LATEST: list[Resource] = [{"type": _LATEST, "percent": 100}]


class State(enum.Enum):
    NEWEST = "all goes to the newest revision, also to one that is yet to come"
    PINNED = "all goes to the newest revision, but not to one that is yet to come: a person set it so"
    OLDER = "all goes to an older revision: the function was rolled back"
    CANARY = "a revision has the tag, with or without a share of the traffic"
    SPLIT = "several revisions have a share: a person set it so"


class Revision:
    """A revision of a service. Times of `made_at` are in order as texts.
    https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services.revisions"""

    def __init__(self, resource: Resource) -> None:
        self.name = _last_part(resource["name"])
        self.made_at: str = resource["createTime"]
        self.labels: Mapping[str, str] = resource.get("labels", {})
        states = {one.get("type"): one.get("state") for one in resource.get("conditions", [])}
        self.is_ready = states.get("Ready") == "CONDITION_SUCCEEDED"

    @property
    def time(self) -> datetime:
        """When it was made, in UTC, without the fraction of a second."""
        return datetime.strptime(f"{self.made_at[:19]}+0000", "%Y-%m-%dT%H:%M:%S%z")

    def __str__(self) -> str:
        commit = self.labels.get("commit", "")[:12]
        return f"{self.name} (made {self.made_at[:16]}Z{commit and f', commit {commit}'})"


class Function:
    """A function as it is deployed; its state can be told without its revisions.
    https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services"""

    def __init__(self, name: str, service: Resource, revisions: Iterable[Resource] = ()) -> None:
        self.name, self.service = name, service
        self.revisions = {each.name: each for each in map(Revision, revisions)}
        self.newest = _last_part(service.get("latestReadyRevision", ""))
        self.shares: dict[str, int] = {}
        self.canary = ""
        self._targets: list[Resource] = service.get("traffic") or _TO_LATEST
        for target in self._targets:
            revision = self.newest if target.get("type") == _LATEST else target["revision"]
            if percent := target.get("percent"):
                self.shares[revision] = self.shares.get(revision, 0) + percent
            if target.get("tag") == CANARY:
                self.canary = revision

    @property
    def state(self) -> State:
        if self.canary:
            return State.CANARY
        if len(self.shares) > 1:
            return State.SPLIT
        if self.newest not in self.shares:
            return State.OLDER
        follows = any(target.get("type") == _LATEST and target.get("percent") for target in self._targets)
        return State.NEWEST if follows else State.PINNED

    @property
    def serving(self) -> str | None:
        """The revision that serves, the old one if there is a canary; None where that is not known."""
        old = [name for name in self.shares if name != self.canary]
        if old:
            return min(old, key=lambda name: self.revisions[name].made_at if name in self.revisions else "")
        return self.revisions[self.canary].labels.get("replaces") if self.canary in self.revisions else None

    @property
    def before(self) -> str | None:
        """The revision to go back to: the one that served before, else the newest that is older and ready.

        The newest that is older may be a canary that was rolled back.
        """
        serving = self.revisions.get(self.serving or "")
        if serving is None:
            return None
        replaced = self.revisions.get(serving.labels.get("replaces", ""))
        if replaced and replaced.is_ready:
            return replaced.name
        older = [one for one in self.revisions.values() if one.is_ready and one.made_at < serving.made_at]
        return max(older, key=lambda one: one.made_at).name if older else None

    @property
    def deployment(self) -> str:
        serving = self.revisions.get(self.serving or "")
        return serving.labels.get("deployment", "") if serving else ""

    def told(self, revision: str | None) -> str:
        return str(self.revisions.get(revision or "", revision))

    def table(self, shares: Mapping[str, int] | None = None, *, canary: str = "") -> list[Resource]:
        """The table that divides the traffic otherwise, in percent by revision; without shares, all goes to the newest
        one. Tags of others stay."""
        tagged = [each for each in self._targets if each.get("tag") not in {None, "", CANARY}]
        return [
            *(_TO_LATEST if shares is None else (_target(name, percent=share) for name, share in shares.items())),
            *([_target(canary, tag=CANARY)] if canary else []),
            *({key: value for key, value in each.items() if key != "percent"} for each in tagged),
        ]


@dataclass(frozen=True, kw_only=True)
class Move:
    """A change of a function's traffic, in words. Without a table, the traffic stays as it is. After an error, no
    function's traffic moves."""

    function: Function
    table: list[Resource] | None = None
    words: str
    is_error: bool = False


def promote(functions: Sequence[Function]) -> Iterator[Move]:
    for function in functions:
        if function.state is State.NEWEST:
            yield Move(function=function, words="all traffic goes to the newest revision")
        elif function.canary and function.canary != function.newest:
            words = f"its canary {function.canary} is not the newest revision that is ready, {function.newest}"
            yield Move(function=function, words=words, is_error=True)
        else:
            words = f"all traffic to {function.told(function.newest)}"
            yield Move(function=function, table=function.table(), words=words)


def roll_back(functions: Sequence[Function], *, alone: bool) -> Iterator[Move]:
    """The traffic of each function with a canary or a split to the old revision. Where there are none: the traffic of
    each that the last deployment has changed to the revision before."""
    divided = [function for function in functions if function.state in {State.CANARY, State.SPLIT}]
    last = max((function.deployment for function in functions), default="")
    for function in divided or functions:
        serving = function.serving
        if divided:
            yield _move(function, serving, function.canary or function.newest)
        elif alone or function.deployment == last:
            yield _move(function, function.before, serving)
        else:
            words = f"stays: the last deployment did not change it: {function.told(serving)}"
            yield Move(function=function, words=words)


def _move(function: Function, target: str | None, source: str | None) -> Move:
    if target is None:
        return Move(function=function, words=f"stays: it has no revision before {function.told(source)}")
    words = f"from {function.told(source)} back to {function.told(target)}"
    return Move(function=function, table=function.table({target: 100}), words=words)


def _target(revision: str, **rest: int | str) -> Resource:
    return {"type": _REVISION, "revision": revision, **rest}


def _last_part(name: str) -> str:
    return name.rpartition("/")[2]
