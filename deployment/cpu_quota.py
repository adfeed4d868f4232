"""Print a region's quota of Cloud Run's CPUs, in thousandths of a CPU. Print nothing if there is no limit.

    gcloud beta quotas info describe CpuAllocPerProjectRegion --service=run.googleapis.com --format=json |
        cpu_quota.py REGION

https://cloud.google.com/docs/quotas/reference/rest/v1/projects.locations.services.quotaInfos
"""

import json
import sys
from typing import Any

UNLIMITED = -1


def cpu_quota(info: dict[str, Any], region: str) -> int | None:
    """Return the quota of a region: its own value, or that of all regions that have none; None without a limit."""
    values: dict[str, int] = {}
    for one in info.get("dimensionsInfos", []):
        named = one.get("dimensions", {}).get("region", "")
        if named in ("", region) and region in one.get("applicableLocations", [region]):
            values[named] = int(one.get("details", {}).get("value", UNLIMITED))
    value = values.get(region, values.get("", UNLIMITED))
    return None if value == UNLIMITED else value


if __name__ == "__main__":
    quota = cpu_quota(json.load(sys.stdin), sys.argv[1])
    if quota is not None:
        print(quota)
