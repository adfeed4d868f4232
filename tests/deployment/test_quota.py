"""Cloud Run's quota of CPUs in a region, as Cloud Quotas tells it."""

from typing import Any

import pytest

from deployment.quota import cpu_quota


@pytest.mark.parametrize(
    ("infos", "quota"),
    [
        ([{"details": {"value": "20000"}}], 20000),
        ([{"details": {"value": "20000"}}, {"dimensions": {"region": "r1"}, "details": {"value": "60000"}}], 60000),
        ([{"dimensions": {"region": "r1"}, "details": {"value": "-1"}}, {"details": {"value": "20000"}}], None),
        ([{"dimensions": {"region": "r2"}, "details": {"value": "60000"}}], None),
        (
            [
                {"applicableLocations": ["r2"], "details": {"value": "200000"}},
                {"applicableLocations": ["r1"], "details": {"value": "20000"}},
            ],
            20000,
        ),
        ([], None),
    ],
)
def test_quota_of_a_region(infos: list[dict[str, Any]], quota: int | None) -> None:
    assert cpu_quota({"quotaId": "CpuAllocPerProjectRegion", "dimensionsInfos": infos}, "r1") == quota
