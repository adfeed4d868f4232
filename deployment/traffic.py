"""Reads which revision of each function serves, and plans where its traffic goes.

    printf '{"services": %s, "revisions": [%s, …]}' … | traffic.py COMMAND FUNCTION=SERVICE...

The lists are that of `gcloud run services list`, and those of `gcloud run revisions list` for each service, as JSON.
The state can be told without the latter. Cloud Run itself is the only record: the traffic table of a service, the tag
`canary` in it, and two labels of each revision, `deployment`, the time of the deployment that made it, and `replaces`,
the revision that served before it.

Each command prints a line for each function, its parts separated by tabs. `state` prints for each that is there: its
state, the revision that serves, the canary, the canary's percentage and when it was made, and `-` where there is none.
`promote` and `rollback` print the flags of `gcloud run services update-traffic` and what they do, for each function
whose traffic moves, and `-` and the reason for each that stays; `promote-canary` and `rollback-canary` leave out the
functions without a canary. The status is 1 where no function may be promoted.
"""

import enum
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Resource = dict[str, Any]

CANARY = "canary"
"""The tag. https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration#tags"""
_NONE = "-"


class State(enum.Enum):
    """How the traffic of a function is divided."""

    NEWEST = "newest"
    """All goes to the newest revision, also to one that is yet to come."""
    PINNED = "pinned"
    """All goes to the newest revision, but not to one that is yet to come: a person set it so."""
    OLDER = "older"
    """All goes to an older revision: the function was rolled back."""
    CANARY = "canary"
    """A revision has the tag, with or without a share of the traffic."""
    SPLIT = "split"
    """Several revisions have a share: a person set it so."""


@dataclass(frozen=True)
class Revision:
    """A revision of a service.

    Attributes:
        name: its name.
        service: whose it is.
        made_at: as Google writes it; such times are in order as texts.
        labels: its labels.
        is_ready: whether it can serve.
    """

    name: str
    service: str
    made_at: str
    labels: Mapping[str, str]
    is_ready: bool

    @classmethod
    def from_resource(cls, resource: Resource) -> "Revision":
        """https://cloud.google.com/run/docs/reference/rest/v1/namespaces.revisions"""
        metadata = resource["metadata"]
        conditions = resource.get("status", {}).get("conditions", [])
        return cls(
            name=metadata["name"],
            service=metadata["labels"]["serving.knative.dev/service"],
            made_at=metadata["creationTimestamp"],
            labels=metadata["labels"],
            is_ready=any(one["type"] == "Ready" and one["status"] == "True" for one in conditions),
        )

    def __str__(self) -> str:
        made = f"made {self.made_at[:16]}Z"
        commit = self.labels.get("commit")
        return f"{self.name} ({made}{f', commit {commit[:12]}' if commit else ''})"


@dataclass(frozen=True)
class Traffic:
    """The traffic table of a service.

    Attributes:
        newest: the newest revision that is ready.
        shares: the percentage of each revision that has one.
        canary: the revision that has the tag.
        follows: whether all goes to the newest revision, whichever that will be.
    """

    newest: str
    shares: Mapping[str, int]
    canary: str | None
    follows: bool

    @classmethod
    def from_resource(cls, service: Resource) -> "Traffic":
        """https://cloud.google.com/run/docs/reference/rest/v1/TrafficTarget"""
        newest = service["status"].get("latestReadyRevisionName", "")
        targets = service["spec"].get("traffic") or [{"latestRevision": True, "percent": 100}]
        shares: dict[str, int] = {}
        tagged: dict[str, str] = {}
        for target in targets:
            revision = newest if target.get("latestRevision") else target["revisionName"]
            if target.get("percent"):
                shares[revision] = shares.get(revision, 0) + target["percent"]
            if target.get("tag"):
                tagged[target["tag"]] = revision
        follows = any(target.get("latestRevision") and target.get("percent") == 100 for target in targets)
        return cls(newest=newest, shares=shares, canary=tagged.get(CANARY), follows=follows)

    @property
    def state(self) -> State:
        """How it is divided."""
        if self.canary:
            return State.CANARY
        if len(self.shares) > 1:
            return State.SPLIT
        if self.newest not in self.shares:
            return State.OLDER
        return State.NEWEST if self.follows else State.PINNED


@dataclass(frozen=True)
class Function:
    """A function as it is deployed.

    Attributes:
        name: such as `worker`.
        traffic: its traffic table.
        revisions: its revisions by name.
    """

    name: str
    traffic: Traffic
    revisions: Mapping[str, Revision]

    @property
    def serving(self) -> str | None:
        """The revision that serves, the old one if there is a canary; None where that is not known."""
        old = [name for name in self.traffic.shares if name != self.traffic.canary]
        if old:
            return min(old, key=lambda name: self.revisions[name].made_at if name in self.revisions else "")
        canary = self.revisions.get(self.traffic.canary or "")
        return canary.labels.get("replaces") if canary else None

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

    def told(self, revision: str | None) -> str:
        """A revision for people."""
        return str(self.revisions.get(revision or "", revision))


@dataclass(frozen=True)
class Move:
    """What becomes of a function's traffic.

    Attributes:
        function: which.
        flags: of `gcloud run services update-traffic`; none where it stays as it is.
        words: what that does, or why it stays.
        is_error: whether no function's traffic may move for that reason.
    """

    function: str
    flags: tuple[str, ...]
    words: str
    is_error: bool = False


def read_functions(document: Resource, services: Mapping[str, str]) -> list[Function]:
    """The functions that are deployed.

    Args:
        document: the lists of services and of revisions.
        services: the service of each function.
    """
    there = {service["metadata"]["name"]: service for service in document["services"]}
    revisions = [Revision.from_resource(resource) for many in document["revisions"] for resource in many]
    return [
        Function(
            name,
            Traffic.from_resource(there[service]),
            {revision.name: revision for revision in revisions if revision.service == service},
        )
        for name, service in services.items()
        if service in there
    ]


def promote(functions: Sequence[Function]) -> Iterator[Move]:
    """All traffic to the newest revision of each."""
    for function in functions:
        traffic = function.traffic
        tag = (f"--remove-tags={CANARY}",) if traffic.canary else ()
        if traffic.state is State.NEWEST:
            yield Move(function.name, (), "all traffic goes to the newest revision")
        elif traffic.canary and traffic.canary != traffic.newest:
            reason = f"its canary {traffic.canary} is not the newest revision that is ready, {traffic.newest}"
            yield Move(function.name, (), reason, is_error=True)
        else:
            yield Move(function.name, ("--to-latest", *tag), f"all traffic to {function.told(traffic.newest)}")


def roll_back(functions: Sequence[Function], *, alone: bool) -> Iterator[Move]:
    """The traffic of each function with a canary or a split to the old revision. Where there are none: the traffic of
    each that the last deployment has changed to the revision before.

    Args:
        functions: which.
        alone: whether a person has named the function, so that it goes back, whichever deployment changed it.
    """
    divided = [function for function in functions if function.traffic.state in {State.CANARY, State.SPLIT}]
    if divided:
        for function in divided:
            tag = (f"--remove-tags={CANARY}",) if function.traffic.canary else ()
            yield _move_to(function, function.serving, function.traffic.canary or function.traffic.newest, tag)
        return
    deployments = {function.name: _deployment(function) for function in functions}
    last = max(deployments.values(), default="")
    for function in functions:
        if alone or deployments[function.name] == last:
            yield _move_to(function, function.before, function.serving, ())
        else:
            yield Move(
                function.name, (), f"stays: the last deployment did not change it: {function.told(function.serving)}"
            )


def _deployment(function: Function) -> str:
    serving = function.revisions.get(function.serving or "")
    return serving.labels.get("deployment", "") if serving else ""


def _move_to(function: Function, target: str | None, source: str | None, tag: tuple[str, ...]) -> Move:
    if target is None:
        return Move(function.name, (), f"stays: it has no revision before {function.told(source)}")
    words = f"from {function.told(source)} back to {function.told(target)}"
    return Move(function.name, (f"--to-revisions={target}=100", *tag), words)


def _state_lines(functions: Sequence[Function]) -> Iterator[str]:
    for function in functions:
        traffic = function.traffic
        canary = traffic.canary or ""
        made_at = function.revisions[canary].made_at if canary in function.revisions else ""
        parts = (function.name, traffic.state.value, function.serving, canary, traffic.shares.get(canary, 0), made_at)
        yield "\t".join(str(part or _NONE) for part in parts)


def main(command: str, *pairs: str) -> None:
    """Carry out one command."""
    functions = read_functions(json.load(sys.stdin), dict(pair.split("=", 1) for pair in pairs))
    if command == "state":
        sys.stdout.writelines(f"{line}\n" for line in _state_lines(functions))
        return
    verb, _, of_canary = command.partition("-")
    if of_canary:
        functions = [function for function in functions if function.traffic.canary]
    moves = list(promote(functions) if verb == "promote" else roll_back(functions, alone=len(pairs) == 1))
    sys.stdout.writelines(f"{move.function}\t{' '.join(move.flags) or _NONE}\t{move.words}\n" for move in moves)
    if any(move.is_error for move in moves):
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
