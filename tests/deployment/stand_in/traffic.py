"""The traffic table of a service of Cloud Run, as gcloud changes it and Cloud Run takes it.

https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

Target = dict[str, Any]
LATEST = "LATEST"
TO_LATEST: list[Target] = [{"latestRevision": True, "percent": 100}]

_TAG = re.compile(r"[a-z][a-z0-9-]*")
_LONGEST_TAG = 46
"""It is a part of the address: https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration#tags"""


class WrongTraffic(ValueError):
    """gcloud or Cloud Run refuses the table."""


def _key(target: Target) -> str:
    return LATEST if target.get("latestRevision") else str(target["revisionName"])


def _target(key: str, **rest: Any) -> Target:
    return {**({"latestRevision": True} if key == LATEST else {"revisionName": key}), **rest}


def with_tags(table: list[Target], *, update: Mapping[str, str], remove: Collection[str] = ()) -> list[Target]:
    """The table with some tags set and others removed. A tag has a line of its own, without a percentage."""
    kept = []
    for target in table:
        tag = target.get("tag")
        rest = {key: value for key, value in target.items() if key != "tag" or tag not in {*update, *remove}}
        if rest.get("percent") or rest.get("tag"):
            kept.append(rest)
    return kept + [_target(revision, tag=tag) for tag, revision in update.items()]


def with_shares(table: list[Target], shares: Mapping[str, int]) -> list[Target]:
    """The table with other percentages. Where they are less than 100, the other revisions share the rest as before."""
    tags = [_target(_key(target), tag=target["tag"]) for target in table if target.get("tag")]
    before: dict[str, int] = {}
    for target in table:
        before[_key(target)] = before.get(_key(target), 0) + target.get("percent", 0)
    others = {key: percent for key, percent in before.items() if percent and key not in shares}
    rest = 100 - sum(shares.values())
    if rest < 0:
        raise WrongTraffic("Over 100% of traffic is specified.")
    if rest and not others:
        raise WrongTraffic("Every target with traffic is updated but 100% of traffic has not been specified.")
    scaled = {key: percent * rest // sum(others.values()) for key, percent in others.items() if rest}
    return [_target(key, percent=percent) for key, percent in {**shares, **scaled}.items() if percent] + tags


def without_latest(table: list[Target], latest: str) -> list[Target]:
    """The table in which no traffic follows the newest revision, as `--no-traffic` leaves it."""
    return [{**_target(latest), "percent": one["percent"]} if one.get("latestRevision") else one for one in table]


def check(table: list[Target], revisions: Collection[str]) -> None:
    """What Cloud Run refuses.

    Raises:
        WrongTraffic: with the reason.
    """
    tags = [target["tag"] for target in table if target.get("tag")]
    for target in table:
        if not target.get("latestRevision") and target["revisionName"] not in revisions:
            raise WrongTraffic(f"Revision named '{target['revisionName']}' does not exist or is not ready to serve.")
    for tag in tags:
        if not _TAG.fullmatch(tag) or len(tag) > _LONGEST_TAG or tags.count(tag) > 1:
            raise WrongTraffic(f"spec.traffic: Invalid traffic tag '{tag}'.")
    if sum(target.get("percent", 0) for target in table) != 100:
        raise WrongTraffic("spec.traffic: Traffic targets must add up to 100 percent.")
