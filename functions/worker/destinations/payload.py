"""A report for programs, as JSON: the same report always makes the same bytes. Pure."""

import json
from datetime import datetime
from typing import Any

from functions.worker.destinations.parcel import Parcel


def payload(parcel: Parcel) -> dict[str, Any]:
    """The body, in the structure that Standard Webhooks recommends: `type` says which schema `data` has.

    docs/guides/destinations.md#a-webhook explains it.
    """
    links = {"product": parcel.url, "copy": parcel.copy_url}
    return {
        "type": f"report.{parcel.kind}",
        "timestamp": _time(parcel.period.end),
        "data": {
            "delivery_id": parcel.delivery_id,
            "user_id": parcel.user_id,
            "subscription_id": parcel.subscription_id,
            "kind": parcel.kind,
            "period": {"start": _time(parcel.period.start), "end": _time(parcel.period.end)},
            "figures": parcel.figures,
            "shown": {
                "subject": parcel.subject,
                "summary": parcel.summary,
                "figures": [
                    {"label": each.label, "value": each.value, "change": each.change} for each in parcel.headlines
                ],
                "tables": [
                    {"title": each.title, "columns": [*each.columns], "rows": [[*row.cells] for row in each.rows]}
                    for each in parcel.tables
                ],
            },
            "links": {name: link for name, link in links.items() if link},
        },
    }


def body(parcel: Parcel) -> bytes:
    """The payload to the byte."""
    return json.dumps(payload(parcel), separators=(",", ":"), sort_keys=True).encode()


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
