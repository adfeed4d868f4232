"""What Cloud Run takes for a traffic table.

https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration
"""

import re
from collections.abc import Collection
from typing import Any

from tests.deployment.stand_in.invalid import Invalid

_LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
TO_LATEST: list[dict[str, Any]] = [{"type": _LATEST, "percent": 100}]

_TAG = re.compile(r"[a-z][a-z0-9-]*")
_LONGEST_TAG = 46
"""It is a part of the address: https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration#tags"""


def check_traffic(table: list[dict[str, Any]], revisions: Collection[str]) -> None:
    """What Cloud Run refuses.

    Args:
        table: the traffic table.
        revisions: those that there are.

    Raises:
        Invalid: with the reason.
    """
    tags = [target["tag"] for target in table if target.get("tag")]
    for target in table:
        if target["type"] != _LATEST and target["revision"] not in revisions:
            raise Invalid(f"Revision named '{target['revision']}' does not exist or is not ready to serve.")
    for tag in tags:
        if not _TAG.fullmatch(tag) or len(tag) > _LONGEST_TAG or tags.count(tag) > 1:
            raise Invalid(f"traffic: Invalid traffic tag '{tag}'.")
    if sum(target.get("percent", 0) for target in table) != 100:
        raise Invalid("traffic: Traffic targets must add up to 100 percent.")
