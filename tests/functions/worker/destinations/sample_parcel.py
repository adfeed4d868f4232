"""A report that goes elsewhere than by email."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from functions.shared.times.period import Period
from functions.worker.destinations.parcel import Parcel
from report_kit.blocks import Chart, Headline, Table, TableRow
from report_kit.report import Attachment, InlineImage

PARCEL = Parcel(
    delivery_id="u1:s1:20261124T0000Z",
    kind="orders",
    user_id="u1",
    subscription_id="s1",
    period=Period(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)),
    subject="Orders <now> & *then*",
    summary="Busiest hour: 10:00.",
    text="Orders: 30",
    html='<h1>Orders</h1><img src="cid:orders-chart">',
    images=[InlineImage(content_id="orders-chart", content=b"\x89PNG" * 100)],
    attachments=[Attachment(filename="orders.csv", content=b"Tea,12.50", media_type="text/csv")],
    headlines=[Headline(label="Orders", value="30", change="Up 50% from 20")],
    charts=[Chart(content_id="orders-chart", title="By hour", description="Most came at 10.", top="9", axis=[])],
    tables=[Table(title="Products", columns=["Product", "Total"], rows=[TableRow(cells=["Tea", "€12.50"])])],
    figures={"orders": 30},
    url="https://app.example.com/orders",
    url_label="Open <A & B>",
    copy_label="View in browser",
)


def parcel(**fields: Any) -> Parcel:
    """The report, with other fields."""
    return replace(PARCEL, **fields)
